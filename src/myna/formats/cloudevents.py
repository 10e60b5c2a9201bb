"""CloudEvents 1.0: the JSON form, the binary one, and how to tell that a message is one already.

Knows neither MQTT nor HTTP: attributes are names and texts. What a newcomer gets wrong: an event need not be valid
JSON all through. `data` may be any value, and `data_base64` stands for bytes that no JSON value can be.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
CHARSET: Final = "; charset=utf-8"

REQUIRED: Final = ("specversion", "id", "source", "type")
RESERVED: Final = frozenset({*REQUIRED, "time", "subject", "datacontenttype", "dataschema", "data", "data_base64"})

_NAME: Final = re.compile(r"[a-z0-9]{1,64}")
_JSON: Final = re.compile(r"\s*(application/json|[^;\s]+\+json|text/json)\s*(;.*)?", re.IGNORECASE | re.DOTALL)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)


class NotAnEvent(ValueError):
    """Something that says it is a CloudEvent and is none."""


def is_json(content_type: str) -> bool:
    """`application/json` or `+json`, in any case, with UTF-8 or nothing said of the characters."""
    if not _JSON.fullmatch(content_type):
        return False
    charset = _CHARSET.search(content_type)
    return charset is None or charset[1].lower() in ("utf-8", "utf8")


def is_structured(content_type: str) -> bool:
    return content_type.lower().startswith(STRUCTURED)


def is_attribute_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def check_event(event: object) -> dict[str, Any]:
    """A value as an event; raises NotAnEvent, saying why."""
    if not isinstance(event, dict):
        raise NotAnEvent("it is no JSON object")
    for name in REQUIRED:
        value = event.get(name)
        if not isinstance(value, str) or not value:
            raise NotAnEvent(f"{name} is missing or no text")
    if event["specversion"] != "1.0":
        raise NotAnEvent("its specversion is not 1.0")
    for name, value in event.items():
        if name in ("data", "data_base64"):
            continue
        if not is_attribute_name(name):
            raise NotAnEvent("the name of an attribute is not made of a-z and 0-9")
        if isinstance(value, dict | list | float):
            raise NotAnEvent(f"{name} is no text, whole number or truth value")
    if "data" in event and "data_base64" in event:
        raise NotAnEvent("data and data_base64 exclude each other")
    return event


def content_of(event: Mapping[str, Any]) -> tuple[bytes, str]:
    """The data as bytes and what type it is; none of either where there is no data."""
    content_type = event.get("datacontenttype")
    said = content_type if isinstance(content_type, str) else ""
    if "data_base64" in event:
        try:
            return base64.b64decode(str(event["data_base64"]), validate=True), said
        except (binascii.Error, ValueError):
            raise NotAnEvent("data_base64 is not base64") from None
    if event.get("data") is None:
        return b"", said
    data = event["data"]
    if isinstance(data, str) and not is_json(said or "application/json"):
        return data.encode("utf-8", "surrogatepass"), said
    return msgspec.json.encode(data), said or "application/json"


def attributes_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Everything but the data and its type, as texts: what the binary form puts into headers."""
    found: dict[str, str] = {}
    for name, value in event.items():
        if name in ("data", "data_base64", "datacontenttype") or value is None:
            continue
        found[name] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return found
