"""Roles, patterns, and what grants make of them."""

import pytest

from myna.core.identity import Identity
from myna.faces.webpubsub.naming import JOIN_LEAVE, SEND
from myna.faces.webpubsub.roles import Pattern, Permissions, WebPubSubIdentity
from myna.wire import reasons

NOBODY = Identity("", "")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("chat-*", "chat-1", True),
        ("chat-*", "chat-", True),
        ("chat-*", "chat.1", False),
        ("clientA.*", "clientA.a", True),
        ("clientA.*", "clientA.a.b", False),
        ("clientA.**", "clientA.a.b", True),
        ("clientA.rooms.?1", "clientA.rooms.a1", True),
        ("clientA.rooms.?1", "clientA.rooms..1", False),
        ("sensors/*", "sensors/a/b", True),
        ("**", "anything.at/all", True),
        ("Chat", "chat", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("a\\", "a\\", True),
        ("*a*", "bab", True),
        ("*.**", "a.b.c", True),
        ("", "", True),
        ("a", "ab", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, name: str, matches: bool) -> None:
    assert Pattern(pattern).matches(name) is matches


def test_no_pattern_is_slow() -> None:
    assert not Pattern("*a*a*a*a*b").matches("a" * 1024)


def test_roles_allow_what_they_name() -> None:
    allowed = Permissions(
        (
            "webpubsub.sendToGroup.a.b/c",
            "webpubsub.joinLeaveGroups.room-*",
            "webpubsub.sendToGroups.a*b*c*d*e*f*",
            "other",
        )
    )
    assert allowed.allows(SEND, "a.b/c")
    assert not allowed.allows(SEND, "a.b")
    assert not allowed.allows(SEND, "abcdef")  # six stars: no pattern
    assert allowed.allows(JOIN_LEAVE, "room-1")
    assert not allowed.allows(JOIN_LEAVE, "hall")
    assert not allowed.allows(JOIN_LEAVE, None)
    assert Permissions(("webpubsub.sendToGroups.**",)).allows(SEND, None)
    assert Permissions(("webpubsub.sendToGroup",)).allows(SEND, None)


def test_grants_stand_above_roles() -> None:
    held = Permissions(("webpubsub.sendToGroup",))
    held.say(SEND, "a", allowed=False)
    assert [held.allows(SEND, group) for group in ("a", "b", None)] == [False, True, True]
    held.say(SEND, None, allowed=True)
    assert held.allows(SEND, "a")
    held.say(SEND, None, allowed=False)
    held.say(SEND, "b", allowed=True)
    assert [held.allows(SEND, group) for group in ("a", "b", None)] == [False, True, False]
    assert not held.allows(JOIN_LEAVE, "b")


def test_as_rules_of_an_mqtt_session() -> None:
    rules = Permissions(
        ("webpubsub.sendToGroup.a", "webpubsub.joinLeaveGroups.tree/**", "webpubsub.joinLeaveGroup.x/#")
    )
    publish = {topic: rules.may_publish(NOBODY, topic, 0, False) for topic in ("a", "b")}
    assert publish == {"a": reasons.SUCCESS, "b": reasons.NOT_AUTHORIZED}
    filters = ("tree/a", "tree/a/#", "tree/+/b", "tree/#", "tree", "#", "+", "x/#", "x/y", "$webpubsub/server/messages")
    allowed = {filter for filter in filters if rules.may_subscribe(NOBODY, filter, 0) == reasons.SUCCESS}
    assert allowed == {"tree/a", "tree/a/#", "tree/+/b", "x/#", "$webpubsub/server/messages"}
    assert rules.may_unsubscribe(NOBODY, "tree/a") == reasons.SUCCESS
    assert rules.may_unsubscribe(NOBODY, "b") == reasons.NOT_AUTHORIZED
    rules.say(JOIN_LEAVE, None, allowed=True)
    assert rules.may_subscribe(NOBODY, "#", 0) == reasons.SUCCESS


def test_events_need_no_role_and_the_rest_of_the_reserved_space_is_nobodys() -> None:
    rules = Permissions(("webpubsub.sendToGroup",))
    assert rules.may_publish(NOBODY, "$webpubsub/server/events/e", 0, False) == reasons.SUCCESS
    assert rules.may_publish(NOBODY, "$webpubsub/server/messages", 0, False) == reasons.NOT_AUTHORIZED


def test_what_was_granted_goes_with_the_session_to_its_next_identity() -> None:
    first, second = (WebPubSubIdentity("t", "u", (), []) for _ in range(2))
    first.permissions.say(SEND, "a", allowed=True)
    second.takes_over(first)
    assert second.permissions.allows(SEND, "a")
    second.takes_over(NOBODY)
    assert second.permissions.allows(SEND, "a")
