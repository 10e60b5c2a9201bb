"""Answers as tables for people. Whatever a client has named itself is made harmless for a terminal first.

What a newcomer gets wrong: only on a terminal is anything cut off, so that lines do not wrap; a pipe gets all of it.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

NARROWEST: Final = 12  # characters that a column keeps where the terminal has no room
WHOLE: Final = {"SINCE", "UNTIL", "PUBLISHED", "EXPIRES", "PROTOCOL"}  # columns that mean nothing when they are cut off
GAP: Final = "  "


def show_table(head: Sequence[str], rows: Sequence[Sequence[object]], room: int | None = None) -> Iterator[str]:
    """Columns as wide as they must be, and together no wider than the terminal, as far as that can be had."""
    cells = [list(head), *([harmless(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    least = [width if name in WHOLE else max(NARROWEST, len(name)) for name, width in zip(head, widths, strict=True)]
    _narrow(widths, least, _terminal() if room is None else room)
    for row in cells:
        fitted = [_fit(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield GAP.join(fitted).rstrip()


def _terminal() -> int:
    """Its width; 0 where nobody looks at lines."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _narrow(widths: list[int], least: list[int], room: int) -> None:
    """The widest of the columns that can gives way first."""
    spare = room - len(GAP) * (len(widths) - 1)
    while room and sum(widths) > spare:
        widest = max(range(len(widths)), key=lambda column: widths[column] - least[column])
        if widths[widest] <= least[widest]:
            return
        widths[widest] -= 1


def _fit(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def harmless(text: str) -> str:
    """Nothing in it moves the cursor or changes a colour."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def show_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def moment(text: str | None) -> str:
    """In local time, without fractions."""
    return "" if text is None else datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(count: int) -> str:
    """1536 -> 1.5 KiB"""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
