"""What waits behind a session's window: in memory its beginning, in the store the rest.

Knows neither windows nor connections. What a newcomer gets wrong: only what the store has may be let go of, so a queue
that is not stored is all in memory, and bounded by its limits alone.

    | 1,000 messages or 256 KiB, at hand | cold: only their places | the newest, perhaps not stored yet |
"""

from collections import deque
from typing import Final, final

from myna.core.delivery import QOS_BITS, WARM_BYTES, WARM_MESSAGES, Delivery
from myna.core.limits import DROP_OLDEST, Limits
from myna.core.message import Message
from myna.core.ports import Store

CROWDED_BYTES: Final = 64 * 1024  # what each queue may hold in memory when all together hold too much
COLD_BYTES: Final = 160  # what one takes in memory whose message lies only in the store
FETCHED: Final = 256  # messages fetched at once: about a millisecond's reading


@final
class QueueMemory:
    """What the queues of all sessions hold in memory together. Above `limit` (0: none) each may hold only a little, and
    above twice as much nobody gets more.
    """

    __slots__ = ("held", "limit")

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.held = 0

    def is_crowded(self) -> bool:
        return self.limit > 0 and self.held >= self.limit

    def is_full(self) -> bool:
        return self.limit > 0 and self.held >= 2 * self.limit


@final
class Queue:
    """`size` is in bytes, of which `warm` are in memory; `cold` is how many lie in the store alone, `expiring` how many
    have a time at which they expire.
    """

    __slots__ = ("_memory", "cold", "deliveries", "expiring", "size", "warm")

    def __init__(self, memory: QueueMemory | None = None) -> None:
        self._memory: QueueMemory = QueueMemory() if memory is None else memory
        self.warm = 0
        self.cold = 0
        self.deliveries: deque[Delivery] = deque()
        self.expiring = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self.deliveries)

    def first(self) -> Delivery:
        return self.deliveries[0]

    def has_room(self, size: int, limits: Limits) -> bool:
        if limits.queue_messages and len(self.deliveries) >= limits.queue_messages:
            return False
        return not limits.queue_bytes or self.size + size <= limits.queue_bytes

    def is_crowded_out(self, newcomer: Delivery) -> bool:
        """Has the process too little memory left for it? What goes to the store can be let go of there."""
        if self._memory.is_full():
            return True
        return newcomer.number == 0 and self._memory.is_crowded() and self.warm + newcomer.size > CROWDED_BYTES

    def makes_way(self, newcomer: Delivery, limits: Limits) -> bool:
        """May the first go for this one? At QoS 0 only for its like, and never in vain."""
        if not self.deliveries or (limits.queue_bytes and newcomer.size > limits.queue_bytes):
            return False
        if self._memory.is_full() or (newcomer.size > CROWDED_BYTES and self.is_crowded_out(newcomer)):
            return False
        if newcomer.flags & QOS_BITS == 0:
            return limits.queue_qos_0_drops_oldest and self.deliveries[0].flags & QOS_BITS == 0
        return limits.queue_policy == DROP_OLDEST

    def add(self, delivery: Delivery) -> None:
        deliveries = self.deliveries
        warm_bytes = CROWDED_BYTES if self._memory.is_crowded() else WARM_BYTES
        if deliveries and (len(deliveries) >= WARM_MESSAGES or self.size > warm_bytes):
            last = deliveries[-1]
            if last.number and last.place:
                self._let_go(last)
        deliveries.append(delivery)
        self._count(delivery)

    def take(self) -> Delivery:
        """The first, out of the queue."""
        delivery = self.deliveries.popleft()
        self.size -= delivery.size
        if delivery.message is not None:
            self._warms(-delivery.size)
        else:
            self._cools(-1)
        if delivery.expires_at != 0.0:
            self.expiring -= 1
        return delivery

    def take_expired(self, now: float) -> list[Delivery]:
        """All that have outlived their time, out of the queue."""
        if self.expiring == 0:
            return []
        gone = [held for held in self.deliveries if held.expires_at != 0.0 and now > held.expires_at]
        if gone:
            waiting = self.deliveries
            self.abandon()
            for held in waiting:
                if held.expires_at == 0.0 or now <= held.expires_at:
                    self.deliveries.append(held)
                    self._count(held)
        return gone

    def next_expiry(self) -> float:
        """When the first of them will have outlived its time; 0 if none ever does."""
        times = [held.expires_at for held in self.deliveries if held.expires_at != 0.0] if self.expiring else []
        return min(times) if times else 0.0

    def fetch(self, store: Store) -> Message | None:
        """Bring the next cold messages into memory; the first of them, or None if it cannot be read now."""
        wanted: list[Delivery] = []
        for held in self.deliveries:
            if held.message is not None or len(wanted) >= FETCHED:
                break
            wanted.append(held)
        found = store.fetch([held.place for held in wanted])
        for index, message in enumerate(found):
            if message is not None:
                wanted[index].message = message
                self._warms(wanted[index].size)
                self._cools(-1)
        return self.deliveries[0].message

    def cool(self) -> None:
        """Nobody takes from it any more: keep only its beginning in memory."""
        warm = 0
        size = 0
        for held in self.deliveries:
            if held.message is None:
                if warm:
                    return  # behind the fetched ones all are cold
                continue
            warm += 1
            size += held.size
            if (warm > WARM_MESSAGES or size > WARM_BYTES) and held.number and held.place:
                self._let_go(held)

    def abandon(self) -> None:
        """Nothing of it is wanted any more."""
        self._warms(-self.warm)
        self._cools(-self.cold)
        self.deliveries = deque()
        self.size = 0
        self.expiring = 0

    def put_back(self, deliveries: list[Delivery]) -> None:
        """These came from its front and go there again."""
        for held in sorted(deliveries, key=_number_of, reverse=True):
            self.deliveries.appendleft(held)
            self._count(held)

    def restore(self, waiting: deque[Delivery]) -> None:
        self.deliveries = waiting
        for held in waiting:
            self._count(held)

    def _let_go(self, delivery: Delivery) -> None:
        """Of its message, which lies in the store."""
        if delivery.message is not None:
            delivery.message = None
            self._warms(-delivery.size)
            self._cools(1)

    def _warms(self, size: int) -> None:
        self.warm += size
        self._memory.held += size

    def _cools(self, count: int) -> None:
        self.cold += count
        self._memory.held += count * COLD_BYTES

    def _count(self, delivery: Delivery) -> None:
        self.size += delivery.size
        if delivery.message is not None:
            self._warms(delivery.size)
        else:
            self._cools(1)
        if delivery.expires_at != 0.0:
            self.expiring += 1


def _number_of(delivery: Delivery) -> int:
    return delivery.number
