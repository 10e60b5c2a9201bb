"""What an HTTP request shows of its caller, as a ticket like that of a CONNECT.

    Authorization: Basic …        user name and password
    Authorization: Bearer …       the token, as `peer.token` and as the password
    x-api-key: …                  the same, where there is no Authorization
    a client certificate          `peer.certificate`, besides any of these

What a newcomer gets wrong: this proves nothing yet. It is read here once, so that every API reads it alike.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Peer, Ticket
from myna.wire import reasons

Scope = Mapping[str, Any]

API_KEY: Final = b"x-api-key"
LONGEST: Final = 64 * 1024  # bytes of a header's value that are looked at: what a CONNECT can hold
MALFORMED: Final = "the header Authorization is neither Basic nor Bearer, or its value is broken"


class CallerTicket(Ticket):
    """Is only read: whoever asks for a verdict on it takes the verdict itself."""

    def admit(self, identity: Identity, now: float, data: bytes | None = None) -> None:
        raise AssertionError("a caller's ticket is answered by its verdict")

    def refuse(self, reason: int, now: float, text: str = "") -> None:
        raise AssertionError("a caller's ticket is answered by its verdict")

    def challenge(self, data: bytes, now: float) -> None:
        raise AssertionError("a caller's ticket is answered by its verdict")


def read_ticket(scope: Scope) -> CallerTicket | Refusal:
    """A Refusal for what nobody could judge."""
    authorization, api_key = _headers(scope)
    ticket = CallerTicket()
    token = ""
    if authorization is not None:
        scheme, _, value = authorization.partition(b" ")
        kind, value = scheme.lower(), value.strip()
        if kind == b"basic" and (pair := _read_basic(value)) is not None:
            ticket.user_name, ticket.password = pair
        elif kind == b"bearer" and value and len(value) <= LONGEST:
            ticket.password = value
            token = value.decode("latin-1")
        else:
            return Refusal(reasons.BAD_USER_NAME_OR_PASSWORD, MALFORMED)
    elif api_key:
        ticket.password = api_key[:LONGEST]
        token = api_key[:LONGEST].decode("latin-1")
    ticket.peer = Peer(
        address_of(scope),
        path=scope["raw_path"].decode("latin-1"),
        token=token,
        certificate=scope.get("extensions", {}).get("tls", {}).get("myna.certificate"),
    )
    return ticket


def address_of(scope: Scope) -> str:
    """As MQTT connections have it."""
    client = scope.get("client")
    if not client:
        return "unix"
    return f"[{client[0]}]:{client[1]}" if ":" in client[0] else f"{client[0]}:{client[1]}"


def _headers(scope: Scope) -> tuple[bytes | None, bytes | None]:
    """Of repeated ones the first counts."""
    authorization: bytes | None = None
    api_key: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is None:
                authorization = value
        elif name == API_KEY and api_key is None:
            api_key = value
    return authorization, api_key


def _read_basic(value: bytes) -> tuple[str, bytes] | None:
    """RFC 7617, in UTF-8: the name ends at the first colon."""
    if len(value) > LONGEST:
        return None
    try:
        name, colon, password = base64.b64decode(value, validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
