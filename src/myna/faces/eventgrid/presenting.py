"""A message as this API shows it: headers beside a payload, or one JSON object.

The reverse of `naming`, in the same encodings, so that nothing a message carries is lost. What a newcomer gets wrong:
a header holds ASCII here. Topics and content types are percent-encoded where they are anything else.
"""

import base64
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from myna.core.message import Message
from myna.faces.eventgrid.answers import Headers
from myna.wire.properties import Properties

_SAFE: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_ENCODE: Final = msgspec.json.Encoder().encode


def header_text(text: str) -> bytes:
    """Percent-encoded as far as it must be, blanks at the ends included."""
    if text.isascii() and text.isprintable() and "%" not in text and text == text.strip():
        return text.encode()
    safe = _SAFE if text == text.strip() else _SAFE.replace(" ", "")
    return quote(text, safe=safe).encode()


def instant(at: float) -> str:
    """ISO 8601, in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def property_headers(properties: Properties | None) -> Headers:
    """In the encodings a publish takes them in."""
    headers: Headers = []
    if properties is None:
        return headers
    if properties.content_type is not None:
        headers.append((b"mqtt-content-type", header_text(properties.content_type)))
    if properties.response_topic is not None:
        headers.append((b"mqtt-response-topic", quote(properties.response_topic, safe="/").encode()))
    if properties.correlation_data is not None:
        headers.append((b"mqtt-correlation-data", base64.b64encode(properties.correlation_data)))
    if properties.user_properties:
        pairs = [{key: value} for key, value in properties.user_properties]
        headers.append((b"mqtt-user-properties", base64.b64encode(_ENCODE(pairs))))
    if properties.payload_format >= 0:
        headers.append((b"mqtt-payload-format-indicator", str(properties.payload_format).encode()))
    return headers


def as_object(message: Message, qos: int, retain: bool, now: float) -> dict[str, Any]:
    """As an event stream shows it, in the names of a batch's items."""
    shown: dict[str, Any] = {"topic": message.topic, "qos": qos, "retain": int(retain)}
    try:
        shown["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        shown["payload_base64"] = base64.b64encode(message.payload).decode()
    if message.expires_at:
        shown["messageExpiry"] = message.remaining(now)
    properties = message.properties
    if properties is None:
        return shown
    if properties.content_type is not None:
        shown["contentType"] = properties.content_type
    if properties.response_topic is not None:
        shown["responseTopic"] = properties.response_topic
    if properties.correlation_data is not None:
        shown["correlationData"] = base64.b64encode(properties.correlation_data).decode()
    if properties.user_properties:
        shown["userProperties"] = [{key: value} for key, value in properties.user_properties]
    if properties.payload_format >= 0:
        shown["payloadFormatIndicator"] = properties.payload_format
    return shown
