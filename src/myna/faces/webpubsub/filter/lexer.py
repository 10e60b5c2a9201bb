"""A filter's text as tokens: words, strings, integers and the three marks `( ) ,`.

Knows no grammar. What a newcomer gets wrong: a mistake is reported at the offset *behind* the token at fault, which
is what callers of the API compare with.
"""

import re
from typing import Final, NamedTuple

WORD: Final = "word"
STRING: Final = "string"
INTEGER: Final = "integer"
MARK: Final = "mark"
END: Final = "end"

TOKENS_AT_MOST: Final = 10_000
INTEGER_LIMIT: Final = 2**63

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<string>'(?:[^']|'')*')|(?P<integer>[+-]?[0-9]{1,19})(?![A-Za-z0-9_])|(?P<mark>[(),]))"
)


class Token(NamedTuple):
    """`text` is as written, but for a string, where it is the value. `start` and `end` are its place in the filter."""

    kind: str
    text: str
    start: int
    end: int


class FilterError(Exception):
    """The filter is wrong: `part` of it, and in which way."""

    def __init__(self, part: str, detail: str) -> None:
        super().__init__(f"Invalid syntax for '{part}': {detail} (Parameter 'filter')")


def syntax_error(text: str, position: int) -> FilterError:
    return FilterError(text, f"Syntax error at position {position} in '{text}'.")


def read_tokens(text: str) -> list[Token]:
    """All tokens; the last is END."""
    tokens: list[Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            raise syntax_error(text, min(start + 1, len(text)))
        kind = str(match.lastgroup)
        value = match[kind]
        position = match.end()
        if kind == STRING:
            value = value[1:-1].replace("''", "'")
        elif kind == INTEGER and not -INTEGER_LIMIT <= int(value) < INTEGER_LIMIT:
            raise syntax_error(text, position)
        tokens.append(Token(kind, value, match.start(kind), position))
        if len(tokens) > TOKENS_AT_MOST:
            raise FilterError(text[:100], "The filter is too complex.")
    tokens.append(Token(END, "", end, len(text)))
    return tokens
