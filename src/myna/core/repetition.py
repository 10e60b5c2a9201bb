"""What a connection must repeat of an earlier one, in order; it may be answered before it has been repeated.

Knows packet ids alone.
"""

from collections import deque
from collections.abc import Iterable
from typing import final


@final
class Repetition:
    __slots__ = ("_left", "_order")

    def __init__(self, packet_ids: Iterable[int]) -> None:
        self._order = deque(packet_ids)
        self._left = set(self._order)

    def __len__(self) -> int:
        """How many have neither been repeated nor answered."""
        return len(self._left)

    def next(self) -> int:
        """The next one, which counts as repeated from now on; 0 if there is none."""
        while self._order:
            packet_id = self._order.popleft()
            if packet_id in self._left:
                self._left.discard(packet_id)
                return packet_id
        return 0

    def answered(self, packet_id: int) -> None:
        """The client remembers it from before."""
        self._left.discard(packet_id)
