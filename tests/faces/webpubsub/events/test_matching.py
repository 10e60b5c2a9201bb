"""Which handler takes an event."""

import pytest

from myna.faces.webpubsub.events.matching import find_system_handler, find_user_handler, url_of
from myna.faces.webpubsub.hub_settings import Handler, HubSettings


@pytest.mark.parametrize(
    ("pattern", "event", "taken"),
    [
        ("*", "anything.at-all", True),
        ("", "message", False),
        ("message", "message", True),
        ("MESSAGE", "message", True),
        ("message", "messages", False),
        ("a, b ,c", "b", True),
        ("a, b ,c", "d", False),
        ("chat.*", "chat.room", True),
        ("chat.*", "chatroom", False),
        ("a?c", "abc", True),
        ("a[b]", "a[b]", True),
        ("**********************b", "a" * 5000, False),
    ],
)
def test_a_pattern_takes_events(pattern: str, event: str, taken: bool) -> None:
    settings = HubSettings(handlers=(Handler("http://app", pattern),))
    assert (find_user_handler(settings, event) is not None) == taken


def test_the_first_handler_that_matches_gets_the_event() -> None:
    first, second = Handler("http://a", "x", ("connect",)), Handler("http://b", "*", ("connect", "connected"))
    settings = HubSettings(handlers=(first, second))
    assert find_user_handler(settings, "x") is first
    assert find_user_handler(settings, "y") is second
    assert find_system_handler(settings, "connect") is first
    assert find_system_handler(settings, "connected") is second
    assert find_system_handler(settings, "disconnected") is None


def test_names_in_a_url_are_encoded() -> None:
    handler = Handler("https://app.example/{hub}/{event}?code=1&e={event}")
    assert url_of(handler, "chat", "a/b?c") == "https://app.example/chat/a%2Fb%3Fc?code=1&e=a%2Fb%3Fc"
