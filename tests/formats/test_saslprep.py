"""SASLprep: the examples of RFC 4013, section 3, and what stands around them."""

import pytest

from myna.formats.saslprep import prepare


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("user", "user"),
        ("USER", "USER"),
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("pass word", "pass word"),
        ("", ""),
        ("zoë", "zoë"),
        ("\u05d0\u05d1", "\u05d0\u05d1"),
    ],
)
def test_what_looks_alike_becomes_equal(text: str, prepared: str) -> None:
    assert prepare(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "a\u05d0", "\ue000", "\ufffd", "\U000e0001", "\u0221"])
def test_what_nobody_can_type_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SASLprep|direction|right-to-left"):
        prepare(text)
