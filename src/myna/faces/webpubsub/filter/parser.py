"""Tokens become a tree. One method per rule of the grammar, which reads:

    filter  := and ('or' and)*                     and := comparison ('and' comparison)*
    comparison := unary ((eq|ne|gt|ge|lt|le) unary | 'in' (list | groups | '(' groups ')'))?
    unary   := 'not' unary | primary               primary := literal | name | function(…) | '(' filter ')'
    list    := '(' primary (',' primary)* ')'

Words are known in any case. What a newcomer gets wrong: `not` binds tighter than a comparison, so `not a eq b` is
`(not a) eq b`; and whether a name exists is asked only when the whole filter has been read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from myna.faces.webpubsub.filter.lexer import (
    END,
    INTEGER,
    MARK,
    STRING,
    WORD,
    FilterError,
    Token,
    read_tokens,
    syntax_error,
)

DEPTH: Final = 100
CLAUSES: Final = 100

COMPARISONS: Final = ("eq", "ne", "gt", "ge", "lt", "le")
CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
NAMES: Final = ("userid", "connectionid", "groups", "protocol")
# Function: how many arguments it takes, least and most.
FUNCTIONS: Final[dict[str, tuple[int, int]]] = {
    "tolower": (1, 1),
    "toupper": (1, 1),
    "trim": (1, 1),
    "length": (1, 1),
    "contains": (2, 2),
    "startswith": (2, 2),
    "endswith": (2, 2),
    "indexof": (2, 2),
    "concat": (2, 2),
    "substring": (2, 3),
}
RESERVED: Final = frozenset((*COMPARISONS, "and", "or", "not", "in"))


@dataclass(frozen=True, slots=True)
class Node:
    """`text` is the piece of the filter it was read from: what an error message quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Constant(Node):
    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Membership(Node):
    """`choices` of one `groups` alone means the collection, of anything else the listed values."""

    member: Node
    choices: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Junction(Node):
    operator: str  # and, or
    operands: tuple[Node, ...]


def parse(text: str) -> Node:
    """The tree of a filter; raises FilterError."""
    parser = _Parser(text)
    tree = parser.disjunction()
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = read_tokens(text)
        self._at = 0
        self._depth = 0
        self._clauses = 0
        self._unknown: FilterError | None = None

    def expect_end(self) -> None:
        if self._token().kind != END:
            raise self._error()
        if self._unknown is not None:
            raise self._unknown

    def disjunction(self) -> Node:
        return self._junction("or", self._conjunction)

    def _conjunction(self) -> Node:
        return self._junction("and", self._comparison)

    def _junction(self, operator: str, operand: Callable[[], Node]) -> Node:
        start = self._at
        operands = [operand()]
        while self._skip_word(operator):
            self._clauses += 1
            if self._clauses > CLAUSES:
                raise self._too_complex()
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Junction(self._since(start), operator, tuple(operands))

    def _comparison(self) -> Node:
        start = self._at
        left = self._unary()
        word = self._word()
        if word in COMPARISONS:
            self._at += 1
            right = self._unary()
            return Comparison(self._since(start), word, left, right)
        if word == "in":
            self._at += 1
            choices = self._choices()
            return Membership(self._since(start), left, choices)
        return left

    def _choices(self) -> tuple[Node, ...]:
        if self._word() == "groups":
            return (self._primary(),)
        return self._in_brackets(self._primary)

    def _unary(self) -> Node:
        start = self._at
        if not self._skip_word("not"):
            return self._primary()
        self._enter()
        operand = self._unary()
        self._depth -= 1
        return Not(self._since(start), operand)

    def _primary(self) -> Node:
        token = self._token()
        if token.kind == STRING:
            self._at += 1
            return Constant(self._text[token.start : token.end], token.text)
        if token.kind == INTEGER:
            self._at += 1
            return Constant(token.text, int(token.text))
        if token.kind == WORD and token.text.lower() not in RESERVED:
            return self._name_or_call(token)
        if token.kind == MARK and token.text == "(":
            self._at += 1
            self._enter()
            inner = self.disjunction()
            self._depth -= 1
            self._skip_mark(")")
            return inner
        raise self._error()

    def _name_or_call(self, token: Token) -> Node:
        start = self._at
        self._at += 1
        name = token.text.lower()
        if name in CONSTANTS:
            return Constant(token.text, CONSTANTS[name])
        if self._token().kind == MARK and self._token().text == "(":
            self._enter()
            arguments = self._in_brackets(self.disjunction)
            self._depth -= 1
            call = Call(self._since(start), name, arguments)
            self._check_call(call)
            return call
        if name not in NAMES and self._unknown is None:
            self._unknown = FilterError(self._text, f"Unknown identifier '{token.text}'.")
        return Name(token.text, name)

    def _check_call(self, call: Call) -> None:
        if self._unknown is not None:
            return
        bounds = FUNCTIONS.get(call.function)
        if bounds is None:
            self._unknown = FilterError(call.text, f"Unknown function '{call.function}'.")
        elif not bounds[0] <= len(call.arguments) <= bounds[1]:
            self._unknown = FilterError(call.text, f"Wrong number of arguments for '{call.function}'.")

    def _in_brackets(self, element: Callable[[], Node]) -> tuple[Node, ...]:
        self._skip_mark("(")
        elements = [element()]
        while self._token().kind == MARK and self._token().text == ",":
            self._at += 1
            elements.append(element())
        self._skip_mark(")")
        return tuple(elements)

    # Tokens

    def _token(self) -> Token:
        return self._tokens[self._at]

    def _word(self) -> str:
        token = self._token()
        return token.text.lower() if token.kind == WORD else ""

    def _skip_word(self, word: str) -> bool:
        if self._word() != word:
            return False
        self._at += 1
        return True

    def _skip_mark(self, mark: str) -> None:
        token = self._token()
        if token.kind != MARK or token.text != mark:
            raise self._error()
        self._at += 1

    def _since(self, start: int) -> str:
        return self._text[self._tokens[start].start : self._tokens[self._at - 1].end]

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._too_complex()

    def _error(self) -> FilterError:
        return syntax_error(self._text, self._token().end)

    def _too_complex(self) -> FilterError:
        return FilterError(self._text, "The filter is too complex.")
