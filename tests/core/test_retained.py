import pytest

from myna.core.deadlines import Deadlines, Timed
from myna.core.message import Message, Origin
from myna.core.retained import Retained

ORIGIN = Origin("api", "t")


class Nothing(Timed):
    def due(self, now: float) -> None:
        return


def message(topic: str, payload: bytes = b"x", expires_at: float = 0.0) -> Message:
    return Message(topic, payload, 0, True, ORIGIN, 0.0, expires_at)


def kept(*topics: str) -> Retained:
    retained = Retained()
    for topic in topics:
        retained.set(message(topic))
    return retained


def matched(retained: Retained, filter: str, limit: int = 0) -> list[str]:
    return sorted(held.topic for held in retained.match(filter, 1.0, limit))


def test_a_topic_keeps_its_last_message() -> None:
    retained = Retained()
    assert retained.get("a") is None
    first, second = message("a", b"1"), message("a", b"22")
    retained.set(first)
    retained.set(second)
    assert retained.get("a") is second
    assert (retained.count, retained.size) == (1, second.size())


def test_what_is_removed_leaves_nothing_behind() -> None:
    retained = kept("a", "a/b", "a/b/c", "d//")
    for topic in ("a/b", "a", "d//", "a/b/c"):
        assert retained.remove(topic)
        assert not retained.remove(topic)
        assert retained.get(topic) is None
    assert (retained.count, retained.size, retained.topics()) == (0, 0, [])
    assert matched(retained, "#") == []


@pytest.mark.parametrize(
    ("filter", "topics"),
    [
        ("a", ["a"]),
        ("a/b", ["a/b"]),
        ("b", []),
        ("#", ["/", "a", "a/b", "a/b/c", "a/c"]),  # [MQTT-4.7.2-1]
        ("+", ["a"]),
        ("+/b", ["a/b"]),
        ("a/#", ["a", "a/b", "a/b/c", "a/c"]),
        ("a/+", ["a/b", "a/c"]),
        ("a/+/c", ["a/b/c"]),
        ("+/#", ["/", "a", "a/b", "a/b/c", "a/c"]),
        ("+/+", ["/", "a/b", "a/c"]),
        ("x/#", []),
        ("x/y/+", []),
        ("$SYS/#", ["$SYS/a"]),
        ("$SYS/+", ["$SYS/a"]),
    ],
)
def test_a_filter_finds_the_messages_of_its_topics(filter: str, topics: list[str]) -> None:
    assert matched(kept("a", "a/b", "a/b/c", "a/c", "$SYS/a", "/"), filter) == topics


@pytest.mark.parametrize("filter", ["#", "+/#", "+/+", "a/#", "a/+"])
def test_a_filter_can_ask_for_only_so_many(filter: str) -> None:
    retained = kept(*[f"{a}/{b}" for a in "abc" for b in "123"])
    assert len(retained.match(filter, 1.0, 2)) == 2


@pytest.mark.parametrize("filter", ["a/b", "a/+", "#"])
def test_an_expired_message_is_not_found(filter: str) -> None:
    retained = Retained()  # [MQTT-3.3.2-5]
    retained.set(message("a/b", expires_at=10.0))
    assert len(retained.match(filter, 9.0)) == 1
    assert retained.match(filter, 11.0) == []


def test_the_deadline_of_a_message_goes_with_it() -> None:
    retained, deadlines = kept("a", "b"), Deadlines()
    for topic in ("a", "b"):
        assert not retained.has_expiry(topic)
        retained.set_expiry(topic, deadlines.add(5.0, Nothing()))
        assert retained.has_expiry(topic)
    retained.remove("a")
    retained.set_expiry("b", None)
    assert not retained.has_expiry("a")
    assert not retained.has_expiry("b")
    assert deadlines.next() == 0.0


def test_a_topic_of_very_many_levels_is_kept_found_and_removed() -> None:
    deep = "/" * 65_535
    retained = kept(deep)
    assert matched(retained, "#") == [deep]
    assert matched(retained, "/" * 65_534 + "+") == []
    assert retained.remove(deep)
    retained.set(message(deep))  # and left there, to be freed as a whole
