from myna.wire import packets, properties
from myna.wire.properties import TABLE, Properties

EMPTY = {
    properties.BYTE: -1,
    properties.TWO_BYTES: -1,
    properties.FOUR_BYTES: -1,
    properties.VARINT: None,
    properties.STRING: None,
    properties.BINARY: None,
    properties.STRING_PAIR: None,
}


def test_the_table_holds_the_27_properties_of_the_standard() -> None:
    assert len(TABLE) == 27
    assert len({row[0] for row in TABLE.values()}) == 27


def test_each_row_names_an_attribute_that_is_absent_at_first() -> None:
    bare = Properties()
    for name, kind, _, _ in TABLE.values():
        assert getattr(bare, name) == EMPTY[kind]


def test_only_bearers_may_repeat_a_property() -> None:
    repeatable = {identifier for identifier, row in TABLE.items() if row[3]}
    assert repeatable == {0x0B, 0x26}
    assert all(row[3] & ~row[2] == 0 for row in TABLE.values())


def test_the_bits_of_bearers_are_packet_types() -> None:
    for name in ("CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK"):
        assert getattr(properties, f"IN_{name}") == 1 << getattr(packets, name)
    for name in ("UNSUBSCRIBE", "UNSUBACK", "DISCONNECT", "AUTH"):
        assert getattr(properties, f"IN_{name}") == 1 << getattr(packets, name)


def test_user_properties_may_go_with_every_packet_that_has_properties() -> None:
    assert TABLE[0x26][2] == 0b1100_1111_1111_1111
