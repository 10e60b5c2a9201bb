"""The WebSocket handshake: is the request one, and the bytes of the answer (RFC 6455, section 4.2).

Knows no connection. What a newcomer gets wrong: a subprotocol may only be answered if the client offered it;
browsers and Node abort otherwise.
"""

import base64
import binascii
import hashlib
import http
from dataclasses import dataclass
from typing import Final

from myna.net.endpoint import Headers, UpgradeRequest

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class BadUpgrade:
    """Why the request is no WebSocket handshake, as an HTTP answer."""

    status: int
    text: str
    headers: Headers = ()


def is_websocket(headers: Headers) -> bool:
    """Does the request ask for a WebSocket, rightly or not? The parser has seen `Connection: upgrade` already."""
    return any(name.lower() == b"upgrade" and value.strip().lower() == b"websocket" for name, value in headers)


def check_upgrade(method: str, http_version: str, request: UpgradeRequest) -> BadUpgrade | None:
    if method != "GET":
        return BadUpgrade(405, "a WebSocket is opened with GET", ((b"allow", b"GET"),))
    if http_version != "1.1":
        return BadUpgrade(505, "a WebSocket needs HTTP/1.1")
    if (request.header(b"sec-websocket-version") or b"").strip() != b"13":
        return BadUpgrade(426, "this server speaks version 13", ((b"sec-websocket-version", b"13"),))
    keys = [value for name, value in request.headers if name.lower() == b"sec-websocket-key"]
    if len(keys) != 1 or not _is_key(keys[0].strip()):
        return BadUpgrade(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    return None


def offered_subprotocols(headers: Headers) -> tuple[str, ...]:
    names: list[str] = []
    for name, value in headers:
        if name.lower() == b"sec-websocket-protocol":
            names += [part.strip() for part in value.decode("latin-1").split(",")]
    return tuple(name for name in names if name)


def accept_response(request: UpgradeRequest, subprotocol: str | None, headers: Headers) -> bytes:
    key = (request.header(b"sec-websocket-key") or b"").strip()
    digest = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
        digest,
        b"\r\n",
    ]
    if subprotocol is not None:
        lines += [b"sec-websocket-protocol: ", subprotocol.encode("latin-1"), b"\r\n"]
    return b"".join([*lines, *_header_lines(headers), b"\r\n"])


def plain_response(status: int, headers: Headers, body: bytes, *, head_only: bool = False) -> bytes:
    """A whole HTTP response that ends the connection."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}\r\n".encode("latin-1"), *_header_lines(headers)]
    lines += [b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body), b"" if head_only else body]
    return b"".join(lines)


def _header_lines(headers: Headers) -> list[bytes]:
    lines: list[bytes] = []
    for name, value in headers:
        # A line break in a value would let whoever supplied it write headers of its own.
        if b"\n" not in value and b"\r" not in value and b"\n" not in name and b"\r" not in name:
            lines += [name, b": ", value, b"\r\n"]
    return lines


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
