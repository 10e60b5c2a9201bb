"""The vectors of the contract for single values, and hostile ones."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.decoding import (
    decode_base64,
    decode_content_type,
    decode_expiry,
    decode_flag,
    decode_percent,
    decode_response_topic,
    decode_user_properties,
)
from myna.wire.fields import is_wanted


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"devices/CXa-23112/prompt", "devices/CXa-23112/prompt"),
        (b"devices%2FCXa-23112%2Fprompt", "devices/CXa-23112/prompt"),
        (b"a%20b%2F%C3%BC", "a b/ü"),
        (b"x%2F%252F", "x/%2F"),
        (b"100%25%2Fx", "100%/x"),
        (b"a+b", "a+b"),
        ("ü".encode(), "ü"),
    ],
)
def test_percent_escapes_are_resolved_once(raw: bytes, text: str) -> None:
    assert decode_percent(raw, "topic") == text


@pytest.mark.parametrize("raw", [b"devices%2XXXX", b"%", b"%2", b"a%zz", b"%ff", b"%C3", b"\xff"])
def test_broken_escapes_and_broken_utf_8_are_refused(raw: bytes) -> None:
    with pytest.raises(Fault) as raised:
        decode_percent(raw, "topic")
    assert (raised.value.status, raised.value.code) == (400, "InvalidEncoding")


@pytest.mark.parametrize("raw", [b"0", b"1", b" 1", b"0 \t"])
def test_a_flag_is_0_or_1(raw: bytes) -> None:
    assert decode_flag(raw, "InvalidQos", "qos") == int(raw)


@pytest.mark.parametrize("raw", [b"", b"2", b"true", b"yes", b"01", b"\xb2", b"1,1"])
def test_anything_else_is_no_flag(raw: bytes) -> None:
    with pytest.raises(Fault):
        decode_flag(raw, "InvalidQos", "qos")


@pytest.mark.parametrize(("raw", "seconds"), [(b"0", 0), (b"3600", 3600), (b"4294967295", 4294967295), (b" 7 ", 7)])
def test_an_expiry_is_a_number_of_seconds(raw: bytes, seconds: int) -> None:
    assert decode_expiry(raw, "mqtt-message-expiry") == seconds


@pytest.mark.parametrize("raw", [b"-1", b"4294967296", b"1.5", b"", b"+1", b"1e3", b"9" * 5000, "٣".encode()])
def test_anything_else_is_no_expiry(raw: bytes) -> None:
    with pytest.raises(Fault) as raised:
        decode_expiry(raw, "mqtt-message-expiry")
    assert raised.value.code == "InvalidMessageExpiry"


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"PlXCscK2wrbCuy8=", bytes.fromhex("3E55C2B1C2B6C2B6C2BB2F")),
        (b"AP8Q", b"\x00\xff\x10"),
        (b"_-8", b"\xff\xef"),
        (b"/+8=", b"\xff\xef"),
        (b"", b""),
        (b"YQ", b"a"),
    ],
)
def test_base64_of_either_alphabet_padded_or_not(raw: bytes, data: bytes) -> None:
    assert decode_base64(raw, "InvalidCorrelationData", "mqtt-correlation-data") == data


@pytest.mark.parametrize(
    "raw", [b"A", b"!!!", b"YQ=", b"YQ===", b"=", b"Y Q=", b"YQ==YQ==", b"\xff\xff\xff\xff", b"AAAAA"]
)
def test_what_is_not_base64_is_refused_not_skipped(raw: bytes) -> None:
    with pytest.raises(Fault):
        decode_base64(raw, "InvalidCorrelationData", "mqtt-correlation-data")


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_base64_round_trips(data: bytes, url_safe: bool, padded: bool) -> None:
    raw = base64.urlsafe_b64encode(data) if url_safe else base64.b64encode(data)
    assert decode_base64(raw if padded else raw.rstrip(b"="), "InvalidBody", "x") == data


SEED = b"W3siVXJnZW5jeSI6ImFsZXJ0In0seyJSZXF1ZXN0SWQiOiI1NWY0YTdlZS1iMGI0LTRkN2YtOGViNS0yZWRiYTJjZWQ1ZDcifV0="


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (SEED, [("Urgency", "alert"), ("RequestId", "55f4a7ee-b0b4-4d7f-8eb5-2edba2ced5d7")]),
        (b"W3siYSI6IjEifSx7ImEiOiIyIn1d", [("a", "1"), ("a", "2")]),
        (b"W3si0LrQu9GO0YciOiLDqSJ9XQ==", [("ключ", "é")]),
        (b"W10=", []),
        (b'[{"Urgency":"alert"}]', [("Urgency", "alert")]),
        ('[{"a":"é"}]'.encode(), [("a", "é")]),
        (b'[{"a":"1","b":"2","a":"3"}]', [("a", "1"), ("b", "2"), ("a", "3")]),
        (b'[{"":""}]', [("", "")]),
    ],
)
def test_user_properties_keep_their_order_and_their_duplicates(raw: bytes, pairs: list[tuple[str, str]]) -> None:
    assert decode_user_properties(raw, "mqtt-user-properties") == pairs


@pytest.mark.parametrize(
    "raw",
    [
        b"eyJhIjoiMSJ9",
        b"W3siYSI6MX1d",
        b"!!!",
        b"",
        b"[",
        b"[1]",
        b"[[]]",
        b"[{}]",
        b'[{"a":null}]',
        b'[{"a":{"b":"c"}}]',
        b'[{"a":["b"]}]',
        b'[{"a":"\\ud800"}]',
        b'[{"a":"\\u0000"}]',
        b'[{"\\u0000":"a"}]',
        b'[{"a":"\xff"}]',
        b"[" * 40_000,
        b'[{"a":' + b"9" * 5000 + b"}]",
        b'[{"a":NaN}]',
        base64.b64encode(json.dumps([{"a": "x" * 65_536}]).encode()),
        base64.b64encode(b'"text"'),
    ],
)
def test_anything_else_is_no_list_of_user_properties(raw: bytes) -> None:
    with pytest.raises(Fault) as raised:
        decode_user_properties(raw, "mqtt-user-properties")
    assert (raised.value.status, raised.value.code) == (400, "InvalidUserProperties")


@given(st.binary(max_size=80))
def test_any_bytes_are_user_properties_or_a_fault(raw: bytes) -> None:
    try:
        pairs = decode_user_properties(raw, "mqtt-user-properties")
    except Fault:
        return
    assert all(is_wanted(key) and is_wanted(value) for key, value in pairs)


@pytest.mark.parametrize(
    ("raw", "topic"), [(b"devices/x/reply", "devices/x/reply"), (b"a%2Fb", "a/b"), (b" %20 ", " ")]
)
def test_a_response_topic_may_be_escaped_or_not(raw: bytes, topic: str) -> None:
    assert decode_response_topic(raw, "mqtt-response-topic") == topic


@pytest.mark.parametrize("raw", [b"", b"a/+", b"a/#", b"a%2F%23", b"a%00b"])
def test_a_response_topic_without_wildcards(raw: bytes) -> None:
    with pytest.raises(Fault) as raised:
        decode_response_topic(raw, "mqtt-response-topic")
    assert (raised.value.status, raised.value.code) == (400, "InvalidResponseTopic")


def test_a_content_type_is_forwarded_as_it_is() -> None:
    assert decode_content_type(b"text/plain;charset=UTF-8", "content-type") == "text/plain;charset=UTF-8"
    assert decode_content_type(b"", "content-type") is None


@pytest.mark.parametrize("raw", [b"\xff", b"a\tb"])
def test_a_content_type_that_mqtt_cannot_carry_is_refused(raw: bytes) -> None:
    with pytest.raises(Fault):
        decode_content_type(raw, "content-type")
