"""Answers as tables for people. Whatever a client has named itself is made harmless for a terminal first."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any


def show_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns as wide as they must be; the last one is left as it is."""
    cells = [list(head), *([harmless(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


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
