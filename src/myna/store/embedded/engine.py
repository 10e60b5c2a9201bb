"""The store as the core sees it: takes records, says when they are safe, finds messages again.

Records become bytes at once, on the loop's thread: the writer's would compete for the same interpreter, and compiled
code does it in a microsecond. What has come by the end of a turn of the loop goes to the writer together, as soon as
that has finished the batch before; so a batch never holds half of what one packet did, and the busier the broker, the
larger its batches. What a newcomer gets wrong: there is no timer and no size at which a
batch is cut.
"""

import asyncio
import gc
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from myna.core.broker import Broker
from myna.core.message import Message
from myna.core.ports import Store
from myna.core.record_codec import (
    DamagedRecord,
    RecordEncoder,
    encode_message,
    encode_session,
    encode_subscription,
    encode_will,
    message_of_record,
    seal,
)
from myna.core.records import (
    Enqueued,
    Kept,
    Received,
    Record,
    Released,
    RetainedSet,
    Sent,
    SessionForgotten,
    SessionKey,
    SessionSaved,
    Settled,
    Subscribed,
    Unsubscribed,
    WillSet,
)
from myna.store.embedded.batch import Batch, Blob
from myna.store.embedded.cleaning import clean_oldest, is_wasteful
from myna.store.embedded.layout import FILE, JOURNAL_HEADER, Migration, open_file
from myna.store.embedded.ledger import Ledger
from myna.store.embedded.loading import Found, load, put_back
from myna.store.embedded.reading import Reader
from myna.store.embedded.writer import Writer, copy_log

log = logging.getLogger("myna.store")

ROW_SIZE: Final = (
    256 * 1024
)  # a larger batch becomes several rows, so that one is read and cleaned in a few milliseconds


