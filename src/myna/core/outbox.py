"""What waits to be carried elsewhere, surviving restarts as a session's queue does, in the same journal.

Knows neither who carries it nor where to. What is taken stays in the store until it is settled, so that a crash brings
it back: at least once, in order. What a newcomer gets wrong: whoever puts messages here closes the journal afterwards,
as after a delivery to sessions; a message put into several outboxes before that is stored once.

    put -> | waiting: the first in memory, the rest in the store |  take -> taken -> settle, or give_back to the front
"""

from abc import abstractmethod
from collections import deque
from typing import Final, final

from mypy_extensions import mypyc_attr

from myna.core.delivery import Delivery
from myna.core.journal import Journal
from myna.core.limits import NEVER, Limits
from myna.core.message import Message
from myna.core.queue import Queue
from myna.core.receiver import SessionKey
from myna.core.records import Queued, SessionForgotten, SessionSaved
from myna.core.settlements import Settlements

OUTBOXES: Final = "\0outbox"  # where stores keep them: a tenant no client can be in
FLAGS: Final = 0x32  # in the store each is a delivery at QoS 1


@mypyc_attr(allow_interpreted_subclasses=True)
class Carrier:
    """Whoever empties an outbox."""

    @abstractmethod
    def has_more(self) -> None:
        """There is something to take, and there was nothing before. Called within a publish: do the work later."""


@final
class Outbox:
    """`bounds` are the `queue_…` fields of limits. `overflowed` counts what found no room, or had to make some."""

    __slots__ = ("_journal", "_settlements", "bounds", "carrier", "key", "last_number", "overflowed", "queue", "taken")

    def __init__(self, key: SessionKey, bounds: Limits, journal: Journal) -> None:
        self.key = key
        self.bounds = bounds
        self.carrier: Carrier | None = None
        self.queue = Queue()
        self.taken: dict[int, Delivery] = {}
        self.last_number = 0
        self.overflowed = 0
        self._journal = journal
        self._settlements = Settlements(key, journal)

    def put(self, message: Message) -> bool:
        """Behind all that wait. False if the bounds left no place for it."""
        queue = self.queue
        delivery = Delivery(message, FLAGS, None, self.last_number + 1)
        while not queue.has_room(delivery.size, self.bounds):
            self.overflowed += 1
            if not queue.makes_way(delivery, self.bounds):
                return False
            self._settlements.add(queue.take())
            self._settlements.flush_later()
        self.last_number += 1
        was_empty = len(queue) == 0
        queue.add(delivery)
        if self._journal.durable:
            self._journal.queued(message, Queued(self.key, delivery.number, FLAGS, None, 0), delivery)
        if was_empty and self.carrier is not None:
            self.carrier.has_more()
        return True

    def take(self, most: int, most_bytes: int) -> list[Delivery]:
        """The first ones with their messages, at least one however large; none if nothing waits or can be read now.

        At most one page is read from the store, which may make it fewer.
        """
        queue = self.queue
        found: list[Delivery] = []
        size = 0
        while len(queue) and len(found) < most:
            first = queue.first()
            if found and size + first.size > most_bytes:
                break
            if first.message is None:
                if found:
                    break
                self._journal.close()
                if queue.fetch(self._journal.store) is None:
                    break  # the store has said why
            size += first.size
            self.taken[first.number] = first
            found.append(queue.take())
        return found

    def message_of(self, delivery: Delivery) -> Message | None:
        """The message, from the store if need be; None if it cannot be read now."""
        if delivery.message is not None or not delivery.place:
            return delivery.message
        return self._journal.store.fetch([delivery.place])[0]  # to look at: what the queue holds is the queue's

    def settle(self, done: list[Delivery]) -> int:
        """Carried, or given up: the store forgets them. Says what to await, or 0."""
        for delivery in done:
            if self.taken.pop(delivery.number, None) is not None:
                self._settlements.add(delivery)
        self._settlements.flush_settled()
        return self._journal.store.sequence if self._journal.durable else 0

    def give_back(self, untouched: list[Delivery]) -> None:
        """Not carried after all: to the front again, in their old order."""
        back: list[Delivery] = []
        for delivery in untouched:
            if self.taken.pop(delivery.number, None) is not None:
                back.append(delivery)
        was_empty = len(self.queue) == 0
        self.queue.put_back(back)
        if was_empty and back and self.carrier is not None:
            self.carrier.has_more()

    def clear(self) -> int:
        """Forget all that waits; what has been taken is its taker's. How many were there?"""
        count = len(self.queue)
        while len(self.queue):
            self._settlements.add(self.queue.take())
        self._settlements.flush_settled()
        return count

    def stored(self, row: int) -> list[Delivery]:
        """What lies in this row of the store: looked for among all of them, as they may be many and few are there."""
        if row == 0:
            return []  # where what is not stored seems to be
        found = [held for held in self.taken.values() if held.place >> 32 == row]
        found.extend([held for held in self.queue.deliveries if held.place >> 32 == row])
        return found

    def places(self) -> list[int]:
        """Where the store has what is open."""
        self._settlements.flush_settled()
        found = [held.place for held in self.taken.values() if held.place]
        found.extend([held.place for held in self.queue.deliveries if held.place])
        return found

    def __len__(self) -> int:
        """What waits and what has been taken."""
        return len(self.queue) + len(self.taken)


@final
class Outboxes:
    """All of them, by name. One that was restored and that nobody opens is kept until it is removed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._held: dict[str, Outbox] = {}

    def open(self, name: str, bounds: Limits, now: float) -> Outbox:
        """The outbox of this name, made when first asked for, from now on within these bounds."""
        outbox = self._held.get(name)
        if outbox is None:
            outbox = self._make(name, bounds)
            self._journal.note(SessionSaved(outbox.key, "", {}, NEVER, now))
        outbox.bounds = bounds
        return outbox

    def find(self, name: str) -> Outbox | None:
        return self._held.get(name)

    def names(self) -> list[str]:
        return list(self._held)

    def remove(self, name: str) -> int:
        """Forget it with all that is in it. Says what to await, or 0."""
        outbox = self._held.pop(name, None)
        if outbox is None:
            return 0
        self._journal.close()
        return self._journal.note(SessionForgotten(outbox.key, outbox.places()))

    def restore(self, name: str, waiting: deque[Delivery], last_number: int) -> None:
        """It comes from the store, as it was."""
        outbox = self._make(name, Limits())
        outbox.last_number = last_number
        outbox.queue.restore(waiting)

    def _make(self, name: str, bounds: Limits) -> Outbox:
        outbox = Outbox((OUTBOXES, "", name), bounds, self._journal)
        self._held[name] = outbox
        return outbox
