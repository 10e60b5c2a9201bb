"""Calls to others, from where they are needed."""

import pytest

from myna.formats.outgoing import backoff, public_part


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hook.example/a?code=secret#x", "https://hook.example/a"),
        ("https://user:secret@hook.example:8443/a", "https://hook.example:8443/a"),
        ("http://[::1", "an address that is none"),
    ],
)
def test_no_secret_of_an_address_is_shown(url: str, shown: str) -> None:
    assert public_part(url) == shown


def test_waiting_doubles_up_to_a_bound_and_is_spread() -> None:
    for attempt, most in ((0, 1.0), (1, 2.0), (2, 4.0), (10, 5.0), (1000, 5.0)):
        assert most / 2 <= backoff(attempt, first=1.0, longest=5.0) <= most