class EmbeddedStore(Store):
    def __init__(
        self,
        folder: Path | str,
        *,
        sync: str = "full",
        migrations: dict[int, Migration] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.durable = True
        self.path = Path(folder) / FILE
        self.ledger = Ledger()
        self.encoder = RecordEncoder(0.0)
        self.keys: dict[int, SessionKey] = {}
        self.trouble = ""
        self._sync = sync
        self._clock = clock
        self._migrations = migrations
        self._anchor: sqlite3.Connection | None = None  # the last to close, so that the log is copied only then
        self._last_session = 0
        self._last_row = 0
        self._pending = Batch()
        self._blob: Blob | None = None
        self._writing: Batch | None = None
        self._reader = Reader(self.path)
        self._writer = Writer(self.path, sync, self._written, self._troubled)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled = False
        self._closed = False
        self._broker: Broker | None = None
        self._found: Found | None = None

    # Start and end

    def open(self) -> None:
        """Open the file and read it all. Raises StoreError with words for whoever starts the broker."""
        self._anchor = open_file(self.path, sync=self._sync, migrations=self._migrations)
        with no_collection():
            self._load(self._anchor)

    def _load(self, connection: sqlite3.Connection) -> None:
        try:
            found = load(self.path, connection, self._clock())
        except BaseException:
            connection.close()
            raise
        if found.skew > 1.0:
            log.warning(
                "the clock is %.0f seconds behind the time of the last commit; what expires is counted from that time",
                found.skew,
            )
        self.encoder.skew = found.skew
        self._last_session = found.last_session
        self._last_row = found.last_row
        self._found = found
        self.ledger = found.ledger

    def restore(self, broker: Broker, now: float) -> None:
        """Give the broker what was kept, before anybody connects."""
        found = self._found
        assert found is not None  # `open` comes first
        self._found = None
        self._broker = broker
        for session in found.sessions:
            key = session.saved.key
            self.encoder.numbers[key] = session.number
            self.keys[session.number] = key
        with no_collection():
            put_back(found, broker, self._reader, now)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write from now on, what restoring has brought about included."""
        self._loop = loop
        self._writer.start()
        self._schedule()

    def close(self) -> bool:
        """Write what is left; False if the disk would not take it. Nothing of that had been acknowledged."""
        self._closed = True
        if self._loop is not None:
            self._hand_over()
        safe = self._writer.close()
        self._reader.close()
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None
        return safe

    def abandon(self) -> None:
        """Let go of the file without another write, as a crash would."""
        self._closed = True
        self._writer.close()
        self._reader.close()
        if self._anchor is not None:
            self._anchor.close()

    # The port

    def append(self, record: Record) -> int:
        self.sequence += 1
        self._pending.sequence = self.sequence
        if isinstance(record, Enqueued):
            data = self.encoder.enqueued(record)
            if data:
                blob = self._row()
                record.message.place = blob.id << 32 | blob.append(data)
                self.ledger.enqueued(blob.id, len(record.receivers))
        elif isinstance(record, Settled):
            data = self.encoder.settled(record)
            if data:
                self._answer(data, record.places)
                self.ledger.over(record.places)
        elif isinstance(record, Sent):
            self._answer(self.encoder.sent(record), record.places)
        elif isinstance(record, Released):
            self._answer(self.encoder.released(record), [record.place])
        else:
            self._note(record)
        if not self._scheduled:
            self._schedule()
        return self.sequence

    def fetch(self, places: list[int]) -> list[Message | None]:
        wanted = {place >> 32 for place in places}
        batches = (self._pending, self._writing)
        blobs = [blob for batch in batches if batch is not None for blob in batch.blobs if blob.id in wanted]
        fresh = {blob.id: b"".join(blob.chunks) for blob in blobs}
        stored = [place for place in places if place >> 32 not in fresh]
        records = dict(zip(stored, self._reader.records(stored), strict=True))
        for place in places:
            if place >> 32 in fresh:
                records[place] = fresh[place >> 32][(place & 0xFFFFFFFF) - JOURNAL_HEADER :]
        return [self._message(records[place]) for place in places]

    def _message(self, record: bytes | None) -> Message | None:
        if record is None:
            return None
        try:
            return message_of_record(record, self.encoder.skew, "")
        except DamagedRecord as error:
            log.error("%s: a stored message cannot be read: %s", self.path, error)
            return None

    # Records

    def _row(self) -> Blob:
        blob = self._blob
        if blob is None or blob.size > ROW_SIZE:
            self._last_row += 1
            blob = Blob(self._last_row, JOURNAL_HEADER)
            self._blob = blob
            self._pending.blobs.append(blob)
            self.ledger.open(blob.id)
        return blob

    def _answer(self, data: bytes, places: list[int]) -> None:
        if data:
            blob = self._row()
            blob.append(data)
            self.ledger.refer(blob.id, places)

    def _note(self, record: Record) -> None:
        """What has a row of its own. A record of a session that is not stored concerns nobody."""
        batch = self._pending
        skew = self.encoder.skew
        if isinstance(record, SessionSaved):
            batch.sessions[self._number(record.key)] = encode_session(record, skew)
        elif isinstance(record, RetainedSet):
            body = None if record.message is None else seal(encode_message(record.message, skew, True))
            batch.retained[record.tenant, record.topic] = body
        elif isinstance(record, Kept):
            batch.kept[record.space, record.name] = None if record.value is None else seal(record.value)
        elif isinstance(record, SessionForgotten):
            session = self.encoder.numbers.pop(record.key, 0)
            if session:
                self.keys.pop(session, None)
                batch.forgotten.append(session)
                self.ledger.over(record.places)
        elif isinstance(record, (Received, Subscribed, Unsubscribed, WillSet)):
            session = self.encoder.numbers.get(record.key, 0)
            if session:
                self._note_of(session, record, batch)
        else:
            raise TypeError(f"no store knows {type(record).__name__}")

    def _note_of(self, session: int, record: Received | Subscribed | Unsubscribed | WillSet, batch: Batch) -> None:
        if isinstance(record, Received):
            batch.received[session, record.packet_id] = record.open
        elif isinstance(record, Subscribed):
            batch.subscriptions[session, record.text] = seal(encode_subscription(record))
        elif isinstance(record, Unsubscribed):
            batch.subscriptions[session, record.text] = None
        else:
            message = record.message
            batch.wills[session] = None if message is None else encode_will(record, message, self.encoder.skew)

    def _number(self, key: SessionKey) -> int:
        session = self.encoder.numbers.get(key, 0)
        if session == 0:
            self._last_session += 1
            session = self._last_session
            self.encoder.numbers[key] = session
            self.keys[session] = key
        self._pending.last_session = self._last_session
        return session

    # Batches

    def _schedule(self) -> None:
        if self._loop is not None and self._writing is None and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """A turn has ended and the writer is free: it gets everything."""
        self._scheduled = False
        if self._writing is not None and not self._closed:
            return  # `_finished` comes here again
        batch = self._seal()
        if batch is not None:
            self._writing = batch
            self._writer.submit(batch)

    def _seal(self) -> Batch | None:
        batch = self._pending
        if not self._closed:
            self._clean(batch)
        batch.blobs = [blob for blob in batch.blobs if self.ledger.seal(blob.id, blob.size)]
        batch.dropped = self.ledger.dropped
        if batch.is_empty():
            return None
        self.ledger.dropped = []
        self._pending = Batch()
        self._blob = None
        batch.time = self._clock() + self.encoder.skew
        return batch

    def _written(self, batch: Batch) -> None:
        """On the writer's thread."""
        loop = self._loop
        if loop is not None and not self._closed:
            try:
                loop.call_soon_threadsafe(self._finished, batch)
            except RuntimeError:  # the loop has been closed between the two lines, and nobody waits any more
                log.debug("a batch was written after the loop had ended")

    def _finished(self, batch: Batch) -> None:
        self._writing = None
        self._tell(batch)
        self._hand_over()

    def _tell(self, batch: Batch) -> None:
        if batch.sequence:
            self.committed = batch.sequence
            if self._broker is not None:
                self._broker.committed(batch.sequence)

    def _troubled(self, trouble: str) -> None:
        self.trouble = trouble

    def _clean(self, batch: Batch) -> None:
        """Write the oldest rows anew while most of the journal is dead; as much as this batch brings, and a little."""
        rows = 2 * len(batch.blobs) + 1
        while rows and self._broker is not None and is_wasteful(self.ledger):
            rows -= 1
            if not clean_oldest(self, self._broker):
                return

    def rewrite(self, record: bytes, parts: int) -> int:
        """Store a record again at the journal's end, in the name of the cleaner; says where."""
        blob = self._row()
        self.ledger.enqueued(blob.id, parts)
        return blob.id << 32 | blob.append(record)

    def row(self, row: int) -> bytes | None:
        """A journal row's bytes, if it has been written."""
        return None if self._is_uncommitted(row) else self._reader.row(row)

    def _is_uncommitted(self, row: int) -> bool:
        batches = (self._pending, self._writing)
        return any(blob.id == row for batch in batches if batch is not None for blob in batch.blobs)

    # For those who do without a loop

    def copy_log(self) -> None:
        """Copy the write-ahead log into the file."""
        assert self._anchor is not None  # it is open
        copy_log(self._anchor)

    def commit(self) -> None:
        """Write everything here and now. For tests and tools."""
        batch = self._seal()
        if batch is not None:
            self._writer.write(batch)
            self._tell(batch)


@contextmanager
def no_collection() -> Iterator[None]:
    """A million objects that all stay need no garbage collector to look at them again and again: half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
