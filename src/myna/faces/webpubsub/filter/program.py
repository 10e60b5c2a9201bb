"""A filter's tree as closures, run once per connection.

    null      compares by eq and ne; gt and its kin are false; contains and its kin are false; indexof is -1
    types     and, or, not want booleans, gt and its kin integers, functions strings: anything else is a mistake

A filter is judged when it is made, against a connection without a user, every part of it: what fails there is refused
before anything is done. What a newcomer gets wrong: some mistakes show only with a user there (`userId gt 5`). Such a
connection is not chosen, and nobody is told.
"""

import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from myna.faces.webpubsub.filter.lexer import FilterError
from myna.faces.webpubsub.filter.parser import Call, Comparison, Constant, Junction, Membership, Name, Node, Not, parse

Value = str | int | bool | None | Collection[str]


@dataclass(frozen=True, slots=True)
class Subject:
    """A connection as filters see it."""

    user_id: str | None
    connection_id: str
    groups: Collection[str]
    protocol: str | None


Step = Callable[[Subject], Value]

NOBODY: Final = Subject(None, "", (), None)
NAMES: Final[dict[str, Step]] = {
    "userid": lambda subject: subject.user_id,
    "connectionid": lambda subject: subject.connection_id,
    "groups": lambda subject: subject.groups,
    "protocol": lambda subject: subject.protocol,
}
ORDER: Final[dict[str, Callable[[int, int], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class Filter:
    """`matches` says whether a connection is chosen."""

    __slots__ = ("_step", "text")

    def __init__(self, text: str) -> None:
        tree = parse(text)
        _boolean(_compile(tree, thorough=True)(NOBODY), tree.text)
        self.text = text
        self._step = _compile(tree, thorough=False)

    def matches(self, subject: Subject) -> bool:
        try:
            return self._step(subject) is True
        except FilterError:
            return False


def _compile(node: Node, *, thorough: bool) -> Step:
    """With `thorough`, and and or look at all their operands, whatever the first ones say."""
    if isinstance(node, Constant):
        value = node.value
        return lambda subject: value
    if isinstance(node, Name):
        return NAMES[node.name]
    if isinstance(node, Junction):
        steps = [_compile(operand, thorough=thorough) for operand in node.operands]
        return _junction(steps, node.operator == "or", node.text, thorough)
    if isinstance(node, Not):
        operand = _compile(node.operand, thorough=thorough)
        text = node.text
        return lambda subject: not _boolean(operand(subject), text)
    if isinstance(node, Comparison):
        left = _compile(node.left, thorough=thorough)
        right = _compile(node.right, thorough=thorough)
        return _comparison(node.operator, left, right, node.text)
    if isinstance(node, Membership):
        choices = [_compile(choice, thorough=thorough) for choice in node.choices]
        only = node.choices[0]
        of_groups = len(choices) == 1 and isinstance(only, Name) and only.name == "groups"
        return _membership(_compile(node.member, thorough=thorough), choices, of_groups, node.text)
    assert isinstance(node, Call)
    arguments = [_compile(argument, thorough=thorough) for argument in node.arguments]
    function = FUNCTIONS[node.function]
    text = node.text
    return lambda subject: function(text, *[argument(subject) for argument in arguments])


def _junction(steps: list[Step], decisive: bool, text: str, thorough: bool) -> Step:
    def junction(subject: Subject) -> bool:
        for step in steps:
            if _boolean(step(subject), text) is decisive:
                return decisive
        return not decisive

    def thorough_junction(subject: Subject) -> bool:
        return decisive in [_boolean(step(subject), text) for step in steps]

    return thorough_junction if thorough else junction


def _comparison(name: str, left: Step, right: Step, text: str) -> Step:
    if name in ("eq", "ne"):
        wanted = name == "eq"
        return lambda subject: _equal(left(subject), right(subject), text) is wanted
    compare = ORDER[name]

    def comparison(subject: Subject) -> bool:
        first = _integer(left(subject), text)
        second = _integer(right(subject), text)
        return first is not None and second is not None and compare(first, second)

    return comparison


def _membership(member: Step, choices: list[Step], of_groups: bool, text: str) -> Step:
    if of_groups:

        def in_groups(subject: Subject) -> bool:
            value = member(subject)
            return value is not None and _string(value, text) in subject.groups

        return in_groups

    def in_list(subject: Subject) -> bool:
        value = member(subject)
        found = False
        for choice in choices:
            found = _equal(value, choice(subject), text) or found
        return found

    return in_list


# Types


def type_name(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    return "string" if isinstance(value, str) else "collection"


def _expect(value: Value, wanted: str, text: str) -> FilterError:
    return FilterError(text, f"Type '{type_name(value)}', expect '{wanted}'.")


def _boolean(value: Value, text: str) -> bool:
    if isinstance(value, bool):
        return value
    raise _expect(value, "bool", text)


def _integer(value: Value, text: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise _expect(value, "int", text)


def _string(value: Value, text: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _expect(value, "string", text)


def _equal(first: Value, second: Value, text: str) -> bool:
    """Values of different types differ; true is not 1."""
    for value in (first, second):
        if value is not None and not isinstance(value, (str, int)):
            raise _expect(value, "string", text)
    return type(first) is type(second) and first == second


# Functions


def _lower(text: str, value: Value) -> Value:
    held = _string(value, text)
    return None if held is None else held.lower()


def _upper(text: str, value: Value) -> Value:
    held = _string(value, text)
    return None if held is None else held.upper()


def _trim(text: str, value: Value) -> Value:
    held = _string(value, text)
    return None if held is None else held.strip()


def _length(text: str, value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, (bool, int)):
        raise _expect(value, "string", text)
    return len(value)


def _contains(text: str, value: Value, part: Value) -> Value:
    held, wanted = _string(value, text), _string(part, text)
    return held is not None and wanted is not None and wanted in held


def _starts(text: str, value: Value, part: Value) -> Value:
    held, wanted = _string(value, text), _string(part, text)
    return held is not None and wanted is not None and held.startswith(wanted)


def _ends(text: str, value: Value, part: Value) -> Value:
    held, wanted = _string(value, text), _string(part, text)
    return held is not None and wanted is not None and held.endswith(wanted)


def _index(text: str, value: Value, part: Value) -> Value:
    held, wanted = _string(value, text), _string(part, text)
    return -1 if held is None or wanted is None else held.find(wanted)


def _concat(text: str, value: Value, part: Value) -> Value:
    held, more = _string(value, text), _string(part, text)
    return None if held is None and more is None else (held or "") + (more or "")


def _substring(text: str, value: Value, start: Value, count: Value = None) -> Value:
    """What lies outside the string is left out, as with a slice; a negative place is a mistake."""
    held, begin, size = _string(value, text), _integer(start, text), _integer(count, text)
    if begin is None or begin < 0 or (size is not None and size < 0):
        raise FilterError(text, "A position must not be negative or null.")
    if held is None:
        return None
    return held[begin:] if size is None else held[begin : begin + size]


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "tolower": _lower,
    "toupper": _upper,
    "trim": _trim,
    "length": _length,
    "contains": _contains,
    "startswith": _starts,
    "endswith": _ends,
    "indexof": _index,
    "concat": _concat,
    "substring": _substring,
}
