"""How `myna sub` prints a message: bare, with its topic, by a format string, or as a line of JSON.

A format is taken apart once; then each message is a row of small functions. Payloads are bytes and stay bytes, so what
was published comes out unchanged, whatever it is.
"""

import base64
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from myna.wire import properties as wire
from myna.wire.packets import Publish
from myna.wire.properties import Properties

Piece = Callable[[Publish], bytes]

_ESCAPES: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "a": b"\a", "e": b"\x1b", "\\": b"\\"}
_NOTHING: Final = Properties()


def as_json(message: Publish, now: float) -> dict[str, Any]:
    """What --json and %j print. The payload is text where it is UTF-8, else base64."""
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(now).astimezone().isoformat(timespec="microseconds"),
        "topic": message.topic,
        "qos": message.qos,
        "retain": message.retain,
    }
    if message.packet_id:
        line["mid"] = message.packet_id
    try:
        line["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        line["payload_base64"] = base64.b64encode(message.payload).decode()
    properties = properties_as_json(message.properties)
    if properties:
        line["properties"] = properties
    return line


def properties_as_json(properties: Properties | None) -> dict[str, Any]:
    """Those that are there, by their attribute's name; binary ones in base64 where they are no text."""
    found: dict[str, Any] = {}
    if properties is None:
        return found
    for attribute, _kind, bearers, _repeatable in wire.TABLE.values():
        value = getattr(properties, attribute)
        if not bearers & wire.IN_PUBLISH or value is None or value == -1:
            continue
        if isinstance(value, bytes):
            try:
                found[attribute] = value.decode()
            except UnicodeDecodeError:
                found[f"{attribute}_base64"] = base64.b64encode(value).decode()
        else:
            found[attribute] = value
    return found


def json_line(message: Publish) -> bytes:
    return json.dumps(as_json(message, time.time()), ensure_ascii=False).encode()


def compile_format(text: str) -> list[Piece]:
    """Raises ValueError for a field there is none of."""
    pieces: list[Piece] = []
    position = 0
    while position < len(text):
        mark = text[position]
        if mark in "%\\" and position + 1 < len(text):
            letter = text[position + 1]
            pieces.append(_field(letter) if mark == "%" else _literal(_escape(letter)))
            position += 2
        elif mark == "@" and position + 1 < len(text):
            pieces.append(_time(text[position + 1]))
            position += 2
        else:
            pieces.append(_literal(mark.encode()))
            position += 1
    return pieces


def _escape(letter: str) -> bytes:
    return _ESCAPES.get(letter, b"\\" + letter.encode())


def _literal(text: bytes) -> Piece:
    return lambda _message: text


def _time(letter: str) -> Piece:
    """@Y, @H …: a field of strftime, for the moment of printing."""
    if letter == "@":
        return _literal(b"@")
    if letter == "N":
        return lambda _message: b"%09d" % (time.time_ns() % 1_000_000_000)
    return lambda _message: time.strftime(f"%{letter}").encode()


def _field(letter: str) -> Piece:
    piece = FIELDS.get(letter)
    if piece is None:
        raise ValueError(f"-F: there is no field %{letter}; there are {' '.join(f'%{name}' for name in FIELDS)}")
    return piece


def _of(message: Publish) -> Properties:
    return message.properties if message.properties is not None else _NOTHING


def _number(value: int) -> bytes:
    return b"" if value == -1 else b"%d" % value


def _user_properties(message: Publish) -> bytes:
    return " ".join(f"{key}:{value}" for key, value in _of(message).user_properties or []).encode()


def _subscriptions(message: Publish) -> bytes:
    return ",".join(str(number) for number in _of(message).subscription_identifiers or []).encode()


# mosquitto_sub's letters.
FIELDS: Final[dict[str, Piece]] = {
    "%": lambda _message: b"%",
    "A": lambda message: _number(_of(message).topic_alias),
    "C": lambda message: (_of(message).content_type or "").encode(),
    "D": lambda message: _of(message).correlation_data or b"",
    "E": lambda message: _number(_of(message).message_expiry),
    "F": lambda message: _number(_of(message).payload_format),
    "I": lambda _message: datetime.now().astimezone().strftime("%Y-%m-%dT%H:%M:%S%z").encode(),
    "j": json_line,
    "l": lambda message: b"%d" % len(message.payload),
    "m": lambda message: b"%d" % message.packet_id,
    "P": _user_properties,
    "p": lambda message: message.payload,
    "q": lambda message: b"%d" % message.qos,
    "R": lambda message: (_of(message).response_topic or "").encode(),
    "r": lambda message: b"%d" % message.retain,
    "S": _subscriptions,
    "t": lambda message: message.topic.encode(),
    "U": lambda _message: f"{time.time():.9f}".encode(),
    "x": lambda message: message.payload.hex().encode(),
    "X": lambda message: message.payload.hex().upper().encode(),
}
