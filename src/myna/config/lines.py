"""Where in a TOML file each key stands, so that an error can name its line. The library that decodes it does not say.

Reads only as much of the syntax as that takes: table headers, keys, and how far a value reaches. The file has been
decoded by then, so it is known to be well-formed. Keys within inline tables are not found; their table is.
"""

import re
from typing import Final

Path = tuple[str | int, ...]

_KEY: Final = r'(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|\'[^\']*\')'
_DOTTED: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_ARRAY_TABLE: Final = re.compile(rf"\s*\[\[\s*({_DOTTED})\s*\]\]")
_TABLE: Final = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_SETTING: Final = re.compile(rf"\s*({_DOTTED})\s*=")
# What a value can be made of, as far as its end depends on it. The longer quotes come first.
_PIECE: Final = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*|[\[{]|[\]}]')


def locate(text: str) -> dict[Path, int]:
    """The line of every table and key, counted from 1."""
    found: dict[Path, int] = {}
    lengths: dict[Path, int] = {}  # of arrays of tables so far
    table: Path = ()
    value = _Value()
    for number, line in enumerate(text.splitlines(), 1):
        if value.is_open():
            value.read(line)
            continue
        if header := _ARRAY_TABLE.match(line):
            name = _resolve(_parts(header[1]), lengths, last=False)
            lengths[name] = lengths.get(name, 0) + 1
            table = (*name, lengths[name] - 1)
            found.setdefault(name, number)
            found[table] = number
        elif header := _TABLE.match(line):
            table = _resolve(_parts(header[1]), lengths, last=True)
            found[table] = number
        elif setting := _SETTING.match(line):
            found[(*table, *_parts(setting[1]))] = number
            value.read(line[setting.end() :])
    return found


def line_of(path: Path, found: dict[Path, int]) -> int:
    """The line of a path, or of what it lies in; 0 if there is none."""
    while path:
        if path in found:
            return found[path]
        path = path[:-1]
    return 0


class _Value:
    """A value that may go on over several lines."""

    def __init__(self) -> None:
        self._depth = 0
        self._quotes = ""

    def is_open(self) -> bool:
        return self._depth > 0 or self._quotes != ""

    def read(self, text: str) -> None:
        position = 0
        while True:
            if self._quotes:
                end = text.find(self._quotes, position)
                if end < 0:
                    return
                position = end + 3
                self._quotes = ""
            piece = _PIECE.search(text, position)
            if piece is None:
                return
            position = piece.end()
            if piece[0] in ('"""', "'''"):
                self._quotes = piece[0]
            elif piece[0] in "[{":
                self._depth += 1
            elif piece[0] in "]}":
                self._depth -= 1


def _parts(dotted: str) -> Path:
    return tuple(key[1:-1] if key[0] in "\"'" else key for key in re.findall(_KEY, dotted))


def _resolve(name: Path, lengths: dict[Path, int], *, last: bool) -> Path:
    """Put the index of the current element behind every array of tables on the way."""
    path: Path = ()
    for index, key in enumerate(name):
        path = (*path, key)
        if path in lengths and (last or index < len(name) - 1):
            path = (*path, lengths[path] - 1)
    return path
