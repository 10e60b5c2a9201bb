"""Reading messages back where they lie, on the loop's thread: a page of a long queue takes about a millisecond.

What a newcomer gets wrong: a blob is opened and read in part. A row can hold a quarter of a megabyte of other
sessions' messages, and `substr` would read all of it each time.
"""

import logging
import sqlite3
from pathlib import Path
from typing import Final
from zlib import crc32

from myna.core.record_codec import HEADER
from myna.store.embedded.layout import JOURNAL_HEADER, connect, explain

log = logging.getLogger("myna.store")

AT_ONCE: Final = 1024  # most records are shorter


class Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def record(self, place: int) -> bytes | None:
        """One record's bytes, header included; None if it cannot be read now, and the log says why."""
        try:
            with self._open().blobopen("journal", "body", place >> 32, readonly=True) as blob:
                blob.seek(place & 0xFFFFFFFF)
                data = blob.read(AT_ONCE)
                length = HEADER + int.from_bytes(data[1:HEADER], "big")
                return data[:length] if len(data) >= length else data + blob.read(length - len(data))
        except (sqlite3.Error, ValueError) as error:
            self._failed(error)
            return None

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


def is_sound(row: bytes) -> bool:
    """Is this the journal row that was written?"""
    return len(row) >= JOURNAL_HEADER and crc32(memoryview(row)[JOURNAL_HEADER:]) == int.from_bytes(row[4:8], "big")
