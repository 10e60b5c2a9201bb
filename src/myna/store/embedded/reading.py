"""Reading messages back where they lie, on the loop's thread: a page of a long queue takes about a millisecond.

What a newcomer gets wrong: a blob is opened and read in part. A row can hold a quarter of a megabyte of other
sessions' messages, and `substr` would read all of it each time.
"""

import logging
import sqlite3
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final
from zlib import crc32

from myna.core.record_codec import HEADER
from myna.store.embedded.layout import JOURNAL_HEADER, connect, explain

log = logging.getLogger("myna.store")

AT_ONCE: Final = 1024  # most records are shorter
SPARSE: Final = 4096  # bytes to read for each record wanted, beyond which each is read by itself


class Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def record(self, place: int) -> bytes | None:
        """One record's bytes, header included; None if it cannot be read now, and the log says why."""
        return self.records([place])[0]

    def records(self, places: Sequence[int]) -> list[bytes | None]:
        """Several; those that lie close together in one row are read at once."""
        found: list[bytes | None] = []
        for row, group in groupby(places, _row_of):
            offsets = [place & 0xFFFFFFFF for place in group]
            try:
                with self._open().blobopen("journal", "body", row, readonly=True) as blob:
                    found += _read(blob, offsets)
            except (sqlite3.Error, ValueError) as error:
                self._failed(error)
                found += [None] * len(offsets)
        return found

    def row(self, row: int) -> bytes | None:
        """A whole journal row, its checksum verified."""
        try:
            found = self._open().execute("SELECT body FROM journal WHERE id = ?", (row,)).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            return None
        if found is None:
            return None
        body: bytes = found[0]
        return body if is_sound(body) else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, readonly=True)
        return self._connection

    def _failed(self, error: Exception) -> None:
        text = explain(self._path, error) if isinstance(error, sqlite3.Error) else str(error)
        log.error("a stored message cannot be read: %s", text)
        self.close()


def _row_of(place: int) -> int:
    return place >> 32


def _read(blob: sqlite3.Blob, offsets: list[int]) -> list[bytes | None]:
    first, last = min(offsets), max(offsets)
    span = last - first + AT_ONCE
    if span > SPARSE * len(offsets):
        return [_read_one(blob, offset) for offset in offsets]
    blob.seek(first)
    data = blob.read(span)
    found: list[bytes | None] = []
    for offset in offsets:
        at = offset - first
        end = at + HEADER + int.from_bytes(data[at + 1 : at + HEADER], "big")
        found.append(data[at:end] if end <= len(data) else _read_one(blob, offset))
    return found


def _read_one(blob: sqlite3.Blob, offset: int) -> bytes:
    blob.seek(offset)
    data = blob.read(AT_ONCE)
    length = HEADER + int.from_bytes(data[1:HEADER], "big")
    return data[:length] if len(data) >= length else data + blob.read(length - len(data))


def is_sound(row: bytes) -> bool:
    """Is this the journal row that was written?"""
    return len(row) >= JOURNAL_HEADER and crc32(memoryview(row)[JOURNAL_HEADER:]) == int.from_bytes(row[4:8], "big")
