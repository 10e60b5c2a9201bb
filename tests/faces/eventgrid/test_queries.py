"""The query language of client groups, against examples and against a plain model of it."""

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.queries import BadQuery, parse_query

CLIENT = Client("device-17", {"type": "sensor", "floor": 3, "sensors": ("motion", "noise")})


@pytest.mark.parametrize(
    "query",
    [
        "authenticationName = 'device-17'",
        'authenticationName="device-17"',
        "attributes.type = 'sensor'",
        "attributes.type <> 'actor'",
        "attributes.floor >= 3 and attributes.floor < 4",
        "attributes.floor in [1, 2, 3]",
        "attributes.type IN ['actor','sensor']",
        "attributes.sensors = 'noise'",
        "attributes.sensors IN ['light', 'noise']",
        "attributes.sensors != 'light'",
        "attributes.type = 'x' or attributes.floor = 3 AND attributes.type = 'sensor'",
        "(attributes.type = 'sensor' OR attributes.type = 'x') and (attributes.floor > -1)",
    ],
)
def test_it_belongs(query: str) -> None:
    assert parse_query(query)(CLIENT)


@pytest.mark.parametrize(
    "query",
    [
        "authenticationName = 'DEVICE-17'",
        "attributes.missing = 'x'",
        "attributes.missing != 'x'",
        "attributes.missing in ['x']",
        "attributes.floor = '3'",
        "attributes.type > 1",
        "attributes.floor > 3",
        "attributes.sensors != 'noise'",
        "(attributes.type = 'x' or attributes.floor = 3) and attributes.type = 'x'",
    ],
)
def test_it_does_not_belong(query: str) -> None:
    assert not parse_query(query)(CLIENT)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "attributes",
        "attributes.a",
        "attributes.a =",
        "attributes.a = b",
        "attributes.a ~ 'b'",
        "attributes.a = 'b",
        "attributes.a in []",
        "attributes.a in ['b'",
        "attributes.a = 'b' and",
        "attributes.a = 'b' attributes.c = 'd'",
        "(attributes.a = 'b'",
        "name = 'x'",
        "(" * 100 + "attributes.a = 1" + ")" * 100,
        "attributes.a = 1 or " * 400 + "attributes.a = 1",
    ],
)
def test_nonsense_is_refused(query: str) -> None:
    with pytest.raises(BadQuery):
        parse_query(query)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("attributes.a = b", "expected a string in quotes or an integer, found `b` at character 16"),
        ("attributes.a =  ~b", "'~b' means nothing at character 17"),
        (
            "attributes.a = 'b' and  ",
            "expected `authenticationName` or `attributes.<key>`, found the end at character 23",
        ),
        ("(" * 65 + "attributes.a = 1", "more than 64 parentheses within each other at character 65"),
    ],
)
def test_a_mistake_is_told_with_its_place(query: str, said: str) -> None:
    with pytest.raises(BadQuery) as caught:
        parse_query(query)
    assert str(caught.value).startswith(f"{said} of the query ")


@given(st.text(max_size=80))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        parse_query(text)(CLIENT)
    except BadQuery:
        pass


# A plain model: a query is a tree, which is written down and judged by itself.

Tree = Any
KEYS = ("a", "b", "c")
VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(["x", "y", "z"]))
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
LEAVES = st.tuples(st.sampled_from(KEYS), st.sampled_from(["=", "!=", "<>", *COMPARISONS]), VALUES)
MEMBERS = st.tuples(st.sampled_from(KEYS), st.just("in"), st.lists(VALUES, min_size=1, max_size=3))
TREES = st.recursive(
    LEAVES | MEMBERS,
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(KEYS),
    st.one_of(st.integers(-3, 3), st.sampled_from(["x", "y"]), st.lists(st.sampled_from("xyz"), max_size=3).map(tuple)),
)


def write(tree: Tree) -> str:
    if len(tree) == 2:
        return "(" + f" {tree[0]} ".join(write(inner) for inner in tree[1]) + ")"
    key, sign, value = tree
    if sign == "in":
        return f"attributes.{key} IN [{', '.join(repr(one) for one in value)}]"
    return f"attributes.{key} {sign} {value!r}"


def judge(tree: Tree, attributes: dict[str, Any]) -> bool:
    if len(tree) == 2:
        results = [judge(inner, attributes) for inner in tree[1]]
        return all(results) if tree[0] == "and" else any(results)
    key, sign, value = tree
    if key not in attributes:
        return False
    held = attributes[key]
    elements = held if isinstance(held, tuple) else (held,)
    if sign in ("=", "in"):
        wanted = value if sign == "in" else [value]
        return any(one == two and type(one) is type(two) for one in elements for two in wanted)
    if sign in ("!=", "<>"):
        return value not in elements
    return isinstance(held, int) and isinstance(value, int) and COMPARISONS[sign](held, value)


@given(TREES, ATTRIBUTES)
def test_queries_mean_what_their_tree_means(tree: Tree, attributes: dict[str, Any]) -> None:
    assert parse_query(write(tree))(Client("c", attributes)) == judge(tree, attributes)


@given(LEAVES, LEAVES, LEAVES, ATTRIBUTES)
def test_and_binds_tighter_than_or(one: Tree, two: Tree, three: Tree, attributes: dict[str, Any]) -> None:
    text = f"{write(one)} or {write(two)} and {write(three)}"
    expected = judge(("or", [one, ("and", [two, three])]), attributes)
    assert parse_query(text)(Client("c", attributes)) == expected
