"""A message, or something offered, as a CloudEvent: first as far as filters ask for it, then as JSON.

    v3.1.1, or payload format 0                data_base64
    a JSON content type, or payload format 1   data: the JSON value, or a text that is none
    a CloudEvent already                       its attributes as they came

What a newcomer gets wrong: a message that says it is a CloudEvent and is none is an ordinary message.
"""

import base64
import secrets
from abc import abstractmethod
from typing import Any, Final

import msgspec

from myna.core.message import Message
from myna.formats.cloudevents import (
    REQUIRED,
    RESERVED,
    NotAnEvent,
    check_event,
    is_attribute_name,
    is_json,
    is_structured,
)
from myna.formats.offered import OfferedEvent
from myna.routing.enrichment import Enrichment
from myna.routing.filters import MISSING, Subject
from myna.routing.times import rfc3339

PUBLISHED: Final = "MQTT.EventPublished"
OCTETS: Final = "application/octet-stream"

_CONTENT: Final = ("data", "data_base64", "datacontenttype")


class Ids:
    """Of events: no two alike, in this process or in any other."""

    def __init__(self) -> None:
        self._seed = secrets.token_hex(8)
        self._count = 0

    def next(self) -> str:
        self._count += 1
        return f"{self._seed}-{self._count:x}"


class Draft(Subject):
    """An event that is not yet. `attributes` and `content` are made when they are first wanted."""

    def __init__(self) -> None:
        self._attributes: dict[str, Any] | None = None
        self._content: dict[str, Any] | None = None
        self._value: Any = MISSING
        self._parsed = False

    @property
    def attributes(self) -> dict[str, Any]:
        if self._attributes is None:
            self._attributes = self._make_attributes()
        return self._attributes

    @property
    def content(self) -> dict[str, Any]:
        """`datacontenttype` and `data` or `data_base64`, as far as there are any."""
        if self._content is None:
            self._content = self._make_content()
        return self._content

    @abstractmethod
    def _make_attributes(self) -> dict[str, Any]: ...

    @abstractmethod
    def _make_content(self) -> dict[str, Any]: ...

    @abstractmethod
    def enriched(self, enrichment: Enrichment) -> dict[str, Any]:
        """What is to be added."""

    def lookup(self, path: tuple[str, ...]) -> Any:
        name = path[0]
        if name == "data":
            value = self._data()
            for step in path[1:]:
                if not isinstance(value, dict) or step not in value:
                    return MISSING
                value = value[step]
            return value
        if name in _CONTENT:
            return self.content.get(name, MISSING)
        return self.attributes.get(name, MISSING)

    def _data(self) -> Any:
        if not self._parsed:
            self._parsed = True
            value = self.content.get("data", MISSING)
            if isinstance(value, msgspec.Raw):
                try:
                    value = msgspec.json.decode(value)
                except (msgspec.DecodeError, RecursionError):  # a lone surrogate, or nested beyond all measure
                    value = MISSING
            self._value = value
        return self._value

    def encode(self, enrichment: Enrichment | None) -> bytes:
        """The event in JSON."""
        if enrichment is None or not enrichment.keys:
            return msgspec.json.encode(self.attributes | self.content)
        return msgspec.json.encode(self.attributes | self.enriched(enrichment) | self.content)


class View(Subject):
    """A draft with what a rule adds, for its filters."""

    def __init__(self, draft: Draft, enrichment: Enrichment) -> None:
        self._draft = draft
        self._enrichment = enrichment
        self._added: dict[str, Any] | None = None

    def lookup(self, path: tuple[str, ...]) -> Any:
        if len(path) == 1 and path[0] in self._enrichment.keys:
            if self._added is None:
                self._added = self._draft.enriched(self._enrichment)
            return self._added[path[0]]
        return self._draft.lookup(path)


