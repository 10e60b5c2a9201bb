"""What the core tells the store, and nothing where nothing is kept.

Deliveries of one message to many sessions are gathered while it is routed and become one record. What a newcomer gets
wrong:
whoever makes receivers queue must call `close` afterwards, or the store never hears of them.
"""

from typing import final

from myna.core.message import Message
from myna.core.ports import Store
from myna.core.records import Enqueued, Queued, Record


@final
class Journal:
    __slots__ = ("_queued", "durable", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.durable = store.durable
        self._queued: list[Queued] = []

    def note(self, record: Record) -> int:
        """Remember it; says what to await. 0 where nothing is kept."""
        return self.store.append(record) if self.durable else 0

    def queued(self, part: Queued) -> None:
        self._queued.append(part)

    def close(self, tenant: str, message: Message) -> int:
        """All receivers of this message have had it: what to await, or 0."""
        if not self._queued:
            return 0
        parts = self._queued
        self._queued = []
        return self.store.append(Enqueued(tenant, message, parts))
