"""Paging through retained messages while they come and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.message import Message, Origin
from myna.core.retained import Retained
from myna.core.retained_pages import SLACK, TopicOrder, literal_part

ORIGIN = Origin("mqtt", "acme")
LEVEL = st.sampled_from(["a", "b", "a-", "", "$s"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=3).map("/".join).filter(bool)
FILTER = st.lists(st.one_of(LEVEL, st.just("+")), max_size=3).flatmap(
    lambda levels: st.sampled_from(["/".join([*levels, "#"]), "/".join(levels) or "+"])
)


def message(topic: str, expires_at: float = 0.0) -> Message:
    return Message(topic, b"x", 1, True, ORIGIN, 0.0, expires_at)


def paged(retained: Retained, filter: str, looks: int) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = retained.page(filter, 0.0, after, looks)
        found += [held.topic for held in page.messages]
        if not page.end:
            return found
        after = page.end


@given(st.lists(TOPIC, max_size=12), FILTER, st.integers(1, 5))
def test_pages_hold_together_what_a_subscriber_would_see(topics: list[str], filter: str, looks: int) -> None:
    retained = Retained()
    for topic in topics:
        retained.set(message(topic))
    assert paged(retained, filter, looks) == sorted(held.topic for held in retained.match(filter, 0.0))


@given(st.lists(st.tuples(TOPIC, st.booleans()), max_size=30), st.integers(0, 30))
def test_what_comes_and_goes_between_two_looks_is_followed(changes: list[tuple[str, bool]], first_look: int) -> None:
    retained = Retained()
    for number, (topic, comes) in enumerate(changes):
        if comes:
            retained.set(message(topic))
        else:
            retained.remove(topic)
        if number >= first_look:
            assert paged(retained, "#", 3) == sorted(held.topic for held in retained.match("#", 0.0))


def test_what_has_expired_is_passed_over() -> None:
    retained = Retained()
    retained.set(message("a", expires_at=10.0))
    retained.set(message("b"))
    assert [held.topic for held in retained.page("#", 20.0).messages] == ["b"]
    assert retained.page("a", 20.0).messages == []


def test_only_topics_that_begin_as_the_filter_does_are_looked_at() -> None:
    retained = Retained()
    for number in range(100):
        retained.set(message(f"a/{number}"))
    retained.set(message("b/1"))
    retained.set(message("c/1"))
    page = retained.page("b/+", 0.0, "", 2)
    assert ([held.topic for held in page.messages], page.end) == (["b/1"], "")


@pytest.mark.parametrize(
    ("filter", "part"),
    [("#", ""), ("+", ""), ("+/a", ""), ("a/#", "a"), ("a/+/b", "a/"), ("/+", "/"), ("/#", ""), ("a/b", "a/b")],
)
def test_what_topics_of_a_filter_begin_with(filter: str, part: str) -> None:
    assert literal_part(filter) == part


def test_an_order_that_nobody_asks_for_does_not_grow() -> None:
    order = TopicOrder()
    order.add("before")
    assert order.is_stale(1)
    order.renew(["b", "a"])
    order.add("aa")
    assert order.topics() == ["a", "aa", "b"]
    for _ in range(SLACK):
        order.add("again and again")
    assert not order.is_stale(3)
    for _ in range(10):
        order.add("again and again")
    assert order.is_stale(3)
