import pytest

from myna.wire import properties as p
from myna.wire.errors import Malformed, ProtocolViolation
from myna.wire.properties import TABLE, Properties
from myna.wire.property_block import encode_message_properties, encode_properties, read_properties
from tests.wire.vectors import USER, props, text

VALUES: dict[int, bytes] = {
    p.BYTE: b"\1",
    p.TWO_BYTES: b"\0\1",
    p.FOUR_BYTES: b"\0\0\0\1",
    p.VARINT: b"\1",
    p.STRING: b"\0\1a",
    p.BINARY: b"\0\1a",
    p.STRING_PAIR: b"\0\1a\0\1b",
}
BEARERS = [1 << bit for bit in (*range(12), 14, 15)]
METHOD = b"\x15\0\1m"


def block_for(identifier: int, times: int = 1) -> bytes:
    one = bytes((identifier,)) + VALUES[TABLE[identifier][1]]
    return props(METHOD if identifier == p.AUTHENTICATION_DATA else b"", *[one] * times)


def read(block: bytes, bearer: int) -> Properties | None:
    found, after = read_properties(b"?" + block + b"?", 1, len(block) + 2, bearer)
    assert after == len(block) + 1
    return found


@pytest.mark.parametrize("identifier", TABLE, ids=hex)
def test_each_property_goes_with_its_own_packets_and_no_others(identifier: int) -> None:
    name, _, bearers, _ = TABLE[identifier]
    for bearer in BEARERS:
        if bearer & bearers:
            found = read(block_for(identifier), bearer)
            assert found is not None
            assert getattr(found, name) in (1, "a", b"a", [1], [("a", "b")])
            assert encode_properties(found) == block_for(identifier)
        else:
            with pytest.raises(Malformed):
                read(block_for(identifier), bearer)


@pytest.mark.parametrize("identifier", TABLE, ids=hex)
def test_only_what_may_be_repeated_is(identifier: int) -> None:
    _, _, bearers, repeaters = TABLE[identifier]
    for bearer in BEARERS:
        if bearer & repeaters:
            found = read(block_for(identifier, 2), bearer)
            assert encode_properties(found) == block_for(identifier, 2)
        elif bearer & bearers:
            with pytest.raises(ProtocolViolation):
                read(block_for(identifier, 2), bearer)


@pytest.mark.parametrize("identifier", TABLE, ids=hex)
def test_a_value_cut_short_is_malformed(identifier: int) -> None:
    _, kind, bearers, _ = TABLE[identifier]
    bearer = bearers & -bearers
    for size in range(len(VALUES[kind])):
        with pytest.raises(Malformed):
            read(props(bytes((identifier,)) + VALUES[kind][:size]), bearer)


@pytest.mark.parametrize("identifier", [i for i, row in TABLE.items() if row[1] == p.BYTE], ids=hex)
def test_one_byte_is_yes_or_no(identifier: int) -> None:
    bearers = TABLE[identifier][2]
    bearer = bearers & -bearers
    found = read(props(bytes((identifier, 0))), bearer)
    assert getattr(found, TABLE[identifier][0]) == 0
    with pytest.raises(ProtocolViolation):
        read(props(bytes((identifier, 2))), bearer)


def test_zero_is_a_value_where_the_standard_does_not_forbid_it() -> None:
    found = read(props(b"\x11\0\0\0\0\x22\0\0"), p.IN_CONNECT)
    assert found is not None
    assert (found.session_expiry, found.topic_alias_maximum) == (0, 0)


def test_an_empty_block_is_no_properties() -> None:
    assert read(b"\0", p.IN_PUBLISH) is None
    assert encode_properties(None) == encode_message_properties(None) == b"\0"


def test_user_properties_keep_their_order_and_repeats() -> None:
    pairs = [("a", "1"), ("b", "2"), ("a", "3"), ("a", "1")]
    block = props(*[b"\x26" + text(name) + text(value) for name, value in pairs])
    found = read(block, p.IN_PUBLISH)
    assert found is not None
    assert found.user_properties == pairs
    assert encode_message_properties(found) == block


def test_a_message_bears_only_message_properties() -> None:
    found = read(props(b"\x01\1", USER), p.IN_WILL)
    assert encode_message_properties(found) == encode_properties(found)
    assert found is not None
    found.session_expiry = 5
    assert encode_message_properties(found) == props(b"\x01\1", USER)
