"""Topic templates and what they cover, against examples and against plain matching."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.templates import BadTemplate, Coverage, covers, parse_template
from myna.wire.topics import matches

CLIENT = Client("machine1", {"area": "north", "floor": 3, "lines": ("l1", "l2"), "bad": "a/b", "star": "#"})


@pytest.mark.parametrize(
    ("template", "filters"),
    [
        ("areas/+/alerts/#", ["areas/+/alerts/#"]),
        ("machines/${client.authenticationName}/telemetry", ["machines/machine1/telemetry"]),
        ("machines/${client.authenticationName|.factory1}/temp", ["machines/machine1.factory1/temp"]),
        ("m/x${client.attributes.floor}y/t", ["m/x3y/t"]),
        ("${client.attributes.area}/${client.attributes.floor}/#", ["north/3/#"]),
        ("lines/${client.attributes.lines}/+", ["lines/l1/+", "lines/l2/+"]),
        ("${client.attributes.lines}/${client.attributes.lines}", ["l1/l1", "l2/l2"]),
        ("a/${client.attributes.missing}", []),
        ("a/${client.attributes.bad}", []),
        ("a/${client.attributes.star}", []),
    ],
)
def test_a_template_becomes_filters(template: str, filters: list[str]) -> None:
    assert parse_template(template).filters(CLIENT) == filters


@pytest.mark.parametrize(
    "template",
    [
        "",
        "a/#/b",
        "a+",
        "a/${client.name}",
        "a/${client.attributes.}",
        "a/${client.attributes.a-b}",
        "a/${client.authenticationName",
        "a/${client.authenticationName|x/y}",
        "a/${client.authenticationName|+}",
        "a/${client.authenticationName}+",
        "$SYS/#",
        "a/\0",
    ],
)
def test_a_template_that_means_nothing_is_refused(template: str) -> None:
    with pytest.raises(BadTemplate):
        parse_template(template)


def test_a_name_with_wildcards_or_slashes_widens_nothing() -> None:
    template = parse_template("${client.authenticationName}/in")
    for name in ("#", "+", "a/b", "a+b", "$SYS", "a\0"):
        assert template.filters(Client(name)) == []


def test_lists_that_multiply_without_end_grant_nothing(caplog: pytest.LogCaptureFixture) -> None:
    many = tuple(str(number) for number in range(40))
    client = Client("c", {"a": many, "b": many})
    assert parse_template("${client.attributes.a}/${client.attributes.b}").filters(client) == []
    assert "1600 filters" in caplog.text


@pytest.mark.parametrize(
    ("template", "filter"),
    [
        ("#", "#"),
        ("#", "a/b/c"),
        ("a/#", "a"),
        ("a/#", "a/#"),
        ("a/#", "a/+/b/#"),
        ("a/+", "a/b"),
        ("a/+", "a/+"),
        ("a/+/#", "a/+"),
    ],
)
def test_a_filter_within_a_template_is_covered(template: str, filter: str) -> None:
    assert Coverage([template]).covers(filter)


@pytest.mark.parametrize(
    ("template", "filter"),
    [
        ("sensors/#", "#"),
        ("a/+", "a/#"),
        ("a/b", "a/+"),
        ("a/b", "a/b/c"),
        ("a/+/#", "a"),
        ("a/+/#", "a/#"),
        ("#", "$SYS/x"),
        ("+/x", "$SYS/x"),
    ],
)
def test_a_broader_filter_is_not(template: str, filter: str) -> None:
    assert not Coverage([template]).covers(filter)


def test_two_templates_are_not_united_to_cover_one_filter() -> None:
    assert not Coverage(["a/b", "a/+/#"]).covers("a/#")


LEVELS = ("a", "b")
TOPICS = ["/".join(levels) for depth in (1, 2, 3, 4) for levels in itertools.product((*LEVELS, "c"), repeat=depth)]


@st.composite
def filters(draw: st.DrawFn) -> str:
    levels = draw(st.lists(st.sampled_from([*LEVELS, "+"]), min_size=1, max_size=3))
    return "/".join(levels + (["#"] if draw(st.booleans()) else []))


@given(filters(), filters())
def test_covering_is_reaching_every_topic_the_filter_reaches(template: str, filter: str) -> None:
    reached = all(matches(template, topic) for topic in TOPICS if matches(filter, topic))
    assert covers(template.split("/"), filter.split("/")) == reached


@given(st.lists(filters(), max_size=4), st.sampled_from(TOPICS))
def test_a_topic_is_covered_when_a_template_matches_it(templates: list[str], topic: str) -> None:
    assert Coverage(templates).covers(topic) == any(matches(template, topic) for template in templates)
