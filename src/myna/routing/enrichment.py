"""Attributes that a rule adds to its events: fixed ones, and values of the message and of who published it.

What a newcomer gets wrong: a dynamic value is one whole variable with no text around it, and a variable with nothing
behind it gives an empty text, not no attribute.
"""

import base64
import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from myna.core.message import Message, Origin
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.formats.cloudevents import RESERVED

MAXIMUM: Final = 20
LONGEST_KEY: Final = 20
LONGEST_VALUE: Final = 128

Value = str | int
Source = Callable[[Message], Value]

_KEY: Final = re.compile(rf"[a-z0-9]{{1,{LONGEST_KEY}}}", re.ASCII)
_VARIABLE: Final = re.compile(r"\$\{(.+)\}", re.DOTALL)
_BRACKETS: Final = re.compile(r"\['((?:[^'\\]|\\.)*)'\]", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_PLAIN: Final = re.compile(r"\.([A-Za-z0-9_-]+)", re.ASCII)


class BadEnrichment(ValueError):
    """An enrichment that cannot be meant; says which and why."""


class StaticEnrichment(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    key: str
    value: str
    value_type: str = "string"


class DynamicEnrichment(Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    value: str


class EnrichmentSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """In the contract's own words, so that its JSON can be used as it is."""

    static: tuple[StaticEnrichment, ...] = ()
    dynamic: tuple[DynamicEnrichment, ...] = ()

    def __post_init__(self) -> None:
        Enrichment(self)  # raises ValueError for what cannot be meant


class Enrichment:
    """`EnrichmentSettings`, made ready. `keys` in the order in which they are added."""

    def __init__(self, settings: EnrichmentSettings) -> None:
        self.keys = (*(one.key for one in settings.static), *(one.key for one in settings.dynamic))
        _check_keys(self.keys)
        self._static: dict[str, Value] = {one.key: _static(one) for one in settings.static}
        self._dynamic = {one.key: _dynamic(one.key, one.value) for one in settings.dynamic}

    def of(self, message: Message) -> dict[str, Value]:
        found = dict(self._static)
        for key, source in self._dynamic.items():
            found[key] = source(message)
        return found

    def of_no_message(self) -> dict[str, Value]:
        """For events that are made of no message: what is fixed, and nothing behind any variable."""
        return {**self._static, **dict.fromkeys(self._dynamic, "")}


def _check_keys(keys: tuple[str, ...]) -> None:
    if len(keys) > MAXIMUM:
        raise BadEnrichment(f"at most {MAXIMUM} enrichments, here are {len(keys)}")
    for key in keys:
        if not _KEY.fullmatch(key):
            raise BadEnrichment(f"{key!r}: a key is made of a-z and 0-9, at most {LONGEST_KEY} of them")
        if key in RESERVED:
            raise BadEnrichment(f"{key!r} is an attribute that every event has; choose another key")
        if key.startswith("azsp"):
            raise BadEnrichment(f"{key!r}: keys that begin with azsp are reserved")
    doubled = {key for key in keys if keys.count(key) > 1}
    if doubled:
        raise BadEnrichment(f"given twice: {', '.join(sorted(doubled))}")


def _static(one: StaticEnrichment) -> Value:
    if one.value_type.lower() != "string":
        raise BadEnrichment(f"{one.key}: valueType is string, not {one.value_type!r}")
    _check_value(one.key, one.value)
    return one.value


def _check_value(key: str, value: str) -> None:
    if len(value) > LONGEST_VALUE:
        raise BadEnrichment(f"{key}: a value has at most {LONGEST_VALUE} characters, this has {len(value)}")


def _dynamic(key: str, value: str) -> Source:
    _check_value(key, value)
    variable = _VARIABLE.fullmatch(value)
    if variable is None or "${" in variable[1]:
        raise BadEnrichment(f"{key}: {value!r} is not one whole variable such as ${{mqtt.message.topicName}}")
    name = variable[1]
    plain = _VARIABLES.get(name)
    if plain is not None:
        return plain
    for prefix, make in _KEYED.items():
        if name.startswith(prefix):
            return make(_inner(key, value, name.removeprefix(prefix)))
    known = [*_VARIABLES, *(f"{prefix}.NAME" for prefix in _KEYED)]
    raise BadEnrichment(f"{key}: there is no variable {value!r}; there are {', '.join(known)}")


def _inner(key: str, value: str, rest: str) -> str:
    """The name behind a variable that has one: `.name`, or `['any \\' name']`."""
    if found := _PLAIN.fullmatch(rest):
        return found[1]
    if found := _BRACKETS.fullmatch(rest):
        return _ESCAPED.sub(r"\1", found[1])
    raise BadEnrichment(f"{key}: {value!r} names nothing; write .name, or ['name'] with ' and \\ behind a \\")


# Where values come from.


def _user(message: Message) -> Value:
    return message.origin.user


def _session(message: Message) -> Value:
    return message.origin.client_id


def _address(message: Message) -> Value:
    return host_of(message.origin.address)


def _topic(message: Message) -> Value:
    return message.topic


def _response_topic(message: Message) -> Value:
    properties = message.properties
    return "" if properties is None else properties.response_topic or ""


def _correlation(message: Message) -> Value:
    data = None if message.properties is None else message.properties.correlation_data
    return base64.b64encode(data or b"").decode()


def _pfi(message: Message) -> Value:
    return 1 if message.properties is not None and message.properties.payload_format == 1 else 0


def _qos(message: Message) -> Value:
    return message.qos


def _retain(message: Message) -> Value:
    return "true" if message.retain else "false"


def _content_type(message: Message) -> Value:
    properties = message.properties
    return "" if properties is None else properties.content_type or ""


def _expiry(message: Message) -> Value:
    return "" if message.expires_at == 0.0 else round(message.expires_at - message.published_at)


def _protocol(message: Message) -> Value:
    return protocol_of(message.origin)


_VARIABLES: Final[dict[str, Source]] = {
    "client.authenticationName": _user,
    "client.sessionName": _session,
    "client.sourceIp": _address,
    "mqtt.message.topicName": _topic,
    "mqtt.message.responseTopic": _response_topic,
    "mqtt.message.correlationData": _correlation,
    "mqtt.message.pfi": _pfi,
    "mqtt.message.qos": _qos,
    "mqtt.message.retain": _retain,
    "mqtt.message.contentType": _content_type,
    "mqtt.message.expiry": _expiry,
    "mqtt.message.protocol": _protocol,
}


def _attribute(name: str) -> Source:
    def source(message: Message) -> Value:
        identity = message.origin.identity
        return "" if identity is None else identity.attributes.get(name, "")

    return source


def _user_property(name: str) -> Source:
    def source(message: Message) -> Value:
        properties = message.properties
        pairs: Any = None if properties is None else properties.user_properties
        return ",".join(value for key, value in pairs or () if key == name)

    return source


_KEYED: Final[dict[str, Callable[[str], Source]]] = {
    "client.attributes": _attribute,
    "mqtt.message.userProperties": _user_property,
}


def host_of(address: str) -> str:
    """Without its port."""
    host, colon, port = address.rpartition(":")
    return host.strip("[]") if colon and port.isdecimal() else address


def protocol_of(origin: Origin) -> str:
    """The contract's name for what a message came by, where it has one; else the name of the API."""
    sender = origin.sender
    if isinstance(sender, Receiver):
        link = sender.link if isinstance(sender, Session) else None
        if link is not None:
            return ("MQTT5" if link.level == 5 else "MQTT3") + ("-WS" if link.websocket else "")
        return sender.dialect()
    return origin.source
