"""Acks of one client: which ids have been done, and answers that wait until what they promise is safe.

What a newcomer gets wrong: only what was done consumes its id. A request that failed may be sent again under the same
one, and is tried again.
"""

from typing import Final

REMEMBERED: Final = 4096


class DoneIds:
    """The last few thousand ids that have been done."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}

    def add(self, ack_id: int) -> None:
        if len(self._ids) >= REMEMBERED:
            del self._ids[next(iter(self._ids))]
        self._ids[ack_id] = None

    def __contains__(self, ack_id: int) -> bool:
        return ack_id in self._ids
