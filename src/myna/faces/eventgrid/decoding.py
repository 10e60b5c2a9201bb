"""The encodings of single values: percent-escapes, base64, flags, numbers, user properties.

Pure: text or bytes in, a value or a Fault out; knows no request. What a newcomer gets wrong: `+` is not a space here.
These are the rules of RFC 3986, not of HTML forms, so `a+b` is a name with a plus in it. And Python's base64 silently
drops what is not base64 unless told to validate.
"""

import base64
import binascii
import json
import re
from typing import Final, NoReturn
from urllib.parse import unquote_to_bytes

from myna.faces.eventgrid.answers import Fault
from myna.wire.fields import MAXIMUM_STRING, is_wanted

UserProperties = list[tuple[str, str]]

MAXIMUM_EXPIRY: Final = 0xFFFFFFFF

_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_BLANKS: Final = b" \t"


def decode_percent(raw: bytes, target: str) -> str:
    """Escapes are resolved exactly once, and the result must be UTF-8."""
    if b"%" in raw:
        if _BROKEN_ESCAPE.search(raw):
            raise Fault("InvalidEncoding", f"{target}: a % that two hexadecimal digits do not follow", target)
        raw = unquote_to_bytes(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Fault("InvalidEncoding", f"{target}: not UTF-8 once its escapes are resolved", target) from None


def decode_flag(raw: bytes, code: str, target: str) -> int:
    """Exactly one of the characters 0 and 1."""
    raw = raw.strip(_BLANKS)
    if raw == b"1":
        return 1
    if raw == b"0":
        return 0
    raise Fault(code, f"{target} must be 0 or 1", target)


def decode_expiry(raw: bytes, target: str) -> int:
    """Seconds; 0 means that the message never expires, which is this product's rule and not MQTT's."""
    raw = raw.strip(_BLANKS)
    if raw.isdigit() and len(raw) <= 32:  # bytes.isdigit knows ASCII digits only
        value = int(raw)
        if value <= MAXIMUM_EXPIRY:
            return value
    raise Fault("InvalidMessageExpiry", f"{target} must be a whole number from 0 to {MAXIMUM_EXPIRY}", target)


def decode_base64(raw: bytes, code: str, target: str) -> bytes:
    """Of the standard or the URL-safe alphabet, padded or not."""
    text = raw.strip(_BLANKS).translate(_URL_SAFE)
    bare = text.rstrip(b"=")
    padding = len(text) - len(bare)
    if padding > 2 or (padding and len(text) % 4) or len(bare) % 4 == 1:
        raise Fault(code, f"{target}: not base64", target)
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Fault(code, f"{target}: not base64", target) from None


def decode_response_topic(raw: bytes, target: str) -> str:
    return check_response_topic(decode_percent(raw.strip(_BLANKS), target), target)


def check_response_topic(topic: str, target: str) -> str:
    """A legal topic name [MQTT-3.3.2-13] [MQTT-3.3.2-14]."""
    if not topic or "+" in topic or "#" in topic or not is_text(topic):
        raise Fault("InvalidResponseTopic", f"{target}: not a topic name", target)
    return topic


def decode_content_type(raw: bytes, target: str) -> str | None:
    """As it stands: parameters, spelling and all."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Fault("InvalidContentType", f"{target}: not UTF-8", target) from None
    return check_content_type(text, target)


def check_content_type(text: str, target: str) -> str | None:
    if not is_text(text):
        raise Fault("InvalidContentType", f"{target}: control characters", target)
    return text or None


def decode_user_properties(raw: bytes, target: str) -> UserProperties:
    """The base64 of a JSON array; or the array itself, as the vendor's published collection sends it."""
    raw = raw.strip(_BLANKS)
    text = raw if raw.startswith(b"[") else decode_base64(raw, "InvalidUserProperties", target)
    try:
        value = json.loads(text.decode(), object_pairs_hook=Pairs)
    except (ValueError, RecursionError):  # ValueError: bad UTF-8, bad JSON, an absurdly long number
        _bad_properties("not JSON in UTF-8", target)
    return read_user_properties(value, target)


def parse_json(text: bytes) -> object:
    """JSON whose objects keep their repeated keys, for `read_user_properties`. Raises ValueError or RecursionError."""
    return json.loads(text.decode(), object_pairs_hook=Pairs)


def read_user_properties(value: object, target: str) -> UserProperties:
    """Objects with several keys stand for several properties, in the order written."""
    if not isinstance(value, list) or isinstance(value, Pairs):
        _bad_properties("the value must be an array of objects with one key each", target)
    found: UserProperties = []
    for element in value:
        if not isinstance(element, Pairs) or not element:
            _bad_properties("each element must be an object with one key", target)
        for key, text in element:
            if not isinstance(text, str):
                _bad_properties("each value must be a string", target)
            if not (is_text(key) and is_text(text)):
                _bad_properties("a key or value is too long or holds characters MQTT does not carry", target)
            found.append((key, text))
    return found


def is_text(text: str) -> bool:
    """May it be an MQTT string? Empty ones may."""
    if not is_wanted(text):
        return False
    return len(text) * 4 <= MAXIMUM_STRING or len(text.encode()) <= MAXIMUM_STRING


class Pairs(list[tuple[str, object]]):
    """A JSON object in which a key may be repeated."""

    def get(self, name: str) -> object:
        """The last of this name, as JSON parsers have it."""
        found: object = None
        for key, value in self:
            if key == name:
                found = value
        return found


def _bad_properties(problem: str, target: str) -> NoReturn:
    raise Fault("InvalidUserProperties", f"{target}: {problem}", target)
