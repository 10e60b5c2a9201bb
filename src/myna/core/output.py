"""Bytes on their way out of one connection: gathered as they come, taken once per turn of the loop.

The first pending byte wakes the outlet, which then comes and takes everything. `unsent` is what the edge could not
write yet; while it and the gathered bytes exceed the high-water mark the connection is congested: QoS 0 is dropped and
counted, QoS 1 and 2 stay queued in their session. Only writes for messages ask; acks always go out.
"""

from typing import Final, final

from mypy_extensions import i64

from myna.core.ports import Outlet

DEFAULT_HIGH_WATER: Final = 4 * 1024 * 1024
CROWDED_HIGH_WATER: Final = 64 * 1024


@final
class OutputMemory:
    """What all connections together hold unsent. Above `limit` each may hold only a little."""

    __slots__ = ("held", "high_water", "limit")

    def __init__(self, limit: int = 256 * 1024 * 1024, high_water: int = DEFAULT_HIGH_WATER) -> None:
        self.limit: i64 = limit
        self.high_water: i64 = high_water
        self.held: i64 = 0


@final
class Output:
    __slots__ = ("_chunks", "_gathered", "_memory", "_single", "high_water", "outlet", "unsent")

    def __init__(self, outlet: Outlet, memory: OutputMemory) -> None:
        self.outlet = outlet
        self.unsent: i64 = 0
        self.high_water: i64 = 0  # of a connection that is written to no faster than a rate; 0 for everybody's
        self._single = b""  # what has been gathered while it is one piece: most often it stays one
        self._chunks: list[bytes] = []  # as soon as there are several
        self._gathered: i64 = 0
        self._memory = memory

    def write(self, data: bytes) -> None:
        if self._gathered == 0:
            self.outlet.wake()
            self._single = data
        else:
            self._several().append(data)
        self._gathered += len(data)

    def write_parts(self, head: bytes, middle: bytes, tail: bytes) -> None:
        """One packet in three pieces, so that what receivers share is not copied for each of them."""
        chunks = self._several()
        if self._gathered == 0:
            self.outlet.wake()
        chunks.append(head)
        chunks.append(middle)
        chunks.append(tail)
        self._gathered += len(head) + len(middle) + len(tail)

    def is_congested(self) -> bool:
        waiting = self._gathered + self.unsent
        if self.high_water > 0 and waiting > self.high_water:
            return True
        memory = self._memory
        return waiting > memory.high_water or (memory.held > memory.limit and waiting > CROWDED_HIGH_WATER)

    def is_overflowing(self) -> bool:
        """Even acks alone have become too many, which nothing else holds back: time to stop reading."""
        waiting = self._gathered + self.unsent
        memory = self._memory
        return waiting > 2 * memory.high_water or (memory.held > memory.limit and waiting > 2 * CROWDED_HIGH_WATER)

    def has_pending(self) -> bool:
        return self._gathered > 0

    def take(self) -> bytes:
        """Everything gathered, as one piece. It counts as unsent until the edge says otherwise."""
        data = self._single
        if len(data) > 0:
            self._single = b""
        else:
            data = b"".join(self._chunks)
            self._chunks = []
        self.unsent += self._gathered
        self._memory.held += self._gathered
        self._gathered = 0
        return data

    def sent(self, count: int) -> None:
        self.unsent -= count
        self._memory.held -= count

    def abandon(self) -> None:
        """The connection is gone, and with it what it held."""
        self._memory.held -= self.unsent
        self.unsent = 0
        self._single = b""
        self._chunks = []
        self._gathered = 0

    def _several(self) -> list[bytes]:
        """The pieces, one or none until now, to which others are added."""
        chunks = self._chunks
        if len(self._single) > 0:
            chunks.append(self._single)
            self._single = b""
        return chunks
