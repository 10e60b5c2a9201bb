import json

import pytest

from myna.commands.clients.formats import FIELDS, as_json, compile_format, json_line
from myna.wire.packets import Publish
from myna.wire.properties import Properties


def message() -> Publish:
    properties = Properties()
    properties.content_type = "text/plain"
    properties.correlation_data = b"\x01\xff"
    properties.message_expiry = 60
    properties.response_topic = "r"
    properties.subscription_identifiers = [3, 4]
    properties.user_properties = [("k", "v"), ("k", "w")]
    properties.payload_format = 0
    return Publish("a/b", b"hi", 2, True, False, 9, properties)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("%t %p", b"a/b hi"),
        ("%q%r%l%m", b"2129"),
        ("%x %X", b"6869 6869"),
        ("%C %D %E %R %S %P %F", b"text/plain \x01\xff 60 r 3,4 k:v k:w 0"),
        (r"%%\t\n\\\q%A", b"%\t\n\\\\q"),
        ("@@", b"@"),
        ("50%", b"50%"),
    ],
)
def test_a_field_is_a_letter(format: str, text: bytes) -> None:
    assert b"".join(piece(message()) for piece in compile_format(format)) == text


@pytest.mark.parametrize("letter", sorted(FIELDS))
def test_every_field_prints_a_bare_message(letter: str) -> None:
    assert isinstance(FIELDS[letter](Publish("a", b"")), bytes)


def test_times_are_fields_of_strftime() -> None:
    (year,) = compile_format("@Y")
    assert len(year(message())) == 4
    (nanoseconds,) = compile_format("@N")
    assert len(nanoseconds(message())) == 9


def test_an_unknown_field_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no field %z; there are %% %A"):
        compile_format("%z")


def test_json_holds_everything() -> None:
    assert as_json(message(), 0.0) == {
        "time": as_json(message(), 0.0)["time"],
        "topic": "a/b",
        "qos": 2,
        "retain": True,
        "mid": 9,
        "payload": "hi",
        "properties": {
            "content_type": "text/plain",
            "correlation_data_base64": "Af8=",
            "message_expiry": 60,
            "payload_format": 0,
            "response_topic": "r",
            "subscription_identifiers": [3, 4],
            "user_properties": [("k", "v"), ("k", "w")],
        },
    }


def test_json_says_of_a_bare_message_only_what_there_is() -> None:
    line = json.loads(json_line(Publish("ü", b"\xff")))
    assert set(line) == {"time", "topic", "qos", "retain", "payload_base64"}
    assert line["topic"] == "ü"
