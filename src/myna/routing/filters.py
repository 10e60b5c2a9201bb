"""CloudEvents filters: which events a rule wants. Judged by their attributes and data, after the topic has fitted.

    values within a filter: any of them suffices    (of a negated one: none of them may fit)
    filters of a rule:      all of them must fit

What a newcomer gets wrong: a key that is not there, or holds null, fits `NumberNotIn` and `StringNotIn` and no other
operator but the null tests; one that holds another type than the operator's never fits, negated or not. Text is
compared without regard to case, and true is no number.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

MAXIMUM_FILTERS: Final = 25  # of a rule
MAXIMUM_VALUES: Final = 25  # of all its filters together
MAXIMUM_TEXT: Final = 512  # characters

MISSING: Final = object()

Test = Callable[[Any], bool]


class BadFilter(ValueError):
    """A filter that cannot be meant; says which and why."""


class Subject(ABC):
    """What is judged. `lookup` answers MISSING for what is not there."""

    @abstractmethod
    def lookup(self, path: tuple[str, ...]) -> Any: ...


class FilterSettings(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """In the contract's own words, so that its JSON can be used as it is."""

    included_event_types: tuple[str, ...] = ()
    subject_begins_with: str = ""
    subject_ends_with: str = ""
    is_subject_case_sensitive: bool = False
    enable_advanced_filtering_on_arrays: bool = False
    advanced_filters: tuple["AdvancedFilter", ...] = ()

    def __post_init__(self) -> None:
        Filter(self)  # raises ValueError for what cannot be meant


