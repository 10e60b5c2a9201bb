import pytest

from myna.core.receiver import Subscription
from myna.core.trie import MANY, Subscribers, WildcardTrie
from myna.testing import FakeReceiver

SOMEBODY = FakeReceiver()


def subscription(filter: str) -> Subscription:
    return Subscription(SOMEBODY, filter, filter, 0)


def matched(trie: WildcardTrie, topic: str) -> list[str]:
    found: list[Subscription] = []
    trie.match(topic, found)
    return sorted(held.filter for held in found)


@pytest.mark.parametrize(
    ("filter", "topics", "others"),
    [
        ("#", ["a", "a/b", "/", "/a"], ["$SYS", "$SYS/a"]),  # [MQTT-4.7.2-1]
        ("+", ["a"], ["/", "a/b", "$SYS"]),
        ("+/+", ["a/b", "/b", "a/", "/"], ["a", "a/b/c", "$SYS/b"]),  # §4.7.1.3
        ("/+", ["/b", "/"], ["a/b", "b"]),
        ("a/#", ["a", "a/b", "a/", "a/b/c"], ["ab", "b", "/a"]),  # §4.7.1.2
        ("a/+", ["a/b", "a/"], ["a", "a/b/c"]),
        ("a/+/c", ["a/b/c", "a//c"], ["a/b", "a/b/c/d"]),
        ("+/b/#", ["a/b", "a/b/c", "/b"], ["$SYS/b"]),
        ("$SYS/#", ["$SYS", "$SYS/a"], ["a"]),
        ("$SYS/+", ["$SYS/a"], ["$SYS"]),
    ],
)
def test_a_filter_matches_its_topics_and_no_others(filter: str, topics: list[str], others: list[str]) -> None:
    trie = WildcardTrie()
    trie.add(subscription(filter))
    assert [topic for topic in topics if matched(trie, topic) != [filter]] == []
    assert [topic for topic in others if matched(trie, topic)] == []


def test_all_filters_that_match_are_found() -> None:
    trie = WildcardTrie()
    for filter in ("#", "+/b", "a/+", "a/#", "+/+", "b/#", "a/b/+", "a/b/#"):
        trie.add(subscription(filter))
    assert matched(trie, "a/b") == ["#", "+/+", "+/b", "a/#", "a/+", "a/b/#"]
    assert matched(trie, "c") == ["#"]


def test_what_is_removed_takes_the_nodes_along_that_only_it_needed() -> None:
    trie = WildcardTrie()
    held = [subscription(filter) for filter in ("a/+/c/#", "a/+/c/+", "a/+", "#", "a/b/#", "+/+/+", "a/b/#")]
    for each in held:
        trie.add(each)
    for each in held:
        assert trie.remove(each)
        assert not trie.remove(each)
    assert trie.is_empty()


def test_a_filter_nobody_holds_is_not_removed() -> None:
    trie = WildcardTrie()
    trie.add(subscription("a/+/c"))
    for filter in ("x/#", "a/#", "a/+", "+/#", "a/+/d/#", "a/+/c/+", "a/+/c"):
        assert not trie.remove(subscription(filter))
    assert matched(trie, "a/b/c") == ["a/+/c"]


def test_a_filter_of_very_many_levels_is_held_matched_and_removed() -> None:
    trie = WildcardTrie()  # [MQTT-4.7.3-3]
    deep = subscription("/" * 65_533 + "+")
    trie.add(deep)
    assert matched(trie, "/" * 65_533 + "x") == [deep.filter]
    assert trie.remove(deep)
    assert trie.is_empty()
    trie.add(deep)  # and left there, to be freed as a whole


def test_subscribers_leave_whether_few_or_many() -> None:
    subscribers = Subscribers()
    held = [subscription("a/+") for _ in range(3 * MANY)]
    stranger = subscription("a/+")
    for count, each in enumerate(held, 1):
        subscribers.add(each)
        assert len(subscribers) == count
        assert not subscribers.remove(stranger)
    for each in held[: 2 * MANY]:
        assert subscribers.remove(each)
    left: list[Subscription] = []
    subscribers.extend(left)
    assert left == held[2 * MANY :]
    few = Subscribers()
    few.add(held[0])
    few.add(held[1])
    assert few.remove(held[1])
    few.extend(left)
    assert left[-1] is held[0]


def test_the_holders_of_a_filter_are_those_with_exactly_this_one() -> None:
    trie = WildcardTrie()
    held = {filter: subscription(filter) for filter in ("a/+", "a/#", "a/+/#", "+")}
    for each in held.values():
        trie.add(each)
    for filter in ("a/+", "a/#", "a/+/#", "+", "#", "b/+", "a/+/+"):
        found: list[Subscription] = []
        trie.holders(filter, found)
        assert found == ([held[filter]] if filter in held else [])
