"""Filters, each operator, and all of them against a plain model."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.routing.filters import (
    MAXIMUM_FILTERS,
    MISSING,
    OPERATORS,
    BadFilter,
    Filter,
    FilterSettings,
    Subject,
)


class Event(Subject):
    def __init__(self, **attributes: Any) -> None:
        self.attributes = attributes

    def lookup(self, path: tuple[str, ...]) -> Any:
        value: Any = self.attributes
        for step in path:
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        return value


def settings(**raw: Any) -> FilterSettings:
    return msgspec.convert(raw, FilterSettings)


def fits(operator: str, given: Any, value: Any = None, *, arrays: bool = False) -> bool:
    """`operator` with its value or values on a key that holds what is given; MISSING for no such key."""
    one: dict[str, Any] = {"operatorType": operator, "key": "data.x"}
    if value is not None:
        one["values" if isinstance(value, list) else "value"] = value
    made = Filter(settings(advancedFilters=[one], enableAdvancedFilteringOnArrays=arrays))
    return made.matches(Event(data={} if given is MISSING else {"x": given}))


@pytest.mark.parametrize(
    ("operator", "value", "yes", "no"),
    [
        ("NumberIn", [1, 2.5], [1, 2.5, 1.0], [2, "1", True, None, MISSING, [1]]),
        ("NumberNotIn", [1, 2], [3, 0.5, None, MISSING], [1, 2, "3", False, [3]]),
        ("NumberLessThan", 5, [4, -1, 4.99], [5, 6, "4", True, MISSING, None]),
        ("NumberGreaterThan", 5, [6, 5.01], [5, 4, "6", MISSING]),
        ("NumberLessThanOrEquals", 5, [5, 4], [5.01, MISSING]),
        ("NumberGreaterThanOrEquals", 5, [5, 6], [4, MISSING]),
        ("NumberInRange", [[1, 2], [5, 6]], [1, 1.5, 2, 6], [0, 3, "1", MISSING, None]),
        ("NumberNotInRange", [[1, 2], [5, 6]], [0, 3, 7], [1, 2, 5.5, "0", MISSING, None]),
        ("BoolEquals", True, [True], [False, 1, "true", MISSING]),
        ("BoolEquals", False, [False], [True, 0, "", MISSING, None]),
        ("StringContains", ["ab", "X"], ["xaby", "CAB", "x"], ["a", 5, MISSING, ["ab"]]),
        ("StringNotContains", ["ab", "x"], ["a", ""], ["cab", "AX", 5, MISSING, None]),
        ("StringBeginsWith", ["ab"], ["ABc", "ab"], ["cab", 5, MISSING]),
        ("StringNotBeginsWith", ["ab", "c"], ["bab"], ["ABc", "c", MISSING, 5]),
        ("StringEndsWith", ["ab"], ["cAB"], ["abc", MISSING]),
        ("StringNotEndsWith", ["ab"], ["abc"], ["cab", MISSING, True]),
        ("StringIn", ["ab", "c"], ["AB", "c"], ["abc", "", MISSING, None]),
        ("StringNotIn", ["ab", "c"], ["abc", "", MISSING, None], ["Ab", "C", 5]),
        ("IsNullOrUndefined", None, [None, MISSING], [0, "", False, []]),
        ("IsNotNull", None, [0, "", False, [], {}], [None, MISSING]),
        ("stringin", ["a"], ["A"], ["b"]),
    ],
)
def test_each_operator(operator: str, value: Any, yes: list[Any], no: list[Any]) -> None:
    assert [fits(operator, one, value) for one in yes] == [True] * len(yes)
    assert [fits(operator, one, value) for one in no] == [False] * len(no)


@pytest.mark.parametrize(
    ("operator", "value", "yes", "no"),
    [
        ("StringIn", ["a"], [["b", "A"], "a"], [["b"], [], [1]]),
        ("StringNotIn", ["a"], [["b"], [], [1]], [["b", "A"]]),
        ("NumberInRange", [[1, 2]], [[9, 2]], [[3], ["1"]]),
        ("NumberNotInRange", [[1, 2]], [[3], ["1"]], [[9, 2]]),
        ("NumberLessThan", 5, [[9, 4]], [[9]]),
        ("BoolEquals", True, [[False, True]], [[False]]),
    ],
)
def test_arrays_where_they_are_asked_for(operator: str, value: Any, yes: list[Any], no: list[Any]) -> None:
    assert [fits(operator, one, value, arrays=True) for one in yes] == [True] * len(yes)
    assert [fits(operator, one, value, arrays=True) for one in no] == [False] * len(no)


def test_data_itself_may_be_a_text() -> None:
    made = Filter(settings(advancedFilters=[{"operatorType": "StringContains", "key": "data", "values": ["x"]}]))
    assert made.matches(Event(data="axb"))
    assert not made.matches(Event(data={"x": 1}))


def test_types_and_subjects() -> None:
    made = Filter(
        settings(includedEventTypes=["MQTT.EventPublished"], subjectBeginsWith="Campus/", subjectEndsWith="/temp")
    )
    assert made.matches(Event(type="mqtt.eventpublished", subject="campus/b/TEMP"))
    assert not made.matches(Event(type="Other", subject="campus/b/temp"))
    assert not made.matches(Event(type="MQTT.EventPublished", subject="x/campus/b/temp"))
    assert not made.matches(Event(type="MQTT.EventPublished", subject="campus/b"))
    assert not made.matches(Event(type="MQTT.EventPublished"))
    exact = Filter(settings(subjectBeginsWith="Campus/", isSubjectCaseSensitive=True))
    assert exact.matches(Event(subject="Campus/b"))
    assert not exact.matches(Event(subject="campus/b"))


def test_all_filters_must_fit() -> None:
    made = Filter(
        settings(
            advancedFilters=[
                {"operatorType": "NumberGreaterThan", "key": "data.t", "value": 5},
                {"operatorType": "StringIn", "key": "source", "values": ["s"]},
            ]
        )
    )
    assert made.matches(Event(source="s", data={"t": 6}))
    assert not made.matches(Event(source="x", data={"t": 6}))
    assert not made.matches(Event(source="s", data={"t": 5}))


@pytest.mark.parametrize(
    ("one", "why"),
    [
        ({"operatorType": "Like", "key": "a", "values": ["x"]}, "no operator 'Like'; there are NumberIn"),
        ({"operatorType": "StringIn", "key": "", "values": ["x"]}, "is no key"),
        ({"operatorType": "StringIn", "key": "data..x", "values": ["x"]}, "is no key"),
        ({"operatorType": "StringIn", "key": "a.b", "values": ["x"]}, "begins with `data.`"),
        ({"operatorType": "StringIn", "key": "a", "values": []}, "one value at least"),
        ({"operatorType": "StringIn", "key": "a", "value": "x"}, "takes a list as `values`"),
        ({"operatorType": "StringIn", "key": "a", "values": [1]}, "takes texts, not 1"),
        ({"operatorType": "NumberIn", "key": "a", "values": ["1"]}, "takes numbers, not '1'"),
        ({"operatorType": "NumberIn", "key": "a", "values": [True]}, "takes numbers"),
        ({"operatorType": "NumberInRange", "key": "a", "values": [[1]]}, "takes pairs"),
        ({"operatorType": "NumberInRange", "key": "a", "values": [[2, 1]]}, "takes pairs"),
        ({"operatorType": "NumberLessThan", "key": "a", "values": [1]}, "takes a number as `value`"),
        ({"operatorType": "BoolEquals", "key": "a", "value": 1}, "takes true or false"),
        ({"operatorType": "IsNotNull", "key": "a", "value": 1}, "takes no value"),
        ({"operatorType": "StringIn", "key": "a", "values": ["x" * 513]}, "at most 512"),
        ({"operatorType": "StringIn", "key": "a", "values": ["x"] * 26}, "at most 25 values"),
    ],
)
def test_what_cannot_be_meant_is_explained(one: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why.replace("[", r"\[")):
        settings(advancedFilters=[one])


def test_there_are_not_too_many() -> None:
    one = {"operatorType": "IsNotNull", "key": "a"}
    settings(advancedFilters=[one] * MAXIMUM_FILTERS)
    with pytest.raises(msgspec.ValidationError, match="at most 25 filters"):
        settings(advancedFilters=[one] * (MAXIMUM_FILTERS + 1))
    single = {"operatorType": "NumberLessThan", "key": "a", "value": 1}
    several = {"operatorType": "NumberIn", "key": "a", "values": list(range(24))}
    settings(advancedFilters=[single, several])
    with pytest.raises(msgspec.ValidationError, match="at most 25 values"):
        settings(advancedFilters=[single, single, several])
    assert issubclass(BadFilter, ValueError)


# Against a model that is as plain as the contract's text.

TEXTS = st.sampled_from(["", "a", "A", "ab", "aB", "b", "ba", "5"])
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -1.5, 2.0]))
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
HELD = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.just(MISSING), st.just({"y": 1}))


def model(operator: str, value: Any, held: Any, arrays: bool) -> bool:
    if operator == "IsNullOrUndefined":
        return held is MISSING or held is None
    if operator == "IsNotNull":
        return not (held is MISSING or held is None)
    if held is MISSING or held is None:
        return operator in ("NumberNotIn", "StringNotIn")
    positive = operator.replace("Not", "")
    if isinstance(held, list):
        if not arrays:
            return False
        any_fits = False
        for element in held:
            if fits_one(positive, value, element):
                any_fits = True
        return not any_fits if positive != operator else any_fits
    if not of_type(positive, held):
        return False
    return fits_one(positive, value, held) == (positive == operator)


def of_type(operator: str, held: Any) -> bool:
    if operator.startswith("Number"):
        return type(held) in (int, float)
    if operator.startswith("Bool"):
        return type(held) is bool
    return type(held) is str


def fits_one(operator: str, value: Any, held: Any) -> bool:
    if not of_type(operator, held):
        return False
    match operator:
        case "NumberIn":
            return held in value
        case "NumberInRange":
            return any(low <= held <= high for low, high in value)
        case "NumberLessThan":
            return bool(held < value)
        case "NumberLessThanOrEquals":
            return bool(held <= value)
        case "NumberGreaterThan":
            return bool(held > value)
        case "NumberGreaterThanOrEquals":
            return bool(held >= value)
        case "BoolEquals":
            return bool(held == value)
        case "StringIn":
            return any(held.upper() == one.upper() for one in value)
        case "StringContains":
            return any(one.upper() in held.upper() for one in value)
        case "StringBeginsWith":
            return any(held.upper()[: len(one)] == one.upper() for one in value)
        case _:
            return any(held.upper()[len(held) - len(one) :] == one.upper() and len(one) <= len(held) for one in value)


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Any]:
    operator = draw(st.sampled_from(list(OPERATORS)))
    if operator in ("IsNullOrUndefined", "IsNotNull"):
        return operator, None
    if operator == "BoolEquals":
        return operator, draw(st.booleans())
    if operator.endswith("Range"):
        pairs = draw(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=3))
        return operator, [sorted(pair) for pair in pairs]
    if operator.endswith(("Than", "Equals")):
        return operator, draw(NUMBERS)
    return operator, draw(st.lists(NUMBERS if operator.startswith("Number") else TEXTS, min_size=1, max_size=3))


@given(conditions(), HELD, st.booleans())
def test_a_condition_agrees_with_the_model(condition: tuple[str, Any], held: Any, arrays: bool) -> None:
    operator, value = condition
    assert fits(operator, held, value, arrays=arrays) == model(operator, value, held, arrays)


@given(st.lists(conditions(), max_size=4), HELD, st.booleans())
def test_several_conditions_agree_with_the_model(several: list[tuple[str, Any]], held: Any, arrays: bool) -> None:
    advanced = []
    for operator, value in several:
        one: dict[str, Any] = {"operatorType": operator, "key": "data.x"}
        if value is not None:
            one["values" if isinstance(value, list) else "value"] = value
        advanced.append(one)
    made = Filter(settings(advancedFilters=advanced, enableAdvancedFilteringOnArrays=arrays))
    event = Event(data={} if held is MISSING else {"x": held})
    assert made.matches(event) == all(model(operator, value, held, arrays) for operator, value in several)
