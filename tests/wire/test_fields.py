import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.wire import fields
from myna.wire.errors import Malformed
from tests.wire.vectors import ANY_TEXT, text


@given(st.integers(0, fields.MAXIMUM_VARINT))
def test_a_varint_is_read_as_it_was_written(value: int) -> None:
    data = fields.write_varint(value)
    assert fields.read_varint(b"?" + data + b"?", 1, len(data) + 2) == (value, len(data) + 1)


@pytest.mark.parametrize(
    ("value", "size"), [(0, 1), (127, 1), (128, 2), (16383, 2), (16384, 3), (2097151, 3), (2097152, 4), (268435455, 4)]
)
def test_a_varint_takes_the_fewest_bytes(value: int, size: int) -> None:
    assert len(fields.write_varint(value)) == size


def test_a_varint_beyond_four_bytes_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="268435456"):
        fields.write_varint(fields.MAXIMUM_VARINT + 1)


@pytest.mark.parametrize("data", [b"\x80\x00", b"\xff\x80\x00", b"\x80\x80\x80\x80\x01", b"\x80", b""])
def test_a_varint_in_any_other_form_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        fields.read_varint(data, 0, len(data))


@given(st.integers(0, 0xFFFFFFFF))
def test_integers_are_read_as_they_were_written(value: int) -> None:
    assert fields.read_u32(fields.write_u32(value), 0, 4) == (value, 4)
    assert fields.read_u16(fields.write_u16(value & 0xFFFF), 0, 2) == (value & 0xFFFF, 2)
    assert fields.read_byte(fields.BYTES[value & 0xFF], 0, 1) == (value & 0xFF, 1)


def test_nothing_is_read_past_the_end_given() -> None:
    data = b"\0\1\0\1\0\1"
    with pytest.raises(Malformed):
        fields.read_byte(data, 3, 3)
    with pytest.raises(Malformed):
        fields.read_u16(data, 2, 3)
    with pytest.raises(Malformed):
        fields.read_u32(data, 0, 3)
    with pytest.raises(Malformed):
        fields.read_varint(data, 2, 2)
    with pytest.raises(Malformed):
        fields.read_string(data, 0, 2)
    with pytest.raises(Malformed):
        fields.read_binary(data, 0, 2)


def test_binary_may_be_anything() -> None:
    assert fields.read_binary(b"\0\3\xff\0\x01", 0, 5) == (b"\xff\0\x01", 5)
    assert fields.write_binary(b"\xff\0") == b"\0\2\xff\0"


def test_binary_too_long_cannot_be_written() -> None:
    assert len(fields.write_binary(b"x" * 65535)) == 65537
    with pytest.raises(ValueError, match="65536"):
        fields.write_binary(b"x" * 65536)


@pytest.mark.parametrize(
    "data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xe2\x82"]
)
def test_ill_formed_utf8_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        fields.text_between(data, 0, len(data))


UNWANTED = [0, 1, 9, 10, 0x1F, 0x7F, 0x80, 0x9F, 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF]


@pytest.mark.parametrize("code_point", UNWANTED, ids=hex)
def test_control_characters_and_non_characters_are_refused(code_point: int) -> None:
    data = ("a" + chr(code_point) + "b").encode()
    with pytest.raises(Malformed):
        fields.text_between(data, 0, len(data))


@pytest.mark.parametrize(
    "code_point", [0x20, 0x7E, 0xA0, 0xAD, 0x200B, 0x2028, 0xE000, 0xFDF0, 0xFEFF, 0xFFFD, 0x2A6D4, 0x10FFFD], ids=hex
)
def test_all_other_characters_are_text(code_point: int) -> None:
    assert fields.read_string(text(chr(code_point)), 0, 6)[0] == chr(code_point)


def test_a_surrogate_in_text_from_elsewhere_is_not_wanted() -> None:
    assert not fields.is_wanted("\ud800")


@given(ANY_TEXT)
def test_wanted_text_is_read_as_it_was_written(value: str) -> None:
    if fields.is_wanted(value):
        data = fields.write_string(value)
        assert fields.read_string(data, 0, len(data)) == (value, len(data))
