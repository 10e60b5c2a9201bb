"""One destination's queue with its numbers: events go out by `take` and end by `done`, `give_back` or `bury`.

Knows nothing of sending. What a newcomer gets wrong: an event that has been taken and not ended is still the store's,
and comes back after a restart; ending it twice does no harm.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from myna.core.broker import Broker
from myna.core.message import Message
from myna.core.outbox import Carrier, Outbox
from myna.routing.deadletters import COMPLAIN, EXPIRED, Burial, DeadLetter
from myna.routing.destination import DestinationSettings, LineCarrier
from myna.routing.event import Event
from myna.routing.times import rfc3339
from myna.routing.tries import Tries

log = logging.getLogger("myna.routing")

BRIDGE: Final = "bridge"
SWEEP: Final = 5.0  # seconds between two looks for events that have outlived their time
PAGE: Final = 256
SWEPT: Final = 8  # pages at once


class Line(Carrier):
    """`tried`, `delivered` … are what has happened since the broker started."""

    def __init__(
        self, name: str, outbox: Outbox, settings: DestinationSettings, burial: Burial, broker: Broker,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self.name = name
        self.outbox = outbox
        self.settings = settings
        self.burial = burial
        self.now = now
        self.paused = False
        self.plain = False  # it carries messages as they are
        self.came_by = f"{BRIDGE} {name}"  # the origin of what it has brought here itself, and must not take back
        self.carrier: LineCarrier | None = None
        self.accepted = 0
        self.delivered = 0
        self.attempts = 0
        self.failed: dict[str, int] = {}  # attempts, by the class of the error
        self.buried: dict[str, int] = {}  # events, by the reason
        self.last_error = ""
        self.last_error_at = 0.0
        self.delivered_at = 0.0
        self._broker = broker
        self._tries = Tries(broker.kept, name)
        self._forget_gone()
        self._complained_at = float("-inf")
        self._full_at = float("-inf")
        self._failed_at = float("-inf")
        outbox.carrier = self  # an earlier line of this outbox hears nothing any more

    # In

    def put(self, message: Message, now: float) -> bool:
        """An event of this message waits from now on. The caller closes the journal."""
        overflowed = self.outbox.overflowed
        kept = self.outbox.put(message)
        if kept:
            self.accepted += 1
        if self.outbox.overflowed != overflowed and now - self._full_at > COMPLAIN:
            self._full_at = now
            lost = "the oldest events make way" if kept else "new events are dropped"
            log.warning(
                "routing: the queue of the destination %s is full (%d events, %d bytes): %s. Last error: %s",
                self.name, len(self.outbox), self.outbox.queue.size, lost, self.last_error or "none",
            )  # fmt: skip
        return kept

    def has_more(self) -> None:
        if self.carrier is not None:
            self.carrier.wake()

    # Out

    def take(self, most: int, most_bytes: int) -> list[Event]:
        """The next events; those whose time has passed are buried on the way. Empty if there is nothing to be had."""
        if self.burial.is_full():
            return []
        oldest = self.now() - self.settings.event_time_to_live
        found: list[Event] = []
        late: list[Event] = []
        for delivery in self.outbox.take(most, most_bytes):
            message = delivery.message
            assert message is not None  # the outbox hands out no others
            event = Event(delivery, message, plain=self.plain)
            (found if message.published_at >= oldest else late).append(event)
        self._tries.recall(found)
        if late:
            self._tries.recall(late)
            self.bury(late, EXPIRED)
            if not found:
                self.has_more()  # a page at a time
        return found

    def next_size(self) -> int:
        """Of the first that waits."""
        queue = self.outbox.queue
        return queue.first().size if len(queue) else 0

    def put_back(self, event: Event) -> None:
        """It has been tried, and may be again when it is due. Its taker holds it; after a restart the queue does."""
        self._tries.keep(event)

    def done(self, events: Sequence[Event]) -> None:
        """Delivered."""
        self.delivered += len(events)
        self.delivered_at = self.now()
        self._settle(events)

    def give_back(self, events: Sequence[Event]) -> None:
        """Not tried: to the front again."""
        self.outbox.give_back([event.delivery for event in events])

    def bury(self, events: Sequence[Event], reason: str) -> None:
        """Given up, for this reason; where they go is the destination's `dead_letter`."""
        self.buried[reason] = self.buried.get(reason, 0) + len(events)
        now = self.now()
        self.burial.bury([DeadLetter(event, reason, now) for event in events], lambda: self._buried(events))
        if now - self._complained_at > COMPLAIN:
            self._complained_at = now
            many = "1 event is" if len(events) == 1 else f"{len(events)} events are"
            log.warning(
                "routing: %s given up for %s: %s. Last error: %s; dead letters: %s",
                many, self.name, reason, self.last_error or "none", self.settings.dead_letter,
            )  # fmt: skip

    def failed_with(self, cause: str, error: str, count: int) -> None:
        """An attempt has failed, for so many events."""
        now = self.now()
        if now - self._failed_at > (COMPLAIN if cause == self.last_error else 1.0):
            self._failed_at = now
            log.warning("routing: a delivery to %s failed: %s", self.name, cause)
        self.failed[error] = self.failed.get(error, 0) + count
        self.last_error = cause
        self.last_error_at = now

    def is_expired(self, message: Message, now: float) -> bool:
        """Has it lived longer than events of this line may?"""
        return now > message.published_at + self.settings.event_time_to_live

    def sweep(self) -> None:
        """Bury events that outlived their time in the queue, though nobody comes to fetch them. All live equally long,
        so the first goes first.
        """
        now = self.now()
        queue = self.outbox.queue
        if len(self._tries) > len(self.outbox):
            self._forget_gone()
        for _ in range(SWEPT):
            first = self.outbox.message_of(queue.first()) if len(queue) else None
            if first is None or not self.is_expired(first, now) or self.burial.is_full():
                return
            taken = self.outbox.take(PAGE, 1 << 30)
            found = [Event(held, held.message, plain=self.plain) for held in taken if held.message is not None]
            self._tries.recall(found)
            self.give_back([event for event in found if not self.is_expired(event.message, now)])
            self.bury([event for event in found if self.is_expired(event.message, now)], EXPIRED)
        self.has_more()

    def recall(self) -> None:
        """Whoever had taken events has ended: they go back to the front."""
        self.outbox.give_back(list(self.outbox.taken.values()))

    def go_on_counting(self, before: "Line") -> None:
        """It takes the place of this one, which had the same queue; what failed there may do better here at once."""
        self._tries.make_due()
        self.accepted, self.delivered, self.attempts = before.accepted, before.delivered, before.attempts
        self.failed, self.buried = before.failed, before.buried
        self.last_error, self.last_error_at = before.last_error, before.last_error_at
        self.delivered_at = before.delivered_at

    def clear(self) -> int:
        """Forget all that waits, be it for another attempt."""
        if self.carrier is not None:
            self.carrier.let_go()
        count = self.outbox.clear()
        self._forget_gone()
        return count

    def _buried(self, events: Sequence[Event]) -> None:
        self._settle(events)
        self.has_more()  # if burying could not keep up, it goes on from here

    def _settle(self, events: Sequence[Event]) -> None:
        self._tries.forget(events)
        self.outbox.settle([event.delivery for event in events])

    def _forget_gone(self) -> None:
        """What is said of events that are no more: the queue was emptied, or the oldest made way."""
        if len(self._tries):
            self._tries.forget_others({*self.outbox.taken, *(one.number for one in self.outbox.queue.deliveries)})

    # For people

    def lag(self) -> float:
        """How old the oldest event is that has not been delivered, in seconds."""
        outbox = self.outbox
        held = min(outbox.taken.values(), key=lambda one: one.number) if outbox.taken else None
        if held is None and len(outbox.queue):
            held = outbox.queue.first()
        message = None if held is None else outbox.message_of(held)
        return 0.0 if message is None else max(0.0, self.now() - message.published_at)

    def state(self) -> dict[str, Any]:
        outbox = self.outbox
        state: dict[str, Any] = {
            "paused": self.paused,
            "queued": len(outbox),
            "queuedBytes": outbox.queue.size,
            "underway": len(outbox.taken),
            "lagSeconds": round(self.lag(), 3),
            "accepted": self.accepted,
            "delivered": self.delivered,
            "attempts": self.attempts,
            "failedAttempts": self.failed,
            "overflowed": outbox.overflowed,
            "deadLettered": self.buried,
            "deadLetters": self.burial.count(),
            "deadLettersLost": self.burial.lost(),
        }
        if self.last_error:
            state["lastError"] = {"time": rfc3339(self.last_error_at), "text": self.last_error}
        if self.delivered_at:
            state["lastDelivery"] = rfc3339(self.delivered_at)
        if self.carrier is not None:
            state |= self.carrier.state()
        return state
