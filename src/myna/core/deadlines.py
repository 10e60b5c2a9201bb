"""Every timeout of the broker in one heap. Whoever owns the clock asks `next()` and calls `expire(now)`.

A deadline that is no longer wanted is cancelled in place and dropped when it surfaces, or with all the others once
half of the heap is cancelled: clients that come and go leave far-away ones behind. What a newcomer gets wrong: do
not move a deadline for each packet. Keep-alive notes when the last packet came and looks at that note when the deadline
fires.
"""

import heapq
from abc import abstractmethod
from typing import Final, final

from mypy_extensions import mypyc_attr

FEW: Final = 1024  # so many cancelled ones are not worth a search


@mypyc_attr(allow_interpreted_subclasses=True)
class Timed:
    """Something that wants to be called at a time."""

    @abstractmethod
    def due(self, now: float) -> None:
        """The time has come."""


@final
class Deadline:
    __slots__ = ("_owner", "at", "target")

    def __init__(self, at: float, target: Timed, owner: "Deadlines") -> None:
        self.at = at
        self.target: Timed | None = target
        self._owner = owner

    def cancel(self) -> None:
        if self.target is not None:
            self.target = None
            self._owner.note_cancelled()


@final
class Deadlines:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._count = 0
        self._cancelled = 0
        self._next = 0.0
        self._changed = False  # since `_next` was worked out: it is asked for at the end of every turn

    def add(self, at: float, target: Timed) -> Deadline:
        deadline = Deadline(at, target, self)
        self._count += 1
        self._changed = True
        heapq.heappush(self._heap, (at, self._count, deadline))
        return deadline

    def next(self) -> float:
        """When the earliest is due; 0 when there is none."""
        if self._changed:
            self._changed = False
            heap = self._heap
            while heap and heap[0][2].target is None:
                heapq.heappop(heap)
                self._cancelled -= 1
            self._next = heap[0][0] if heap else 0.0
        return self._next

    def expire(self, now: float) -> None:
        """Fire what is due. What is added meanwhile waits for the next time, so that this always ends."""
        heap = self._heap
        last = self._count
        while heap and heap[0][0] <= now and heap[0][1] <= last:
            deadline = heapq.heappop(heap)[2]
            self._changed = True
            target = deadline.target
            if target is None:
                self._cancelled -= 1
            else:
                deadline.target = None
                target.due(now)

    def note_cancelled(self) -> None:
        self._cancelled += 1
        self._changed = True
        if self._cancelled > FEW and self._cancelled * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[2].target is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap)
