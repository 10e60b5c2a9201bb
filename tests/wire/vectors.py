"""Packets as bytes, legal and illegal, each with the level it belongs to. Our own; every run of a codec test uses them.

`frame` puts the fixed header in front, so that a vector shows what it is about and not how long it is.
"""

from hypothesis import strategies as st

from myna.wire.errors import Malformed, ProtocolViolation, WireError

# Any text at all, surrogates included. (Hypothesis' own text() first sorts all of Unicode, which takes seconds.)
ANY_TEXT = st.lists(st.one_of(st.integers(0, 0xFF), st.integers(0, 0x10FFFF)).map(chr), max_size=20).map("".join)


def text(value: str) -> bytes:
    return binary(value.encode())


def binary(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


def frame(header: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes((header,)) + varint(len(body)) + body


def props(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(len(body)) + body


def connect(level: int, flags: int, *payload: bytes, name: str | None = None, properties: bytes = b"\0") -> bytes:
    name = name if name is not None else ("MQIsdp" if level == 3 else "MQTT")
    block = properties if level == 5 else b""
    return frame(0x10, text(name), bytes((level, flags)), b"\0\x0a", block, *payload)


ID = text("client")
USER = b"\x26" + text("key") + text("value")
ALL_CONNACK = props(
    b"\x11\0\0\0\x01",
    b"\x12" + text("made-up"),
    b"\x13\0\x3c",
    b"\x15" + text("SCRAM"),
    b"\x16" + binary(b"\0\1"),
    b"\x1a" + text("info"),
    b"\x1c" + text("other"),
    b"\x21\0\x14",
    b"\x22\0\x0a",
    b"\x24\x01",
    b"\x25\x00",
    b"\x27\0\0\x10\0",
    b"\x28\x01",
    b"\x29\x01",
    b"\x2a\x00",
    b"\x1f" + text("why"),
    USER,
    USER,
)
ALL_MESSAGE = (
    b"\x01\x01",
    b"\x02\0\0\0\x09",
    b"\x03" + text("text/plain"),
    b"\x08" + text("answer/here"),
    b"\x09" + binary(b"\xff\0"),
)

# (name, level, bytes). All are in the form the encoder chooses, so that they can be encoded back.
LEGAL: list[tuple[str, int, bytes]] = [
    ("connect 3.1", 3, connect(3, 0x02, ID)),
    ("connect 3.1 with everything", 3, connect(3, 0xEE, ID, text("w"), binary(b"bye"), text("u"), binary(b"p"))),
    ("connect 3.1.1", 4, connect(4, 0x02, ID)),
    ("connect 3.1.1 without client id", 4, connect(4, 0x02, text(""))),
    ("connect 3.1.1 with will", 4, connect(4, 0x36, ID, text("w/t"), binary(b"\0\xff"))),
    ("connect 3.1.1 with user name", 4, connect(4, 0x82, ID, text("u"))),
    ("connect 3.1.1 with empty user name", 4, connect(4, 0x82, ID, text(""))),
    ("connect 3.1.1 with password of bytes", 4, connect(4, 0xC2, ID, text("u"), binary(b"to\0\0"))),
    ("connect 5", 5, connect(5, 0x00, ID)),
    ("connect 5 with password alone", 5, connect(5, 0x42, ID, binary(b"token"))),
    (
        "connect 5 with properties",
        5,
        connect(
            5,
            0x02,
            ID,
            properties=props(
                b"\x11\xff\xff\xff\xff",
                b"\x15" + text("M"),
                b"\x16" + binary(b"d"),
                b"\x17\0",
                b"\x19\1",
                b"\x21\0\1",
                b"\x22\0\0",
                b"\x27\0\0\0\1",
                USER,
            ),
        ),
    ),
    (
        "connect 5 with will properties",
        5,
        connect(5, 0x0E, ID, props(*ALL_MESSAGE, b"\x18\0\0\0\x05", USER), text("w"), binary(b"")),
    ),
    ("connack 3.1", 3, frame(0x20, b"\0\0")),
    ("connack 3.1.1 with session", 4, frame(0x20, b"\1\0")),
    ("connack 3.1.1 refusal", 4, frame(0x20, b"\0\5")),
    ("connack 5", 5, frame(0x20, b"\0\0\0")),
    ("connack 5 refusal", 5, frame(0x20, b"\0\x87\0")),
    ("connack 5 with all properties", 5, frame(0x20, b"\1\0", ALL_CONNACK)),
    ("publish at QoS 0", 4, frame(0x30, text("a/b"), b"payload")),
    ("publish at QoS 0 in 3.1", 3, frame(0x31, text("a/b"), b"payload")),
    ("publish without payload", 4, frame(0x31, text("a/b"))),
    ("publish at QoS 1", 4, frame(0x32, text("a/b"), b"\0\1", b"payload")),
    ("publish at QoS 2 again", 4, frame(0x3D, text("a/b"), b"\xff\xff", b"payload")),
    ("publish of 128 bytes", 4, frame(0x30, text("t"), b"x" * 125)),
    ("publish of 16384 bytes", 4, frame(0x30, text("t"), b"x" * 16381)),
    ("publish with astral topic", 4, frame(0x30, text("A\U0002a6d4"), b"payload")),
    ("publish with byte-order mark", 4, frame(0x30, text("\ufeffa"), b"payload")),
    ("publish with no-break space", 4, frame(0x30, text("a\u00a0b"), b"payload")),
    ("publish to a dollar topic", 4, frame(0x30, text("$SYS/x"), b"payload")),
    ("publish 3.1 with DUP at QoS 0", 3, frame(0x38, text("a"))),
    ("publish 5", 5, frame(0x30, text("a/b"), b"\0", b"payload")),
    ("publish 5 at QoS 1", 5, frame(0x32, text("a/b"), b"\0\7", b"\0", b"payload")),
    ("publish 5 by alias", 5, frame(0x32, text(""), b"\0\7", props(b"\x23\0\1"), b"payload")),
    (
        "publish 5 with properties",
        5,
        frame(0x35, text("a"), b"\0\7", props(*ALL_MESSAGE, b"\x23\0\x02", b"\x0b\x01\x0b\xff\x7f", USER, USER), b"p"),
    ),
    ("publish 5 with empty properties", 5, frame(0x30, text("a"), props(b"\x03\0\0", b"\x09\0\0", b"\x26\0\0\0\0"))),
    ("puback", 4, frame(0x40, b"\0\1")),
    ("puback 5", 5, frame(0x40, b"\0\1")),
    ("puback 5 with code", 5, frame(0x40, b"\0\1\x10")),
    ("puback 5 with properties", 5, frame(0x40, b"\0\1\0", props(b"\x1f" + text("ok"), USER))),
    ("pubrec", 4, frame(0x50, b"\0\1")),
    ("pubrec 5 refusal", 5, frame(0x50, b"\0\1\x97")),
    ("pubrel", 4, frame(0x62, b"\0\1")),
    ("pubrel 5 unknown", 5, frame(0x62, b"\0\1\x92")),
    ("pubcomp", 4, frame(0x70, b"\0\1")),
    ("pubcomp 5 unknown with reason", 5, frame(0x70, b"\0\1\x92", props(b"\x1f" + text("what?")))),
    ("subscribe 3.1", 3, frame(0x82, b"\0\1", text("a/#"), b"\1")),
    ("subscribe 3.1.1", 4, frame(0x82, b"\0\1", text("a/#"), b"\0", text("+/b"), b"\2")),
    ("subscribe with a filter nobody can have", 4, frame(0x82, b"\0\1", text("a+/b#"), b"\1")),
    ("subscribe 5", 5, frame(0x82, b"\0\1", b"\0", text("a"), b"\x2e")),
    ("subscribe 5 shared", 5, frame(0x82, b"\0\1", b"\0", text("$share/g/a"), b"\x19")),
    ("subscribe 5 with identifier", 5, frame(0x82, b"\0\1", props(b"\x0b\xff\xff\xff\x7f", USER), text("a"), b"\0")),
    ("suback 3.1.1", 4, frame(0x90, b"\0\1", b"\0\1\2\x80")),
    ("suback 5", 5, frame(0x90, b"\0\1", b"\0", b"\2\x87\x8f")),
    ("unsubscribe", 4, frame(0xA2, b"\0\1", text("a/#"), text("b"))),
    ("unsubscribe 5", 5, frame(0xA2, b"\0\1", props(USER), text("a/#"))),
    ("unsuback", 4, frame(0xB0, b"\0\1")),
    ("unsuback 5", 5, frame(0xB0, b"\0\1", b"\0", b"\0\x11")),
    ("pingreq", 4, frame(0xC0)),
    ("pingresp", 5, frame(0xD0)),
    ("disconnect", 4, frame(0xE0)),
    ("disconnect 5", 5, frame(0xE0)),
    ("disconnect 5 with will", 5, frame(0xE0, b"\x04\0")),
    ("disconnect 5 with properties", 5, frame(0xE0, b"\0", props(b"\x11\0\0\0\0", b"\x1c" + text("b"), USER))),
    ("auth", 5, frame(0xF0)),
    ("auth with method", 5, frame(0xF0, b"\x18", props(b"\x15" + text("M"), b"\x16" + binary(b"d")))),
]

# Legal, but not the form the encoder would choose.
LEGAL_OTHERWISE: list[tuple[str, int, bytes]] = [
    ("connect 3.1 with flags in the first byte", 0, b"\x14" + connect(3, 0x02, ID)[1:]),
    ("connect 3.1 with the unused flag", 3, connect(3, 0x03, ID)),
    ("connect 3.1 that leaves out what its flags promise", 3, connect(3, 0xC2, ID)),
    ("connack 3.1 with the unused byte", 3, frame(0x20, b"\xff\0")),
    ("puback 5 with code 0", 5, frame(0x40, b"\0\1\0")),
    ("puback 5 with code 0 and no properties", 5, frame(0x40, b"\0\1\0\0")),
    ("pubrel 3.1 with DUP", 3, frame(0x6A, b"\0\1")),
    ("subscribe 3.1 with DUP", 3, frame(0x8A, b"\0\1", text("a"), b"\1")),
    ("subscribe 3.1 with unused bits", 3, frame(0x82, b"\0\1", text("a"), b"\xfd")),
    ("disconnect 5 of one byte", 5, frame(0xE0, b"\x8b")),
    ("disconnect 5 of two bytes", 5, frame(0xE0, b"\0\0")),
    ("auth without properties", 5, frame(0xF0, b"\0\0")),
    (
        "publish 5 with properties in another order",
        5,
        frame(0x30, text("a"), props(USER, b"\x09\0\0", USER, b"\x01\0")),
    ),
]

_CONNECT_5 = text("MQTT") + b"\5"
Illegal = tuple[str, int, bytes, type[WireError], int]


def _malformed(name: str, level: int, data: bytes) -> Illegal:
    return name, level, data, Malformed, 0x81


def _violation(name: str, level: int, data: bytes, reason: int = 0x82) -> Illegal:
    return name, level, data, ProtocolViolation, reason


# (name, level, bytes, what is raised, its reason)
ILLEGAL: list[Illegal] = [
    # First byte
    _malformed("type 0", 4, b"\0\0"),
    _malformed("type 15 before MQTT 5", 4, frame(0xF0)),
    _malformed("type 15 before MQTT 5, in 3.1", 3, frame(0xF0)),
    _malformed("auth with flags", 5, frame(0xF1)),
    _malformed("pingreq with flags", 4, frame(0xC1)),
    _malformed("puback with flags", 5, frame(0x41, b"\0\1")),
    _malformed("disconnect with flags", 4, frame(0xE1)),
    _malformed("pubrel without its flag", 4, frame(0x60, b"\0\1")),
    _malformed("subscribe without its flag", 4, frame(0x80, b"\0\1", text("a"), b"\0")),
    _malformed("unsubscribe without its flag", 4, frame(0xA0, b"\0\1", text("a"))),
    _malformed("connect 3.1.1 with flags", 0, b"\x11" + connect(4, 2, ID)[1:]),
    _malformed("publish at QoS 3", 4, frame(0x36, text("a"), b"\0\1")),
    _malformed("publish at QoS 3, in 3.1", 3, frame(0x36, text("a"), b"\0\1")),
    _malformed("publish with DUP at QoS 0", 5, frame(0x38, text("a"), b"\0")),
    # Remaining length
    _malformed("length of five bytes", 4, b"\x30\xff\xff\xff\xff\x01"),
    _malformed("length with a byte too many", 4, b"\xc0\x80\x00"),
    # CONNECT
    _violation("protocol name in small letters", 0, connect(4, 2, ID, name="mqtt"), 0x84),
    _violation("empty protocol name", 0, connect(4, 2, ID, name=""), 0x84),
    _violation("level 6", 0, connect(6, 2, ID), 0x84),
    _violation("level 2", 0, connect(2, 2, ID), 0x84),
    _violation("level of a bridge that speaks 5", 0, connect(0x85, 2, ID), 0x84),
    _violation("3.1 by the name of its successor", 0, connect(3, 2, ID, name="MQTT"), 0x84),
    _violation("3.1.1 by the name of its ancestor", 0, connect(4, 2, ID, name="MQIsdp"), 0x84),
    _malformed("reserved connect flag", 0, connect(4, 3, ID)),
    _malformed("reserved connect flag, in 5", 0, connect(5, 3, ID)),
    _malformed("will QoS without will", 0, connect(4, 0x0A, ID)),
    _malformed("will retain without will", 0, connect(5, 0x22, ID)),
    _malformed("will QoS 3", 0, connect(5, 0x1E, ID, b"\0", text("w"), binary(b""))),
    _malformed("will promised and absent", 0, connect(4, 0x06, ID)),
    _malformed("will topic without payload", 0, connect(4, 0x06, ID, text("w"))),
    _malformed("user name promised and absent", 0, connect(4, 0x82, ID)),
    _malformed("password promised and absent", 0, connect(4, 0xC2, ID, text("u"))),
    _malformed("password without user name before 5", 0, connect(4, 0x42, ID, binary(b"p"))),
    _malformed("byte behind connect", 0, connect(4, 0x02, ID, b"\0")),
    _malformed("user name nobody announced", 0, connect(5, 0x02, ID, text("u"))),
    _violation("wildcard in will topic", 0, connect(5, 0x06, ID, b"\0", text("a/+"), binary(b"")), 0x90),
    _violation("empty will topic", 0, connect(4, 0x06, ID, text(""), binary(b"")), 0x90),
    _malformed("client id with U+0000", 0, connect(4, 2, text("a\0b"))),
    _malformed("user name with a surrogate", 0, connect(4, 0x82, ID, binary(b"\xed\xa0\x80"))),
    _malformed("connect without properties", 0, frame(0x10, _CONNECT_5, b"\2\0\x0a")),
    _violation("receive maximum 0", 0, connect(5, 2, ID, properties=props(b"\x21\0\0"))),
    _violation("maximum packet size 0", 0, connect(5, 2, ID, properties=props(b"\x27\0\0\0\0"))),
    _violation("request problem information 2", 0, connect(5, 2, ID, properties=props(b"\x17\2"))),
    _violation("authentication data alone", 0, connect(5, 2, ID, properties=props(b"\x16\0\0"))),
    _malformed("will delay outside the will", 0, connect(5, 2, ID, properties=props(b"\x18\0\0\0\1"))),
    # CONNACK
    _malformed("connack flags", 4, frame(0x20, b"\2\0")),
    _malformed("connack too long", 4, frame(0x20, b"\0\0\0")),
    _malformed("connack too short", 4, frame(0x20, b"\0")),
    _violation("connack 3.1.1 with a code of MQTT 5", 4, frame(0x20, b"\0\x80")),
    _violation("connack with a code of SUBACK", 5, frame(0x20, b"\0\x01\0")),
    _violation("connack that refuses a session it announces", 4, frame(0x20, b"\1\5")),
    # PUBLISH
    _malformed("publish without topic", 4, frame(0x30)),
    _malformed("publish that ends in its topic", 4, frame(0x30, b"\0\5abc")),
    _malformed("publish that ends in its identifier", 4, frame(0x32, text("a"), b"\1")),
    _malformed("publish 5 without properties", 5, frame(0x30, text("a"))),
    _violation("plus in topic", 4, frame(0x30, text("a/+")), 0x90),
    _violation("hash in topic", 5, frame(0x30, text("#"), b"\0"), 0x90),
    _violation("publish with identifier 0", 4, frame(0x32, text("a"), b"\0\0")),
    _violation("empty topic before 5", 4, frame(0x30, text(""))),
    _violation("empty topic without alias", 5, frame(0x30, text(""), b"\0")),
    _violation("empty topic with other properties", 5, frame(0x30, text(""), props(b"\x01\0"))),
    _violation("alias 0", 5, frame(0x30, text("a"), props(b"\x23\0\0")), 0x94),
    _violation("subscription identifier 0", 5, frame(0x30, text("a"), props(b"\x0b\0"))),
    _violation("payload format 2", 5, frame(0x30, text("a"), props(b"\x01\2"))),
    _violation("wildcard in response topic", 5, frame(0x30, text("a"), props(b"\x08" + text("#")))),
    _violation("empty response topic", 5, frame(0x30, text("a"), props(b"\x08" + text("")))),
    _violation("two expiries", 5, frame(0x30, text("a"), props(b"\x02\0\0\0\1\x02\0\0\0\1"))),
    _malformed("ill-formed UTF-8 in topic", 4, frame(0x30, binary(b"a\xff"))),
    _malformed("U+0000 in topic", 4, frame(0x30, text("a\0"))),
    _malformed("control character in topic", 4, frame(0x30, text("a\x1f"))),
    _malformed("delete in topic", 4, frame(0x30, text("a\x7f"))),
    _malformed("C1 control character in topic", 4, frame(0x30, text("a\x9f"))),
    _malformed("non-character in topic", 4, frame(0x30, text("a\uffff"))),
    _malformed("non-character of another plane", 4, frame(0x30, text("a\U0001fffe"))),
    _malformed("U+0000 in a property", 5, frame(0x30, text("a"), props(b"\x26" + text("a\0") + text("")))),
    # Properties
    _malformed("properties past the packet", 5, frame(0x30, text("a"), b"\5\x01\1")),
    _malformed("property length with a byte too many", 5, frame(0x30, text("a"), b"\x82\x00\x01\1")),
    _malformed("property length of five bytes", 5, frame(0x30, text("a"), b"\x80\x80\x80\x80\x01")),
    _malformed("property length unfinished", 5, frame(0x30, text("a"), b"\x80")),
    _malformed("unknown property", 5, frame(0x30, text("a"), props(b"\x04\1"))),
    _malformed("property of two bytes", 5, frame(0x30, text("a"), props(b"\x80\1\0"))),
    _malformed("property of another packet", 5, frame(0x30, text("a"), props(b"\x11\0\0\0\1"))),
    _malformed("byte missing", 5, frame(0x30, text("a"), props(b"\x01"), b"\1")),
    _malformed("two bytes missing", 5, frame(0x30, text("a"), props(b"\x23\1"), b"\1")),
    _malformed("four bytes missing", 5, frame(0x30, text("a"), props(b"\x02\0\0\0"), b"\1")),
    _malformed("string missing", 5, frame(0x30, text("a"), props(b"\x03\0\2a"), b"a")),
    _malformed("binary missing", 5, frame(0x30, text("a"), props(b"\x09\0\2a"), b"a")),
    _malformed("value of a user property missing", 5, frame(0x30, text("a"), props(b"\x26" + text("k")), text("v"))),
    _malformed("identifier missing", 5, frame(0x30, text("a"), props(b"\x0b"), b"\1")),
    # Acknowledgements
    _malformed("puback of one byte", 4, frame(0x40, b"\1")),
    _malformed("puback before 5 with code", 4, frame(0x40, b"\0\1\0")),
    _violation("puback with identifier 0", 4, frame(0x40, b"\0\0")),
    _violation("puback with an unknown code", 5, frame(0x40, b"\0\1\5")),
    _violation("pubrec with a code of PUBREL", 5, frame(0x50, b"\0\1\x92")),
    _violation("pubrel with a code of PUBREC", 5, frame(0x62, b"\0\1\x80")),
    _violation("pubcomp with a code of PUBREC", 5, frame(0x70, b"\0\1\x10")),
    _malformed("puback with bytes behind", 5, frame(0x40, b"\0\1\0\0\0")),
    # SUBSCRIBE and UNSUBSCRIBE
    _malformed("subscribe of one byte", 4, frame(0x82, b"\1")),
    _violation("subscribe with identifier 0", 4, frame(0x82, b"\0\0", text("a"), b"\0")),
    _violation("subscribe without filter", 5, frame(0x82, b"\0\1\0")),
    _malformed("subscribe without options", 4, frame(0x82, b"\0\1", text("a"))),
    _malformed("subscribe with empty filter", 4, frame(0x82, b"\0\1", text("a"), b"\0", text(""), b"\0")),
    _violation("subscribe at QoS 3", 5, frame(0x82, b"\0\1\0", text("a"), b"\3")),
    _violation("subscribe 3.1 at QoS 3", 3, frame(0x82, b"\0\1", text("a"), b"\3")),
    _malformed("subscribe 3.1.1 with the options of 5", 4, frame(0x82, b"\0\1", text("a"), b"\4")),
    _malformed("subscribe 5 with reserved options", 5, frame(0x82, b"\0\1\0", text("a"), b"\x40")),
    _violation("retain handling 3", 5, frame(0x82, b"\0\1\0", text("a"), b"\x30")),
    _violation("no local on a shared filter", 5, frame(0x82, b"\0\1\0", text("$share/g/a"), b"\4")),
    _violation("no local on an ordered one", 5, frame(0x82, b"\0\1\0", text("$oshare/g/a"), b"\4")),
    _violation("two identifiers", 5, frame(0x82, b"\0\1", props(b"\x0b\1\x0b\1"), text("a"), b"\0")),
    _violation("unsubscribe with identifier 0", 4, frame(0xA2, b"\0\0", text("a"))),
    _violation("unsubscribe without filter", 4, frame(0xA2, b"\0\1")),
    _malformed("unsubscribe with empty filter", 5, frame(0xA2, b"\0\1\0", text(""))),
    _malformed("suback without code", 4, frame(0x90, b"\0\1")),
    _violation("suback 3.1.1 with a code of 5", 4, frame(0x90, b"\0\1\x87")),
    _violation("suback 5 with an unknown code", 5, frame(0x90, b"\0\1\0\x11")),
    _malformed("unsuback 3.1.1 with code", 4, frame(0xB0, b"\0\1\0")),
    _violation("unsuback 5 with an unknown code", 5, frame(0xB0, b"\0\1\0\1")),
    # The small ones
    _malformed("pingreq with body", 4, frame(0xC0, b"\0")),
    _malformed("pingresp with body", 5, frame(0xD0, b"\0")),
    _malformed("disconnect 3.1.1 with body", 4, frame(0xE0, b"\0")),
    _violation("disconnect with an unknown code", 5, frame(0xE0, b"\x05")),
    _malformed("disconnect with bytes behind", 5, frame(0xE0, b"\0\0\0")),
    _violation("auth with an unknown code", 5, frame(0xF0, b"\x01\0")),
    _malformed("auth without property length", 5, frame(0xF0, b"\x18")),
    _malformed("auth with bytes behind", 5, frame(0xF0, b"\x18\0\0")),
]
