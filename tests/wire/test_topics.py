import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.wire.topics import check_filter, check_topic, covers, matches, overlaps, parse_filter, split_levels
from tests.wire.vectors import ANY_TEXT


@pytest.mark.parametrize("topic", ["a", "/", "//", "a/b", "/a", "a/", "$SYS/x", " ", "ä/ö", "\ufeffa", "x" * 65535])
def test_topic_names(topic: str) -> None:
    assert check_topic(topic)


@pytest.mark.parametrize(
    "topic", ["", "+", "#", "a/+", "a/#", "a+b", "a#b", "a\0b", "a\nb", "\ud800", "x" * 65536, "ä" * 32768]
)
def test_no_topic_names(topic: str) -> None:
    assert not check_topic(topic)


def test_a_long_topic_is_measured_in_bytes() -> None:
    assert check_topic("ä" * 32767)


@pytest.mark.parametrize(
    "filter", ["a", "#", "+", "/", "a/#", "+/+", "/+", "+/", "a/+/b", "+/a/#", "a//b", "$SYS/#", "$share"]
)
def test_filters(filter: str) -> None:
    parsed = parse_filter(filter)
    assert parsed is not None
    assert (parsed.filter, parsed.group, parsed.ordered) == (filter, "", False)
    assert check_filter(filter)


@pytest.mark.parametrize(
    "filter", ["", "a#", "#/a", "a/#/b", "##", "a/##", "a+", "+a", "+a/b", "a/b+/c", "++", "a\0", "x" * 65536]
)
def test_no_filters(filter: str) -> None:
    assert parse_filter(filter) is None
    assert not check_filter(filter)


@pytest.mark.parametrize("filter", ["t", "#", "a/+", "/", "/t", "$SYS/#", "a/b/c"])
def test_shared_filters(filter: str) -> None:
    shared = parse_filter(f"$share/group/{filter}")
    assert shared is not None
    assert (shared.filter, shared.group, shared.ordered) == (filter, "group", False)
    ordered = parse_filter(f"$oshare/group/{filter}")
    assert ordered is not None
    assert (ordered.filter, ordered.group, ordered.ordered) == (filter, "group", True)


@pytest.mark.parametrize("rest", ["", "/t", "g", "g/", "g+/t", "+/t", "#/t", "#", "g/t#", "g/a+"])
def test_no_shared_filters(rest: str) -> None:
    assert parse_filter(f"$share/{rest}") is None
    assert parse_filter(f"$oshare/{rest}") is None


@pytest.mark.parametrize(
    ("filter", "topic"),
    [
        ("a", "a"),
        ("#", "a"),
        ("#", "/a/b"),
        ("+", "a"),
        ("+/+", "/b"),
        ("/+", "/b"),
        ("a/#", "a"),
        ("a/#", "a/b/c"),
        ("a/+/c", "a//c"),
        ("+/b/#", "a/b"),
        ("$SYS/#", "$SYS/a"),
        ("$SYS/+", "$SYS/a"),
        ("a/#", "a/"),
        ("+/#", "a"),
    ],
)
def test_matches(filter: str, topic: str) -> None:
    assert matches(filter, topic)


@pytest.mark.parametrize(
    ("filter", "topic"),
    [
        ("a", "A"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("+", "/b"),
        ("+", "a/b"),
        ("a/+", "a"),
        ("a/b/#", "a"),
        ("#", "$SYS/a"),
        ("+/a", "$SYS/a"),
        ("a", "\ufeffa"),
        ("a/#", "ab"),
        ("+/b/#", "a/c"),
    ],
)
def test_no_matches(filter: str, topic: str) -> None:
    assert not matches(filter, topic)


def naive(filter: list[str], topic: list[str]) -> bool:
    """The rules once more, told by recursion."""
    if filter == ["#"]:
        return True
    if not filter or not topic:
        return filter == topic
    return filter[0] in ("+", topic[0]) and naive(filter[1:], topic[1:])


LEVEL = st.sampled_from(["", "a", "b", "$x"])


@given(
    st.lists(st.one_of(LEVEL, st.just("+")), min_size=1, max_size=5),
    st.booleans(),
    st.lists(LEVEL, min_size=1, max_size=5),
)
def test_matching_agrees_with_a_naive_model(levels: list[str], is_open: bool, topic: list[str]) -> None:
    filter = levels + ["#"] * is_open
    is_hidden = topic[0].startswith("$") and filter[0] == "+"
    assert matches("/".join(filter), "/".join(topic)) == (not is_hidden and naive(filter, topic))


def test_extreme_filters_and_topics_do_not_hurt() -> None:
    slashes = "/" * 65535
    assert check_topic(slashes)
    assert check_filter(slashes)
    assert matches(slashes, slashes)
    assert matches("+" + "/+" * 32767, "/" * 32767)
    assert len(split_levels(slashes)) == 65536


@given(ANY_TEXT)
def test_a_topic_is_a_filter_that_matches_itself(topic: str) -> None:
    if check_topic(topic) and not topic.startswith(("$share/", "$oshare/")):
        assert check_filter(topic)
        assert matches(topic, topic)


@given(st.text(alphabet="a/+#$share", max_size=20))
def test_any_text_is_a_filter_or_none(raw: str) -> None:
    parsed = parse_filter(raw)
    assert parsed is None or raw.endswith(parsed.filter)


LEVEL_NAMES = ("a", "b", "", "$x")
TOPICS = ["/".join(levels) for count in (1, 2, 3, 4) for levels in itertools.product(LEVEL_NAMES, repeat=count)]
# With the topic of no characters, which is none: it is the parent level of "/#", and nobody has to know that.
FILTERS = [
    "/".join(levels)
    for count in (1, 2, 3)
    for levels in itertools.product(("a", "b", "", "$x", "+", "#"), repeat=count)
]
FILTERS = [filter for filter in FILTERS if check_filter(filter)]
# Whatever is not among the names stands for every other one.
REACH = {filter: frozenset(topic for topic in TOPICS if matches(filter, topic)) for filter in FILTERS}


def test_a_filter_covers_another_if_it_reaches_all_that_the_other_does() -> None:
    for wide, narrow in itertools.product(FILTERS[::3], FILTERS):
        assert covers(wide, narrow) == (REACH[narrow] <= REACH[wide]), (wide, narrow)


def test_filters_overlap_if_some_topic_is_reached_by_both() -> None:
    for one, other in itertools.product(FILTERS[::3], FILTERS):
        assert overlaps(one, other) == bool(REACH[one] & REACH[other]), (one, other)
