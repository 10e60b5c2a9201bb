"""What the core tells the store, and nothing where nothing is kept.

Deliveries of one message to many sessions are gathered while it is routed and become one record. What a newcomer gets
wrong: whoever makes receivers queue must call `close` afterwards, or the store never hears of them. A message may be
published while another is being routed (a will, when a full queue ends its session): each gets records of its own, and
any other record closes what is open, so that the store hears of everything in the order in which it happened.
"""

from abc import abstractmethod
from typing import final

from mypy_extensions import mypyc_attr

from myna.core.delivery import Delivery
from myna.core.message import Message
from myna.core.ports import Store
from myna.core.records import Enqueued, Queued, Record


@mypyc_attr(allow_interpreted_subclasses=True)
class Settling:
    """Somebody who has deliveries to report as done."""

    __slots__ = ()

    @abstractmethod
    def flush_settled(self) -> None:
        """Report them."""


@final
class Journal:
    __slots__ = ("_deliveries", "_later", "_message", "_queued", "durable", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.durable = store.durable
        self._queued: list[Queued] = []
        self._deliveries: list[Delivery] = []
        self._later: list[Settling] = []
        self._message: Message | None = None  # the one they all have queued

    def note(self, record: Record) -> int:
        """Remember it; says what to await. 0 where nothing is kept."""
        if not self.durable:
            return 0
        if self._message is not None:
            self.close()
        return self.store.append(record)

    def queued(self, message: Message, part: Queued, delivery: Delivery) -> None:
        """One more receiver has this message in its queue or window."""
        if message is not self._message:
            if self._message is not None:
                self.close()
            self._message = message
        self._queued.append(part)
        self._deliveries.append(delivery)

    def settle_later(self, settling: Settling) -> None:
        """Room was made for the message that is being routed: to be reported once that is stored."""
        self._later.append(settling)

    def next_for(self, message: Message) -> int:
        """The sequence under which the next part of this message will be stored."""
        open_message = self._message
        return self.store.sequence + (1 if open_message is None or open_message is message else 2)

    def close(self) -> int:
        """All receivers of a message have had it: what to await, or 0."""
        message = self._message
        sequence = 0
        if message is not None:
            parts = self._queued
            deliveries = self._deliveries
            self._queued = []
            self._deliveries = []
            self._message = None
            sequence = self.store.append(Enqueued(parts[0].key[0], message, parts))
            place = message.place
            for delivery in deliveries:
                delivery.place = place
        if self._later:
            later = self._later
            self._later = []
            for settling in later:
                settling.flush_settled()
        return sequence
