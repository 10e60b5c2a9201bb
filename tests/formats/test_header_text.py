"""Text in HTTP headers, and back."""

from urllib.parse import unquote

import pytest

from myna.formats.header_text import header_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("alice", "alice"),
        ("a b/c;d", "a b/c;d"),
        (" a ", "%20a%20"),
        ('100% "sure"', "100%25 %22sure%22"),
        ("Zoë", "Zo%C3%AB"),
        ("a\r\nx: y", "a%0D%0Ax: y"),
        ("\ud800", "%3F"),
        ("", ""),
    ],
)
def test_what_cannot_stand_in_a_header_is_encoded(text: str, value: str) -> None:
    assert header_text(text) == value
    if "\ud800" not in text:
        assert unquote(value) == text
