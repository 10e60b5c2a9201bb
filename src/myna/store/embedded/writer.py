"""The thread that writes: one transaction per batch, each with everything that had come by then.

While the disk refuses, the batch is kept and tried again; nobody is told that it is safe until it is. A second thread
copies the write-ahead log into the file, so that commits do not wait for that. What a newcomer gets wrong: the log can
only start from its beginning when it has been copied to its very end, and under load that never happens by itself; now
and then the writer copies the last bit.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zlib import crc32

from myna.store.embedded.batch import Batch, Blob
from myna.store.embedded.layout import RECORDS_VERSION, connect, explain

log = logging.getLogger("myna.store")

CHECKPOINT_AFTER: Final = 8 * 1024 * 1024  # bytes in the write-ahead log
WRAP_AFTER: Final = 32 * 1024 * 1024
RETRY: Final = 0.25  # seconds

Told = Callable[[Batch], None]
Troubled = Callable[[str], None]


class Writer:
    """`committed` and `troubled` are called on the writer's thread; "" is trouble that is over."""

    def __init__(self, path: Path, sync: str, committed: Told, troubled: Troubled) -> None:
        self._path = path
        self._sync = sync
        self._committed = committed
        self._troubled = troubled
        self._connection: sqlite3.Connection | None = None
        self._jobs: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="myna-store", daemon=True)
        self._copier = Copier(path, sync)
        self._unwrapped = 0  # bytes since the log last began anew
        self.trouble = ""

    def start(self) -> None:
        self._thread.start()
        self._copier.start()

    def submit(self, batch: Batch) -> None:
        self._jobs.put(batch)

    def close(self) -> bool:
        """Write what has been submitted, unless the disk refuses; True if all is safe."""
        self._closing.set()
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        self._copier.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        return not self.trouble

    def write(self, batch: Batch) -> None:
        """One transaction. Every statement says the last word on its row, so that all may be repeated."""
        connection = self._connection
        if connection is None:
            connection = connect(self._path, sync=self._sync)
            self._connection = connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            _write_journal(connection, batch)
            _write_tables(connection, batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _run(self) -> None:
        while (batch := self._jobs.get()) is not None:
            if not self._write_until_safe(batch):
                return
            self._committed(batch)
            self._copy(batch)

    def _write_until_safe(self, batch: Batch) -> bool:
        while True:
            try:
                self.write(batch)
            except sqlite3.Error as error:
                self._say(explain(self._path, error))
                self._reopen()
                if self._closing.wait(RETRY):
                    log.error("stopping with a batch that could not be written: %s", self.trouble)
                    return False
            else:
                self._say("")
                return True

    def _say(self, trouble: str) -> None:
        if trouble == self.trouble:
            return
        if trouble:
            log.error("nothing that needs the store is acknowledged until this is mended: %s", trouble)
        else:
            log.warning("the store writes again; what waited is acknowledged now")
        self.trouble = trouble
        self._troubled(trouble)

    def _reopen(self) -> None:
        """A connection that has met an error may hold on to a file that is no longer the right one."""
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error as error:
                log.debug("closing after an error: %s", error)
            self._connection = None

    def _copy(self, batch: Batch) -> None:
        self._unwrapped += sum([blob.size for blob in batch.blobs]) + 4096
        if self._unwrapped > WRAP_AFTER and self._copier.is_idle() and self._connection is not None:
            if copy_log(self._connection):
                self._unwrapped = 0
        elif self._unwrapped > CHECKPOINT_AFTER:
            self._copier.wake()


class Copier:
    """Copies the write-ahead log into the file, on its own thread and connection."""

    def __init__(self, path: Path, sync: str) -> None:
        self._path = path
        self._sync = sync
        self._wanted = threading.Event()
        self._busy = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="myna-store-copy", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._busy = True
        self._wanted.set()

    def is_idle(self) -> bool:
        return not self._busy

    def close(self) -> None:
        self._closing = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closing:
                return
            try:
                connection = connect(self._path, sync=self._sync)
                try:
                    copy_log(connection)
                finally:
                    connection.close()
            except (
                sqlite3.Error
            ) as error:  # the log keeps what could not be copied; it is tried again with the next batch
                log.warning("copying the write-ahead log: %s", explain(self._path, error))
            self._busy = False


def copy_log(connection: sqlite3.Connection) -> bool:
    """Copy what is in the log as far as readers allow; True if it was all, so that the log begins anew."""
    try:
        _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.OperationalError as error:
        log.warning("copying the write-ahead log: %s", error)
        return False
    return bool(pages == copied)


def row_of(blob: Blob) -> bytes:
    """A journal row's bytes, with their checksum."""
    body = b"".join(blob.chunks)
    return bytes((RECORDS_VERSION, 0, 0, 0)) + crc32(body).to_bytes(4, "big") + body


def _write_journal(connection: sqlite3.Connection, batch: Batch) -> None:
    for blob in batch.blobs:
        connection.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (blob.id, row_of(blob)))
    if batch.dropped:
        connection.executemany("DELETE FROM journal WHERE id = ?", [(row,) for row in batch.dropped])


def _write_tables(connection: sqlite3.Connection, batch: Batch) -> None:
    many = connection.executemany
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('time', ?)", (batch.time,))
    if batch.sessions:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('session', ?)", (batch.last_session,))
        many("INSERT OR REPLACE INTO sessions VALUES (?, ?)", list(batch.sessions.items()))
    if batch.subscriptions:
        rows = batch.subscriptions.items()
        many("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?)", [(*k, body) for k, body in rows if body])
        many("DELETE FROM subscriptions WHERE session = ? AND text = ?", [key for key, body in rows if not body])
    if batch.wills:
        wills = batch.wills.items()
        many("INSERT OR REPLACE INTO wills VALUES (?, ?)", [row for row in wills if row[1]])
        many("DELETE FROM wills WHERE session = ?", [(session,) for session, body in wills if not body])
    if batch.received:
        packets = batch.received.items()
        many("INSERT OR IGNORE INTO received VALUES (?, ?)", [key for key, is_open in packets if is_open])
        many("DELETE FROM received WHERE session = ? AND packet = ?", [key for key, is_open in packets if not is_open])
    if batch.retained:
        kept = batch.retained.items()
        statement = (
            "INSERT INTO retained (tenant, topic, body) VALUES (?, ?, ?)"
            " ON CONFLICT (tenant, topic) DO UPDATE SET body = excluded.body"
        )
        many(statement, [(*key, body) for key, body in kept if body])
        many("DELETE FROM retained WHERE tenant = ? AND topic = ?", [key for key, body in kept if not body])
    if batch.kept:
        values = batch.kept.items()
        many("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", [(*key, body) for key, body in values if body is not None])
        many("DELETE FROM kept WHERE space = ? AND name = ?", [key for key, body in values if body is None])
    for table, column in (
        ("sessions", "id"),
        ("subscriptions", "session"),
        ("wills", "session"),
        ("received", "session"),
    ):
        if batch.forgotten:
            many(f"DELETE FROM {table} WHERE {column} = ?", [(session,) for session in batch.forgotten])
