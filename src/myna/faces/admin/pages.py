"""Pages of long lists: the smallest entries behind a cursor, found in slices with the loop running in between.

The cursor is the key of the last entry, so a page stays right while entries come and go. What a newcomer gets wrong:
nothing is sorted as a whole. A million sessions are looked through for each page, at some tenths of a second, but
nobody else waits for it.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from heapq import nsmallest
from itertools import islice
from typing import Final, TypeVar

from myna.faces.admin.parameters import Parameter, number
from myna.faces.admin.problems import Problem

T = TypeVar("T")
Key = tuple[str, ...]

SLICE: Final = 2000
LIMIT: Final = Parameter("limit", "Entries of a page", number(1, 1000, default=100))
CURSOR: Final = Parameter("cursor", "From `next` of the page before")


async def find_page(
    entries: Iterable[T], key: Callable[[T], Key], wanted: Callable[[T], bool], cursor: str | None, limit: int
) -> tuple[list[T], str | None]:
    """The entries of a page, and the cursor of the next one if there is one."""
    after = None if cursor is None else read_cursor(cursor)
    best: list[T] = []
    rest = iter(entries)
    while part := list(islice(rest, SLICE)):
        best = nsmallest(limit + 1, [*best, *_behind(part, key, wanted, after)], key=key)
        await asyncio.sleep(0)
    if len(best) <= limit:
        return best, None
    page = best[:limit]
    return page, write_cursor(key(page[-1]))


def write_cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Key:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        parts = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise Problem(400, "this cursor is not from `next` of another page", CURSOR.name)
    return tuple(parts)


def _behind(part: list[T], key: Callable[[T], Key], wanted: Callable[[T], bool], after: Key | None) -> Iterator[T]:
    for entry in part:
        if (after is None or key(entry) > after) and wanted(entry):
            yield entry
