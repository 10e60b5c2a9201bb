"""Reading what a request says: each member as the kind it must be, with the original's tolerance.

Members stay undecoded until they are asked for, so that arbitrary JSON comes back as it was. What a newcomer gets
wrong: a number may come as a string and an id as a number; null is the same as absent, except to `holds`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from myna.faces.devicehive.answers import malformed
from myna.faces.devicehive.timestamps import read_time

LARGEST: Final = (1 << 63) - 1

_object_decoder: Final = msgspec.json.Decoder(dict[str, Raw])
_any_decoder: Final = msgspec.json.Decoder()
NULL: Final = b"null"


class NotAnObject(Exception):
    """The payload is not a JSON object."""


class Parameters:
    """A JSON object's members."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Raw]) -> None:
        self._members = members

    def holds(self, name: str) -> bool:
        """Is the member there at all, be it null?"""
        return name in self._members

    def raw(self, name: str) -> bytes | None:
        held = self._members.get(name)
        if held is None:
            return None
        text = bytes(held).strip()
        return None if text == NULL else text

    def json(self, name: str) -> str | None:
        """Arbitrary JSON, as it was sent."""
        held = self.raw(name)
        return None if held is None else held.decode()

    def value(self, name: str) -> Any:
        held = self.raw(name)
        return None if held is None else _decode(held)

    def text(self, name: str) -> str | None:
        return _text(self.value(name))

    def integer(self, name: str) -> int | None:
        return _integer(self.value(name))

    def flag(self, name: str) -> bool | None:
        value = self.value(name)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if value is None or isinstance(value, bool):
            return value
        raise malformed()

    def time(self, name: str) -> int | None:
        value = self.value(name)
        if value is None:
            return None
        ms = read_time(value)
        if ms is None:
            raise malformed()
        return ms

    def items(self, name: str) -> list[Any] | None:
        value = self.value(name)
        if value is None or isinstance(value, list):
            return value
        raise malformed()

    def texts(self, name: str) -> list[str] | None:
        items = self.items(name)
        return None if items is None else [text for text in map(_text, items) if text is not None]

    def integers(self, name: str) -> list[int] | None:
        items = self.items(name)
        return None if items is None else [number for number in map(_integer, items) if number is not None]

    def object(self, name: str) -> "Parameters | None":
        held = self.raw(name)
        if held is None:
            return None
        try:
            return read_object(held)
        except NotAnObject:
            raise malformed() from None

    def names(self) -> set[str]:
        return set(self._members)


def read_object(payload: bytes) -> Parameters:
    """The payload of a request. Its text is checked whole, because parts of it are passed on undecoded."""
    try:
        payload.decode()
        return Parameters(_object_decoder.decode(payload))
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise NotAnObject(str(error)) from error


def read_any(text: bytes) -> Any:
    """Any JSON value; NotAnObject where it is no JSON at all."""
    try:
        return _any_decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise NotAnObject(str(error)) from error


def _decode(text: bytes) -> Any:
    try:
        return _any_decoder.decode(text)
    except (ValueError, RecursionError):
        raise malformed() from None


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str) or "\0" in value:  # no database takes that character
        raise malformed()
    return value


def _integer(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        digits = value.strip()
        if not digits.isascii() or len(digits) > 20 or not digits.lstrip("+-").isdecimal():
            raise malformed()
        try:
            value = int(digits)
        except ValueError:
            raise malformed() from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -LARGEST <= value <= LARGEST:
        raise malformed()
    return value