class AdvancedFilter(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    operator_type: str
    key: str
    value: Any | UnsetType = UNSET
    values: tuple[Any, ...] | UnsetType = UNSET


class Filter:
    """`FilterSettings`, made ready to judge."""

    def __init__(self, settings: FilterSettings) -> None:
        self._types = frozenset(one.lower() for one in settings.included_event_types)
        for text in (settings.subject_begins_with, settings.subject_ends_with, *settings.included_event_types):
            _check_text(text)
        self._fold: Callable[[str], str] = str if settings.is_subject_case_sensitive else str.lower
        self._begins = self._fold(settings.subject_begins_with)
        self._ends = self._fold(settings.subject_ends_with)
        if len(settings.advanced_filters) > MAXIMUM_FILTERS:
            raise BadFilter(f"at most {MAXIMUM_FILTERS} filters, here are {len(settings.advanced_filters)}")
        count = sum(_count(one) for one in settings.advanced_filters)
        if count > MAXIMUM_VALUES:
            raise BadFilter(f"at most {MAXIMUM_VALUES} values in all filters of a rule, here are {count}")
        arrays = settings.enable_advanced_filtering_on_arrays
        self._conditions = [_condition(one, arrays) for one in settings.advanced_filters]
        self.takes_all = not (self._types or self._begins or self._ends or self._conditions)

    def matches(self, event: Subject) -> bool:
        if self.takes_all:
            return True
        if self._types and str(event.lookup(("type",))).lower() not in self._types:
            return False
        if self._begins or self._ends:
            subject = event.lookup(("subject",))
            if not isinstance(subject, str):
                return False
            subject = self._fold(subject)
            if not subject.startswith(self._begins) or not subject.endswith(self._ends):
                return False
        return all(condition.holds(event) for condition in self._conditions)


class _Condition:
    """One operator on one key. `test` judges a value of the operator's type, `accepts` says which those are."""

    __slots__ = ("_accepts", "_arrays", "_missing", "_negated", "_path", "_test")

    def __init__(
        self, path: tuple[str, ...], accepts: Test, test: Test, negated: bool, missing: bool, arrays: bool
    ) -> None:
        self._path = path
        self._accepts = accepts
        self._test = test
        self._negated = negated
        self._missing = missing
        self._arrays = arrays

    def holds(self, event: Subject) -> bool:
        value = event.lookup(self._path)
        if value is MISSING or value is None:
            return self._missing
        if isinstance(value, list | tuple):
            if not self._arrays:
                return False
            fits = any(self._accepts(one) and self._test(one) for one in value)
            return fits is not self._negated
        return self._accepts(value) and self._test(value) is not self._negated


class _NullTest:
    __slots__ = ("_path", "_wanted")

    def __init__(self, path: tuple[str, ...], wanted: bool) -> None:
        self._path = path
        self._wanted = wanted

    def holds(self, event: Subject) -> bool:
        value = event.lookup(self._path)
        return (value is MISSING or value is None) is self._wanted


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


# What tests there are: from the values of a filter to a test of one value of the event. The negated ones are the same
# tests, turned round.


def _in_numbers(values: tuple[Any, ...]) -> Test:
    return lambda value: any(value == one for one in values)


def _in_ranges(values: tuple[Any, ...]) -> Test:
    return lambda value: any(low <= value <= high for low, high in values)


def _in_texts(values: tuple[Any, ...]) -> Test:
    wanted = frozenset(one.lower() for one in values)
    return lambda value: value.lower() in wanted


def _contains(values: tuple[Any, ...]) -> Test:
    wanted = tuple(one.lower() for one in values)
    return lambda value: any(one in value.lower() for one in wanted)


def _begins(values: tuple[Any, ...]) -> Test:
    wanted = tuple(one.lower() for one in values)
    return lambda value: value.lower().startswith(wanted)


def _ends(values: tuple[Any, ...]) -> Test:
    wanted = tuple(one.lower() for one in values)
    return lambda value: value.lower().endswith(wanted)


# Of one value.


def _less(limit: Any) -> Test:
    return lambda value: bool(value < limit)


def _greater(limit: Any) -> Test:
    return lambda value: bool(value > limit)


def _at_most(limit: Any) -> Test:
    return lambda value: bool(value <= limit)


def _at_least(limit: Any) -> Test:
    return lambda value: bool(value >= limit)


def _is(wanted: Any) -> Test:
    return lambda value: value is wanted


_SEVERAL: Final[Mapping[str, tuple[Test, Callable[[tuple[Any, ...]], Test]]]] = {
    "NumberIn": (is_number, _in_numbers),
    "NumberInRange": (is_number, _in_ranges),
    "StringIn": (_is_text, _in_texts),
    "StringContains": (_is_text, _contains),
    "StringBeginsWith": (_is_text, _begins),
    "StringEndsWith": (_is_text, _ends),
}
_NEGATED: Final[Mapping[str, str]] = {
    "NumberNotIn": "NumberIn",
    "NumberNotInRange": "NumberInRange",
    "StringNotIn": "StringIn",
    "StringNotContains": "StringContains",
    "StringNotBeginsWith": "StringBeginsWith",
    "StringNotEndsWith": "StringEndsWith",
}
_SINGLE: Final[Mapping[str, tuple[Test, Callable[[Any], Test]]]] = {
    "NumberLessThan": (is_number, _less),
    "NumberGreaterThan": (is_number, _greater),
    "NumberLessThanOrEquals": (is_number, _at_most),
    "NumberGreaterThanOrEquals": (is_number, _at_least),
    "BoolEquals": (_is_bool, _is),
}
_NULL_TESTS: Final = {"IsNullOrUndefined": True, "IsNotNull": False}
_FITS_MISSING: Final = frozenset({"NumberNotIn", "StringNotIn"})
OPERATORS: Final = (*_SEVERAL, *_NEGATED, *_SINGLE, *_NULL_TESTS)
_NAMES: Final = {name.lower(): name for name in OPERATORS}


def _condition(settings: AdvancedFilter, arrays: bool) -> _Condition | _NullTest:
    name = _NAMES.get(settings.operator_type.lower())
    if name is None:
        raise BadFilter(f"there is no operator {settings.operator_type!r}; there are {', '.join(OPERATORS)}")
    if not settings.key or not all(settings.key.split(".")):
        raise BadFilter(f"{name}: {settings.key!r} is no key: an attribute, or a path such as data.temperature")
    _check_text(settings.key)
    path = tuple(settings.key.split("."))
    if path[0] != "data" and len(path) > 1:
        raise BadFilter(f"{name}: {settings.key!r} is no key: a path begins with `data.`")
    value, values = settings.value, settings.values
    if name in _NULL_TESTS:
        if not (isinstance(value, UnsetType) and isinstance(values, UnsetType)):
            raise BadFilter(f"{name} takes no value")
        return _NullTest(path, _NULL_TESTS[name])
    if name in _SINGLE:
        accepts, make_one = _SINGLE[name]
        if isinstance(value, UnsetType) or not accepts(value):
            wanted = "true or false" if name == "BoolEquals" else "a number"
            raise BadFilter(f"{name} on {settings.key!r} takes {wanted} as `value`")
        return _Condition(path, accepts, make_one(value), False, False, arrays)
    negated = name in _NEGATED
    accepts, make = _SEVERAL[_NEGATED.get(name, name)]
    _check_values(name, settings, accepts)
    assert not isinstance(values, UnsetType)  # it has just been checked
    return _Condition(path, accepts, make(values), negated, name in _FITS_MISSING, arrays)


def _check_values(name: str, settings: AdvancedFilter, accepts: Test) -> None:
    values = settings.values
    if isinstance(values, UnsetType) or not values:
        raise BadFilter(f"{name} on {settings.key!r} takes a list as `values`, with one value at least")
    for one in values:
        if name.endswith("Range"):
            is_pair = isinstance(one, list | tuple) and len(one) == 2 and all(map(is_number, one))
            if not is_pair or one[0] > one[1]:
                raise BadFilter(f"{name} on {settings.key!r} takes pairs [low, high], not {one!r}")
        elif not accepts(one):
            kind = "texts" if accepts is _is_text else "numbers"
            raise BadFilter(f"{name} on {settings.key!r} takes {kind}, not {one!r}")
        elif isinstance(one, str):
            _check_text(one)


def _count(settings: AdvancedFilter) -> int:
    """Its values."""
    single = not isinstance(settings.value, UnsetType)
    return single + (0 if isinstance(settings.values, UnsetType) else len(settings.values))


def _check_text(text: str) -> None:
    if len(text) > MAXIMUM_TEXT:
        raise BadFilter(f"a text of {len(text)} characters: at most {MAXIMUM_TEXT}")
