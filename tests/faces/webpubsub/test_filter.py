"""Filters: their grammar, their mistakes, and that the compiled form means what the grammar says."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.faces.webpubsub.filter import Filter, FilterError, Filters, Subject

ALICE = Subject("alice", "c1", {"g1": None, "g'2": None}, "json.webpubsub.azure.v1")
NOBODY = Subject(None, "c2", (), None)


@pytest.mark.parametrize(
    ("text", "alice", "nobody"),
    [
        ("'g1' in groups or 'g2' in groups", True, False),
        ("userId in ('u1','alice') and 'g1' in groups", True, False),
        ("userId eq 'al''ice'", False, False),
        ("'g''2' in groups", True, False),
        ("userId eq null", False, True),
        ("USERID ne NULL", True, False),
        ("userId eq 'alice' and (not ('g9' in groups))", True, False),
        ("'g1' in (groups)", True, False),
        ("userId in (null, 'x')", False, True),
        ("userId in (connectionId)", False, False),
        ("length(userId) gt 4", True, False),
        ("length(userId) le +5", True, False),
        ("length(groups) eq 2", True, False),
        ("length(userId) gt -1 or length(groups) lt 1", True, True),
        ("startswith(userId, 'al') and endswith(userId, 'ce')", True, False),
        ("contains(userId, 'lic')", True, False),
        ("indexof(userId, 'ice') eq 2", True, False),
        ("indexof(userId, 'x') eq -1", True, True),
        ("concat(userId, '!') eq 'alice!' or concat(userId, '!') eq '!'", True, True),
        ("concat(userId, null) eq null", False, True),
        ("toupper(userId) eq 'ALICE'", True, False),
        ("tolower(trim(' A ')) eq 'a'", True, True),
        ("substring(userId, 1) eq 'lice'", True, False),
        ("substring(userId, 1, 2) eq 'li'", True, False),
        ("true and not false", True, True),
        ("true eq true and 1 ne '1' and not (true eq 1)", True, True),
        ("protocol eq 'json.webpubsub.azure.v1'", True, False),
        ("false or true and true", True, True),
        ("true or userId gt 5", True, True),
    ],
)
def test_what_a_filter_chooses(text: str, alice: bool, nobody: bool) -> None:
    made = Filter(text)
    assert (made.matches(ALICE), made.matches(NOBODY)) == (alice, nobody)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("invalid filter", "'invalid filter': Syntax error at position 14 in 'invalid filter'."),
        ("not length(userId) gt 5", "'not length(userId)': Type 'null', expect 'bool'."),
        ("5", "'5': Type 'int', expect 'bool'."),
        ("userId", "'userId': Type 'null', expect 'bool'."),
        ("groups", "'groups': Type 'collection', expect 'bool'."),
        ("'x'", "''x'': Type 'string', expect 'bool'."),
        ("userId gt 'a'", "'userId gt 'a'': Type 'string', expect 'int'."),
        ("true and 5", "'true and 5': Type 'int', expect 'bool'."),
        ("true or 5", "'true or 5': Type 'int', expect 'bool'."),
        ("groups eq 'a'", "'groups eq 'a'': Type 'collection', expect 'string'."),
        ("contains(userId, 1)", "'contains(userId, 1)': Type 'int', expect 'string'."),
        ("5 in groups", "'5 in groups': Type 'int', expect 'string'."),
        ("length(1) eq 1", "'length(1)': Type 'int', expect 'string'."),
        ("substring('a', -1) eq 'a'", "'substring('a', -1)': A position must not be negative or null."),
        ("name eq 'a'", "'name eq 'a'': Unknown identifier 'name'."),
        ("foo(1)", "'foo(1)': Unknown function 'foo'."),
        ("trim('a','b') eq 'a'", "'trim('a','b')': Wrong number of arguments for 'trim'."),
        ("", "'': Syntax error at position 0 in ''."),
        ("userId eq", "'userId eq': Syntax error at position 9 in 'userId eq'."),
        ("(true", "'(true': Syntax error at position 5 in '(true'."),
        ("true)", "'true)': Syntax error at position 5 in 'true)'."),
        ("true §", "'true §': Syntax error at position 6 in 'true §'."),
        ("userId eq 'a", "'userId eq 'a': Syntax error at position 11 in 'userId eq 'a'."),
        ("9223372036854775808 eq 1", "'9223372036854775808 eq 1': Syntax error at position 19 in"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        Filter(text)
    assert str(caught.value).startswith(f"Invalid syntax for {message}")
    assert str(caught.value).endswith(" (Parameter 'filter')")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 101 + "true" + ")" * 101,
        "not " * 101 + "true",
        "true" + " or true" * 101,
        "userId in (" + "1," * 10_000 + "1)",
    ],
)
def test_a_filter_may_not_be_arbitrarily_complex(text: str) -> None:
    with pytest.raises(FilterError, match="too complex"):
        Filter(text)
    assert Filter("(" * 100 + "true" + ")" * 100).matches(NOBODY)


def test_a_mistake_that_shows_only_with_a_user_chooses_nobody() -> None:
    made = Filter("userId gt 5")
    assert not made.matches(ALICE)
    assert not made.matches(NOBODY)


def test_filters_are_compiled_once_and_only_so_many_are_kept() -> None:
    filters = Filters(kept=2)
    first = filters.get("true")
    assert filters.get("true") is first
    for text in ("false", "true or true", "true and true"):
        filters.get(text)
    assert len(filters) == 2
    assert filters.get("true") is not first
    long = "userId in ('" + "x" * 5000 + "')"
    assert filters.get(long) is not filters.get(long)


@given(st.text(alphabet="abginortuse'()., 015+-\n§"))
def test_any_text_is_a_filter_or_a_mistake(text: str) -> None:
    try:
        Filter(text).matches(ALICE)
    except FilterError:
        pass


# A plain evaluator, written from the grammar's meaning over trees of its own, and texts made of those trees.

Tree = tuple[Any, ...]

STRINGS = st.sampled_from(["", "a", "al", "alice", "ALICE", " a ", "g1", "it's"])
strings = st.recursive(
    st.one_of(
        STRINGS.map(lambda value: ("constant", value)),
        st.just(("constant", None)),
        st.sampled_from([("userid",), ("connectionid",), ("protocol",)]),
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["tolower", "toupper", "trim"]), inner),
        st.tuples(st.just("concat"), inner, inner),
        st.tuples(st.just("substring"), inner, st.integers(0, 4).map(lambda value: ("constant", value))),
    ),
    max_leaves=4,
)
integers = st.one_of(
    st.integers(-3, 9).map(lambda value: ("constant", value)),
    st.tuples(st.just("length"), strings),
    st.just(("length", ("groups",))),
    st.tuples(st.just("indexof"), strings, strings),
)
booleans: st.SearchStrategy[Tree] = st.recursive(
    st.one_of(
        st.booleans().map(lambda value: ("constant", value)),
        st.tuples(st.sampled_from(["eq", "ne"]), strings, strings),
        st.tuples(st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), integers, integers),
        st.tuples(st.sampled_from(["contains", "startswith", "endswith"]), strings, strings),
        st.tuples(st.just("in groups"), strings),
        st.tuples(st.just("in"), strings, st.lists(strings, min_size=1, max_size=3)),
    ),
    lambda inner: st.one_of(st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)),
    max_leaves=6,
)
subjects = st.builds(
    Subject,
    st.one_of(st.none(), STRINGS),
    STRINGS,
    st.lists(STRINGS, max_size=3, unique=True).map(tuple),
    st.one_of(st.none(), st.just("mqtt")),
)


def write(tree: Tree) -> str:
    kind, *parts = tree
    if kind == "constant":
        value = parts[0]
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return {None: "null", True: "true", False: "false"}[value] if not type(value) is int else str(value)  # noqa: E714
    if kind in ("userid", "connectionid", "protocol", "groups"):
        return str(kind)
    if kind == "not":
        return f"not ({write(parts[0])})"
    if kind in ("and", "or"):
        return f"({write(parts[0])}) {kind} ({write(parts[1])})"
    if kind == "in groups":
        return f"{write(parts[0])} in groups"
    if kind == "in":
        return f"{write(parts[0])} in ({', '.join(map(write, parts[1]))})"
    if kind in ("eq", "ne", "gt", "ge", "lt", "le"):
        return f"{write(parts[0])} {kind} {write(parts[1])}"
    return f"{kind}({', '.join(map(write, parts))})"


def evaluate(tree: Tree, subject: Subject) -> Any:
    kind, *parts = tree
    if kind == "constant":
        return parts[0]
    if kind in ("userid", "connectionid", "protocol", "groups"):
        names = {"userid": "user_id", "connectionid": "connection_id", "protocol": "protocol", "groups": "groups"}
        return getattr(subject, names[kind])
    if kind == "in":
        return evaluate(parts[0], subject) in [evaluate(choice, subject) for choice in parts[1]]
    values = [evaluate(part, subject) for part in parts]
    first, second = values[0], values[-1]
    if kind in ("gt", "ge", "lt", "le"):
        if first is None or second is None:
            return False
        return {"gt": first > second, "ge": first >= second, "lt": first < second, "le": first <= second}[kind]
    if kind in ("contains", "startswith", "endswith", "indexof"):
        if first is None or second is None:
            return -1 if kind == "indexof" else False
        if kind == "contains":
            return second in first
        return first.find(second) if kind == "indexof" else getattr(first, kind)(second)
    if kind == "concat":
        return None if first is None and second is None else (first or "") + (second or "")
    if kind in ("eq", "ne"):
        return (first == second) is (kind == "eq")
    if kind in ("and", "or"):
        return (first and second) if kind == "and" else (first or second)
    if kind in ("not", "in groups"):
        return not first if kind == "not" else first is not None and first in subject.groups
    if first is None:
        return None
    if kind == "substring":
        return first[second:]
    if kind == "length":
        return len(first)
    case: dict[str, Callable[[str], str]] = {"tolower": str.lower, "toupper": str.upper, "trim": str.strip}
    return case[kind](first)


@settings(max_examples=400)
@given(booleans, subjects)
def test_the_compiled_filter_means_what_a_plain_evaluation_says(tree: Tree, subject: Subject) -> None:
    assert Filter(write(tree)).matches(subject) is evaluate(tree, subject)
