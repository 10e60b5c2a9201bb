"""PROXY headers as bytes: what they say, when more is needed, and what they must not be."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.net.proxy import LONGEST_1, SIGNATURE, BadHeader, Header, read_header

REST = b"\x10\x0cMQTT"


def version_2(command: int, family: int, addresses: bytes, extensions: bytes = b"") -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(addresses + extensions)) + addresses + extensions


def addresses_of(family: int, host: str, port: int) -> bytes:
    kind = socket.AF_INET if family == 0x11 else socket.AF_INET6
    there = socket.inet_pton(kind, "203.0.113.9" if family == 0x11 else "2001:db8::9")
    return socket.inet_pton(kind, host) + there + struct.pack("!HH", port, 1883)


V4 = addresses_of(0x11, "192.0.2.1", 4711)
V6 = addresses_of(0x21, "2001:db8::1", 4711)

GOOD = [
    (b"PROXY TCP4 192.0.2.1 203.0.113.9 4711 1883\r\n", ("192.0.2.1", 4711)),
    (b"PROXY TCP6 2001:DB8::1 2001:db8::9 4711 1883\r\n", ("2001:db8::1", 4711)),
    (b"PROXY TCP6 ffff:1:2:3:4:5:6:7 1:2:3:4:5:6:7:8 65535 0\r\n", ("ffff:1:2:3:4:5:6:7", 65535)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (version_2(0x21, 0x11, V4), ("192.0.2.1", 4711)),
    (version_2(0x21, 0x21, V6), ("2001:db8::1", 4711)),
    (version_2(0x21, 0x11, V4, b"\x04\x00\x03abc" * 100), ("192.0.2.1", 4711)),
    (version_2(0x20, 0x00, b""), None),
    (version_2(0x20, 0x11, V4), None),
    (version_2(0x21, 0x00, b"\x00" * 5), None),
    (version_2(0x21, 0x31, b"/run/x".ljust(216, b"\0")), None),
    (version_2(0x21, 0x12, V4), None),
]


@pytest.mark.parametrize(("header", "source"), GOOD)
def test_a_header_is_read_whole_in_pieces_and_with_more_behind_it(
    header: bytes, source: tuple[str, int] | None
) -> None:
    assert read_header(header) == Header(source, len(header))
    assert read_header(header + REST) == Header(source, len(header))
    for end in range(len(header)):
        assert read_header(header[:end]) is None, header[:end]


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x0c\0\4MQTT",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"PUT / HTTP/1.1\r\n",
        b"PROXY\r\n",
        b"PROXYTCP4 192.0.2.1 203.0.113.9 4711 1883\r\n",
        b"PROXY TCP4 192.0.2.1 203.0.113.9 4711\r\n",
        b"PROXY TCP4 192.0.2.1 203.0.113.9 4711 1883 9\r\n",
        b"PROXY TCP4  192.0.2.1 203.0.113.9 4711 1883\r\n",
        b"PROXY TCP4 2001:db8::1 203.0.113.9 4711 1883\r\n",
        b"PROXY TCP6 192.0.2.1 2001:db8::1 4711 1883\r\n",
        b"PROXY TCP4 192.0.2.1 203.0.113.999 4711 1883\r\n",
        b"PROXY TCP4 192.0.2.1 203.0.113.9 65536 1883\r\n",
        b"PROXY TCP4 192.0.2.1 203.0.113.9 -1 1883\r\n",
        b"PROXY TCP4 192.0.2.1 203.0.113.9 4711 x\r\n",
        b"PROXY TCP4 192.0.2.\xff 203.0.113.9 4711 1883\r\n",
        b"PROXY UDP4 192.0.2.1 203.0.113.9 4711 1883\r\n",
        b"PROXY " + b"x" * LONGEST_1,
        SIGNATURE[:5] + b"x",
        version_2(0x11, 0x11, V4),
        version_2(0x22, 0x11, V4),
        version_2(0x21, 0x11, V4[:-1]),
        version_2(0x21, 0x21, V6[:-1]),
        version_2(0x21, 0x11, b"", b"x" * 5000),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadHeader):
        read_header(data)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=120).map(lambda rest: b"PROXY " + rest),
        st.binary(max_size=120).map(lambda rest: SIGNATURE + rest),
        st.sampled_from(GOOD).map(lambda one: one[0]),
    ),
    st.data(),
)
def test_any_bytes_give_a_header_a_wish_for_more_or_a_refusal(data: bytes, more: st.DataObject) -> None:
    if data and more.draw(st.booleans()):
        at = more.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([more.draw(st.integers(0, 255))]) + data[at + 1 :]
    try:
        header = read_header(data)
    except BadHeader:
        return
    assert header is None or 0 < header.length <= len(data)
