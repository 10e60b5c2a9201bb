"""What the core tells the store, and nothing where nothing is kept.

Deliveries of one message to many sessions are gathered while it is routed and become one record. What a newcomer gets
wrong: whoever makes receivers queue must call `close` afterwards, or the store never hears of them. A message may be
published while another is being routed (a will, when a full queue ends its session): each gets records of its own.
"""

from typing import final

from myna.core.message import Message
from myna.core.ports import Store
from myna.core.records import Enqueued, Queued, Record


@final
class Journal:
    __slots__ = ("_message", "_queued", "durable", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.durable = store.durable
        self._queued: list[Queued] = []
        self._message: Message | None = None  # the one they all have queued

    def note(self, record: Record) -> int:
        """Remember it; says what to await. 0 where nothing is kept."""
        return self.store.append(record) if self.durable else 0

    def queued(self, message: Message, part: Queued) -> None:
        if message is not self._message:
            self.close()
            self._message = message
        self._queued.append(part)

    def close(self) -> int:
        """All receivers of a message have had it: what to await, or 0."""
        message = self._message
        if message is None:
            return 0
        parts = self._queued
        self._queued = []
        self._message = None
        return self.store.append(Enqueued(parts[0].key[0], message, parts))
