"""The query language of client groups: text -> a question that is put to a client.

    query      = both ("or" both)*
    both       = one ("and" one)*                 so that `and` binds tighter
    one        = "(" query ")" | name operator value | name "in" "[" value ("," value)* "]"
    name       = "authenticationName" | "attributes." key
    operator   = "=" "!=" "<>" "<" ">" "<=" ">="
    value      = 'text' | "text" | integer

What a newcomer gets wrong: a list attribute equals a value when one of its elements does, and differs from it when
none does. An attribute that a client does not have makes every comparison false, `!=` included. The sources leave
both open; they are decided in `_compare`.
"""

import re
from collections.abc import Callable
from typing import Final

from myna.faces.eventgrid.clients import Attribute, Client

Question = Callable[[Client], bool]
Value = str | int

LONGEST: Final = 4096  # characters
DEEPEST: Final = 64  # parentheses within parentheses

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>'[^']*'|"[^"]*")
      | (?P<number>-?[0-9]+)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)?)
      | (?P<sign><=|>=|<>|!=|[=<>()\[\],])
    )""",
    re.VERBOSE | re.ASCII,
)
_COMPARISONS: Final = ("=", "!=", "<>", "<", ">", "<=", ">=")


class BadQuery(ValueError):
    """A query that cannot be understood; says where."""


def parse_query(text: str) -> Question:
    """Compiled once, asked often. Raises BadQuery."""
    if len(text) > LONGEST:
        raise BadQuery(f"a query of more than {LONGEST} characters")
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens, self._places = _scan(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> Question:
        question = self._either()
        if self._peek() != ("end", ""):
            raise self._bad("`and`, `or` or the end")
        return question

    def _either(self) -> Question:
        parts = [self._both()]
        while self._take_word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _any_of(parts)

    def _both(self) -> Question:
        parts = [self._one()]
        while self._take_word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _all_of(parts)

    def _one(self) -> Question:
        if self._take("sign", "("):
            self._depth += 1
            if self._depth > DEEPEST:
                raise _misread(
                    f"more than {DEEPEST} parentheses within each other", self._text, self._places[self._at - 1]
                )
            question = self._either()
            self._expect(")")
            self._depth -= 1
            return question
        attribute = self._name()
        kind, text = self._peek()
        if kind == "sign" and text in _COMPARISONS:
            self._at += 1
            return _comparison(attribute, text, self._value())
        if self._take_word("in"):
            return _membership(attribute, self._list())
        raise self._bad("a comparison or `in`")

    def _name(self) -> str:
        """The key of an attribute, or nothing for the client's name."""
        kind, text = self._peek()
        if kind == "word":
            first, _, key = text.partition(".")
            if text == "authenticationName" or (first == "attributes" and key):
                self._at += 1
                return key
        raise self._bad("`authenticationName` or `attributes.<key>`")

    def _list(self) -> frozenset[Value]:
        self._expect("[")
        values = {self._value()}
        while self._take("sign", ","):
            values.add(self._value())
        self._expect("]")
        return frozenset(values)

    def _value(self) -> Value:
        kind, text = self._peek()
        if kind == "text":
            self._at += 1
            return text[1:-1]
        if kind == "number":
            self._at += 1
            return int(text)
        raise self._bad("a string in quotes or an integer")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, kind: str, text: str) -> bool:
        if self._tokens[self._at] != (kind, text):
            return False
        self._at += 1
        return True

    def _take_word(self, word: str) -> bool:
        kind, text = self._tokens[self._at]
        if kind != "word" or text.lower() != word:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take("sign", sign):
            raise self._bad(f"`{sign}`")

    def _bad(self, wanted: str) -> BadQuery:
        kind, text = self._peek()
        found = "the end" if kind == "end" else f"`{text}`"
        return _misread(f"expected {wanted}, found {found}", self._text, self._places[self._at])


def _misread(problem: str, text: str, at: int) -> BadQuery:
    return BadQuery(f"{problem} at character {at + 1} of the query {text[:200]!r}")


def _scan(text: str) -> tuple[list[tuple[str, str]], list[int]]:
    """The tokens, and where each stands."""
    tokens: list[tuple[str, str]] = []
    places: list[int] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            position += len(text[position:]) - len(text[position:].lstrip())
            raise _misread(f"{text[position : position + 20]!r} means nothing", text, position)
        tokens.append((match.lastgroup, match[match.lastgroup]))
        places.append(match.start(match.lastgroup))
        position = match.end()
    tokens.append(("end", ""))
    places.append(end)
    return tokens, places


def _any_of(parts: list[Question]) -> Question:
    return lambda client: any(part(client) for part in parts)


def _all_of(parts: list[Question]) -> Question:
    return lambda client: all(part(client) for part in parts)


def _comparison(key: str, operator: str, wanted: Value) -> Question:
    return lambda client: _compare(_held(client, key), operator, wanted)


def _membership(key: str, wanted: frozenset[Value]) -> Question:
    def question(client: Client) -> bool:
        held = _held(client, key)
        return any(element in wanted for element in held) if isinstance(held, tuple) else held in wanted

    return question


def _held(client: Client, key: str) -> Attribute | None:
    return client.attributes.get(key) if key else client.authentication_name


def _compare(held: Attribute | None, operator: str, wanted: Value) -> bool:
    if held is None:
        return False
    if operator in ("=", "!=", "<>"):
        equal = wanted in held if isinstance(held, tuple) else held == wanted
        return equal if operator == "=" else not equal
    if not isinstance(held, int) or not isinstance(wanted, int):
        return False  # only integers have an order here
    if operator == "<":
        return held < wanted
    if operator == ">":
        return held > wanted
    return held <= wanted if operator == "<=" else held >= wanted
