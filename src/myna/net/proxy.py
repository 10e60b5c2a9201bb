"""The PROXY protocol, versions 1 and 2: the line or block with which a proxy says on whose behalf it connects.

    PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\r\n                                     version 1, up to 107 bytes
    | 12 bytes of signature | version, command | family | length of the rest | addresses | extensions |   version 2

Bytes in, an address out; knows no socket. What a newcomer gets wrong: a proxy that checks whether we are alive speaks
on its own behalf (UNKNOWN, LOCAL), which is legal and has no address.
"""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
LONGEST_1: Final = 107  # with its line end, as the specification counts it
LONGEST_2: Final = 16 + 4096  # what proxies add about TLS and clouds takes some hundred bytes
LOCAL: Final = 0x20
PROXY: Final = 0x21
TCP_4: Final = 0x11
TCP_6: Final = 0x21


class BadHeader(Exception):
    """What has come is no PROXY header; says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """`source` is None where the proxy speaks for itself. `length`: bytes of the header."""

    source: tuple[str, int] | None
    length: int


def read_header(data: bytes) -> Header | None:
    """The header at the beginning, or None if more of it is needed. Raises BadHeader."""
    if data.startswith(b"P"):
        return _read_1(data)
    if SIGNATURE.startswith(data[: len(SIGNATURE)]):
        return _read_2(data)
    raise BadHeader("no PROXY header")


def _read_1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, LONGEST_1)
    if end < 0:
        if len(data) >= LONGEST_1 or not b"PROXY ".startswith(data[:6]):
            raise BadHeader("no PROXY header of version 1")
        return None
    fields = data[:end].split(b" ")
    if fields[0] != b"PROXY" or len(fields) < 2:
        raise BadHeader("no PROXY header of version 1")
    if fields[1] == b"UNKNOWN":  # whatever follows it is to be ignored
        return Header(None, end + 2)
    if fields[1] not in (b"TCP4", b"TCP6") or len(fields) != 6:
        raise BadHeader("a PROXY header of version 1 that cannot be read")
    _host(fields[3], fields[1])
    _port(fields[5])
    return Header((_host(fields[2], fields[1]), _port(fields[4])), end + 2)


def _read_2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family, size = struct.unpack_from("!BBH", data, 12)
    length = 16 + size
    if command not in (LOCAL, PROXY) or length > LONGEST_2:
        raise BadHeader("a PROXY header of version 2 that cannot be read")
    if len(data) < length:
        return None
    if command == LOCAL:
        return Header(None, length)
    if family == TCP_4 and size >= 12:
        host, port = str(ipaddress.IPv4Address(data[16:20])), data[24:26]
    elif family == TCP_6 and size >= 36:
        host, port = str(ipaddress.IPv6Address(data[16:32])), data[48:50]
    elif family in (TCP_4, TCP_6):
        raise BadHeader("a PROXY header of version 2 that is too short for its addresses")
    else:
        return Header(None, length)  # not spoken over TCP: nothing that we could use
    return Header((host, int.from_bytes(port, "big")), length)


def _host(text: bytes, family: bytes) -> str:
    try:
        if family == b"TCP4":
            return str(ipaddress.IPv4Address(text.decode("ascii")))
        return str(ipaddress.IPv6Address(text.decode("ascii")))
    except ValueError:
        raise BadHeader("a PROXY header with a bad address") from None


def _port(text: bytes) -> int:
    if not text.isdigit() or len(text) > 5 or int(text) > 65_535:
        raise BadHeader("a PROXY header with a bad port")
    return int(text)
