import pytest

from myna.wire.encode_publish import encode_ack, encode_publish, publish_parts
from tests.wire.vectors import frame, text


def test_a_publish_before_mqtt_5_has_no_property_block() -> None:
    assert encode_publish(b"a/b", b"xyz", 1, 0, None) == frame(0x31, text("a/b"), b"xyz")


def test_a_publish_of_mqtt_5_has_one_even_if_empty() -> None:
    assert encode_publish(b"a/b", b"xyz", 0, 0, b"\0") == frame(0x30, text("a/b"), b"\0", b"xyz")


def test_the_packet_identifier_stands_between_topic_and_properties() -> None:
    assert encode_publish(b"a", b"x", 0x0A, 0x1234, b"\0") == frame(0x3A, text("a"), b"\x12\x34", b"\0", b"x")
    assert encode_publish(b"a", b"x", 0x04, 0x1234, None) == frame(0x34, text("a"), b"\x12\x34", b"x")


def test_parts_leave_room_for_the_packet_identifier() -> None:
    head, tail = publish_parts(b"a" * 200, b"payload", 2, b"\0")
    assert head + b"\0\7" + tail == encode_publish(b"a" * 200, b"payload", 2, 7, b"\0")


@pytest.mark.parametrize("size", [0, 127, 128, 16383, 16384, 2097151, 2097152])
def test_the_length_fits_at_every_step_of_its_form(size: int) -> None:
    payload = b"x" * max(0, size - 3)
    assert encode_publish(b"a", payload, 0, 0, None) == frame(0x30, text("a"), payload)


def test_a_topic_too_long_is_a_mistake_of_the_caller() -> None:
    for flags in (0, 2):
        with pytest.raises(ValueError, match="65536"):
            encode_publish(b"a" * 65536, b"", flags, 1, None)


def test_acknowledgements_are_four_bytes() -> None:
    assert encode_ack(0x40, 1) == b"\x40\2\0\1"
    assert encode_ack(0x62, 65535) == b"\x62\2\xff\xff"