class MessageDraft(Draft):
    def __init__(self, message: Message, source: str, ids: Ids) -> None:
        super().__init__()
        self._message = message
        self._source = source
        self._ids = ids
        self._type = ""
        self._is_text = False
        self._structured: dict[str, Any] | None = None
        self._binary: dict[str, Any] | None = None
        properties = message.properties
        if properties is not None:
            self._type = properties.content_type or ""
            self._is_text = properties.payload_format == 1
            self._structured = self._as_structured() if is_structured(self._type) else None
            self._binary = self._as_binary() if self._structured is None else None

    def enriched(self, enrichment: Enrichment) -> dict[str, Any]:
        return dict(enrichment.of(self._message))

    def _as_structured(self) -> dict[str, Any] | None:
        """With its data as it stands, which may hold numbers that would not survive being read."""
        try:
            self._message.payload.decode()
            parts = msgspec.json.decode(self._message.payload, type=dict[str, msgspec.Raw])
            data = parts.pop("data", None)
            event = check_event({name: msgspec.json.decode(value) for name, value in parts.items()})
        except (msgspec.DecodeError, UnicodeDecodeError, NotAnEvent, RecursionError):
            return None
        if data is not None:
            if "data_base64" in event:
                return None
            event["data"] = _on_one_line(data)
        return event

    def _as_binary(self) -> dict[str, Any] | None:
        """The attributes among the user properties, if all are there that an event must have."""
        properties = self._message.properties
        pairs = None if properties is None else properties.user_properties
        if not pairs or len(pairs) < len(REQUIRED):
            return None
        found = {name: value for name, value in pairs if name not in _CONTENT}
        if not all(found.get(name) for name in REQUIRED):
            return None
        given = {name: value for name, value in found.items() if name in RESERVED or is_attribute_name(name)}
        try:
            return check_event(given)
        except NotAnEvent:
            return None

    def _make_attributes(self) -> dict[str, Any]:
        event = self._structured
        if event is not None:
            return {name: value for name, value in event.items() if name not in _CONTENT}
        if self._binary is not None:
            return self._binary
        message = self._message
        return {
            "specversion": "1.0",
            "id": self._ids.next(),
            "time": rfc3339(message.published_at),
            "type": PUBLISHED,
            "source": self._source,
            "subject": message.topic,
        }

    def _make_content(self) -> dict[str, Any]:
        event = self._structured
        if event is not None:
            return {name: event[name] for name in _CONTENT if name in event}
        payload = self._message.payload
        content_type = self._type
        if self._is_text or (content_type and is_json(content_type)):
            said: dict[str, Any] = {"datacontenttype": content_type} if content_type else {}
            data = json_value(payload)
            if data is not None:
                return {**said, "data": data}
            if self._is_text and (text := text_of(payload)) is not None:
                return {**said, "data": text}
        return {"datacontenttype": content_type or OCTETS, "data_base64": base64.b64encode(payload).decode()}


class OfferedDraft(Draft):
    def __init__(self, event: OfferedEvent, ids: Ids, now: float) -> None:
        super().__init__()
        self._event = event
        self._ids = ids
        self._now = now

    def enriched(self, enrichment: Enrichment) -> dict[str, Any]:
        return dict(enrichment.of_no_message())

    def _make_attributes(self) -> dict[str, Any]:
        event = self._event
        return {
            "specversion": "1.0",
            "id": self._ids.next(),
            "time": rfc3339(self._now),
            "type": event.type,
            "source": event.source,
            "subject": event.subject,
            **event.attributes,
        }

    def _make_content(self) -> dict[str, Any]:
        event = self._event
        data = event.data
        content_type = event.content_type
        if data is None:
            return {}
        if not isinstance(data, bytes):
            return {"datacontenttype": content_type or "application/json", "data": data}
        if is_json(content_type) and (value := json_value(data)) is not None:
            return {"datacontenttype": content_type, "data": value}
        if content_type.lower().startswith("text/") and (text := text_of(data)) is not None:
            return {"datacontenttype": content_type, "data": text}
        return {"datacontenttype": content_type or OCTETS, "data_base64": base64.b64encode(data).decode()}


def json_value(payload: bytes) -> msgspec.Raw | None:
    """The payload as it stands, on one line, if it is JSON."""
    try:
        payload.decode()
        value = msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _on_one_line(value)


def _on_one_line(value: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.format(value, indent=-1)) if b"\n" in bytes(value) else value


def text_of(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None
