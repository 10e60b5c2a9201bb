"""The connect event: what a handler is told of somebody who wants to come in, and what its answer means.

Pure. What a newcomer gets wrong: the names of fields are known in any case, an empty answer changes nothing, and an
answer that cannot be read is a failure of the handler: nobody comes in by mistake.
"""

import base64
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from myna.faces.webpubsub.naming import is_group, is_text
from myna.faces.webpubsub.upstream import Reply

SECRET_QUERY: Final = ("access_token",)
SECRET_HEADERS: Final = ("authorization",)
MOST_PROPERTIES: Final = 100

UserProperties = list[tuple[str, str]]


class BadAnswer(Exception):
    """The handler said something that means nothing."""


@runtime_checkable
class Certificate(Protocol):
    @property
    def sha1(self) -> str: ...
    @property
    def der(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the handler makes of a client. `user` and `subprotocol` are None where it did not say."""

    user: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    subprotocol: str | None = None
    words: UserProperties | None = None


@dataclass(frozen=True, slots=True)
class MqttConnect:
    """What CONNECT said that only a handler looks at."""

    level: int
    clean_start: bool
    user_name: str | None
    password: bytes | None
    user_properties: UserProperties | None


def connect_body(
    claims: Mapping[str, Any],
    query: Mapping[str, Sequence[str]],
    headers: Sequence[tuple[bytes, bytes]],
    subprotocols: Sequence[str],
    certificate: object,
    mqtt: MqttConnect | None = None,
) -> bytes:
    body: dict[str, Any] = {
        "claims": {name: _texts(value) for name, value in claims.items()},
        "query": {name: list(values) for name, values in query.items() if name not in SECRET_QUERY},
        "headers": _headers(headers),
        "subprotocols": list(subprotocols),
        "clientCertificates": _certificates(certificate),
    }
    if mqtt is not None:
        body["mqtt"] = {
            "protocolVersion": mqtt.level,
            "cleanStart": mqtt.clean_start,
            "username": mqtt.user_name,
            "password": None if mqtt.password is None else base64.b64encode(mqtt.password).decode(),
            "userProperties": show_properties(mqtt.user_properties),
        }
    return msgspec.json.encode(body)


def read_welcome(reply: Reply) -> Welcome:
    """Of an answer that lets the client in. Raises BadAnswer."""
    if not reply.body.strip():
        return Welcome()
    fields = _object(reply.body)
    mqtt = fields.get("mqtt")
    user = fields.get("userid")
    subprotocol = fields.get("subprotocol")
    if not isinstance(user, str | None) or not isinstance(subprotocol, str | None):
        raise BadAnswer("userId and subprotocol must be texts")
    if user and not is_text(user):
        raise BadAnswer("userId is no text")
    groups = _names(fields, "groups")
    if not all(is_group(group) for group in groups):
        raise BadAnswer("groups holds a name that no group can have")
    words = read_properties(_lower(mqtt).get("userproperties")) if isinstance(mqtt, dict) else None
    return Welcome(user or None, groups, _names(fields, "roles"), subprotocol or None, words)


def show_properties(properties: UserProperties | None) -> list[dict[str, str]] | None:
    return None if properties is None else [{"name": name, "value": value} for name, value in properties]


def read_properties(value: object) -> UserProperties | None:
    """Raises BadAnswer."""
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_PROPERTIES:
        raise BadAnswer(f"userProperties must be a list of at most {MOST_PROPERTIES}")
    found: UserProperties = []
    for one in value:
        fields = _lower(one) if isinstance(one, dict) else {}
        name, text = fields.get("name"), fields.get("value")
        if not _is_mqtt_text(name) or not _is_mqtt_text(text):
            raise BadAnswer("a user property needs a name and a value")
        found.append((str(name), str(text)))
    return found or None


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object by lower-case names; empty if it is none."""
    try:
        return _object(body)
    except BadAnswer:
        return {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadAnswer("the body is not JSON") from None
    if not isinstance(decoded, dict):
        raise BadAnswer("the body is no JSON object")
    return _lower(decoded)


def _lower(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in fields.items()}


def _names(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadAnswer(f"{name} must be a list of texts")
    return tuple(value)


def _is_mqtt_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 4096 and "\0" not in value and is_text(value)


def _texts(value: object) -> list[str]:
    """A claim as a list of texts."""
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, str):
        return [value]
    return [msgspec.json.encode(value).decode()]


def _headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for raw_name, value in headers:
        name = raw_name.decode("latin-1")
        if name.lower() not in SECRET_HEADERS:
            found.setdefault(spelled.setdefault(name.lower(), name), []).append(value.decode("latin-1"))
    return found


def _certificates(certificate: object) -> list[dict[str, str]]:
    if not isinstance(certificate, Certificate) or not certificate.der:
        return []
    pem = ssl.DER_cert_to_PEM_cert(certificate.der)
    return [{"thumbprint": certificate.sha1.upper(), "content": pem}]
