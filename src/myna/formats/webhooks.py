"""What webhooks are asked about a client and what they answer, in the two forms that are in use.

    bifromq      POST {url}/auth     {"ok": {"tenantId", "userId", "attrs"}} or {"reject": {"code", "reason"}}
    eventgrid    POST {url}          {"decision": "allow", "clientAuthenticationName", "attributes", "expiration"}
                                     or {"decision": "deny", "errorReason"}

Bytes in and out; who asks, and what a failure means, is not known here. What a newcomer gets wrong: what cannot be
understood is no "no". It is a failure of the webhook, and the client is told to come back.
"""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

LONGEST: Final = 1024  # characters of a name
LONGEST_REASON: Final = 256  # … of what a client is told

Attribute = str | int | list[str]


class BadAnswer(Exception):
    """Not an answer of this form; says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to come in. `level` is MQTT's, 0 for an HTTP caller, whose bearer token is the `data`."""

    client_id: str = ""
    user_name: str | None = None
    password: bytes | None = None
    method: str | None = None
    data: bytes | None = None
    certificate: bytes = b""  # DER
    address: str = ""  # host:port
    level: int = 0


@dataclass(frozen=True, slots=True)
class Allowed:
    """`expires_at` is 0 where nothing is said of it."""

    user: str
    tenant: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Denied:
    """`code` is BifroMQ's word for it."""

    code: str
    text: str = ""


Decision = Allowed | Denied

# BifroMQ

_CODES: Final = {0: "BadPass", 1: "NotAuthorized", 2: "Error"}


class _Ok(msgspec.Struct, rename="camel"):
    tenant_id: str | None = None
    user_id: str | None = None
    attrs: dict[str, str] | None = None


class _Reject(msgspec.Struct):
    code: str | int | None = None
    reason: str | None = None


class _BifroMq(msgspec.Struct):
    ok: _Ok | None = None
    reject: _Reject | None = None


def bifromq_body(question: Question, channel: str) -> bytes:
    """proto3 as JSON: what is unset or has its default is left out."""
    host, _, port = question.address.rpartition(":")
    fields = {
        "isMQIsdp": question.level == 3,
        "username": question.user_name,
        "password": _base64(question.password),
        "cert": _base64(question.certificate),
        "clientId": question.client_id,
        "remoteAddr": host.strip("[]"),
        "remotePort": int(port) if host and port.isdecimal() else 0,
        "channelId": channel if question.level in (3, 4) else "",
    }
    return _encode(fields)


def read_bifromq(body: bytes) -> Decision:
    answer = _decode(body, _BifroMq)
    if answer.ok is not None and answer.reject is None:
        ok = answer.ok
        return Allowed(_name(ok.user_id, "userId"), _name(ok.tenant_id, "tenantId"), dict(ok.attrs or {}))
    if answer.reject is not None and answer.ok is None:
        code = answer.reject.code
        word = _CODES.get(code, "Error") if isinstance(code, int) else code
        return Denied(word or "BadPass", _reason(answer.reject.reason))
    raise BadAnswer("it holds neither ok nor reject, or both")


# Event Grid


class _EventGrid(msgspec.Struct, rename="camel"):
    decision: str
    client_authentication_name: str | None = None
    attributes: dict[str, Attribute] | None = None
    expiration: float | None = None
    error_reason: str | None = None


def eventgrid_body(question: Question) -> bytes:
    """`clientId` is always there, the rest when it is known."""
    certificate = ssl.DER_cert_to_PEM_cert(question.certificate) if question.certificate else ""
    fields = {
        "userName": question.user_name,
        "password": _base64(question.password),
        "authenticationMethod": question.method,
        "authenticationData": _base64(question.data),
        "clientCertificate": certificate,
    }
    return _encode(fields, clientId=question.client_id)


def read_eventgrid(body: bytes) -> Decision:
    answer = _decode(body, _EventGrid)
    if answer.decision == "deny":
        return Denied("NotAuthorized", _reason(answer.error_reason))
    if answer.decision != "allow":
        raise BadAnswer("its decision is neither allow nor deny")
    expiration = answer.expiration
    if expiration is not None and not 0 < expiration < 2**53:
        raise BadAnswer("its expiration is no time in Unix seconds")
    name = _name(answer.client_authentication_name, "clientAuthenticationName")
    return Allowed(name, "", dict(answer.attributes or {}), expiration or 0.0)


# Both


def _base64(data: bytes | None) -> str:
    return base64.b64encode(data).decode() if data else ""


def _encode(fields: Mapping[str, object], **always: object) -> bytes:
    return msgspec.json.encode({**always, **{name: value for name, value in fields.items() if value}})


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadAnswer("it is not the JSON that was expected") from None


def _name(value: str | None, what: str) -> str:
    if not value or len(value) > LONGEST or not value.isprintable():
        raise BadAnswer(f"its {what} is missing or no name")
    return value


def _reason(text: str | None) -> str:
    """What a client may be told, if it is fit to be."""
    return text[:LONGEST_REASON] if text and text.isprintable() else ""
