"""Every timeout of the broker in one heap. Whoever owns the clock asks `next()` and calls `expire(now)`.

A deadline that is no longer wanted is cancelled in place and dropped when it surfaces. What a newcomer gets wrong: do
not
move a deadline for each packet. Keep-alive notes when the last packet came and looks at that note when the deadline
fires.
"""

import heapq
from abc import abstractmethod
from typing import final

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Timed:
    """Something that wants to be called at a time."""

    @abstractmethod
    def due(self, now: float) -> None:
        """The time has come."""


@final
class Deadline:
    __slots__ = ("at", "target")

    def __init__(self, at: float, target: Timed) -> None:
        self.at = at
        self.target: Timed | None = target

    def cancel(self) -> None:
        self.target = None


@final
class Deadlines:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._count = 0

    def add(self, at: float, target: Timed) -> Deadline:
        deadline = Deadline(at, target)
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, deadline))
        return deadline

    def next(self) -> float:
        """When the earliest is due; 0 when there is none."""
        heap = self._heap
        while heap and heap[0][2].target is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else 0.0

    def expire(self, now: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, deadline = heapq.heappop(heap)
            target = deadline.target
            if target is not None:
                deadline.target = None
                target.due(now)

    def __len__(self) -> int:
        return len(self._heap)
