"""Which journal rows are still needed.

A row can go when none of its deliveries is open and no answer in it belongs to a row that is still there: dropping the
answer first would open the delivery again. Both conditions are counted here as records come.

    row 7   A B C        row 8   D  answers A B        row 9   answers C D
    live 0  gone with 9          live 0, and 7 is gone         live 0, 7 and 8 are gone: it need not even be written

What a newcomer gets wrong: the row being filled counts like any other, so that it may turn out to be needless.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Row:
    parts: int = 0  # deliveries it was written with
    live: int = 0  # of them still open
    size: int = 0
    refers: set[int] | None = None  # rows whose deliveries are answered here
    referred: set[int] | None = None  # the other way round


@dataclass(slots=True)
class Ledger:
    rows: dict[int, Row] = field(default_factory=dict)  # the oldest first
    dropped: list[int] = field(default_factory=list)  # to be deleted with the next commit
    size: int = 0
    parts: int = 0
    live: int = 0

    def open(self, row: int) -> None:
        self.rows[row] = Row()

    def enqueued(self, row: int, count: int) -> None:
        held = self.rows[row]
        held.parts += count
        held.live += count
        self.parts += count
        self.live += count

    def refer(self, row: int, places: Iterable[int]) -> None:
        """This row says something of deliveries in those places that must be known as long as they are."""
        for place in places:
            other = place >> 32
            if other == row:
                continue
            target = self.rows.get(other)
            if target is None:
                continue
            mine = self.rows[row]
            if mine.refers is None:
                mine.refers = set()
            mine.refers.add(other)
            if target.referred is None:
                target.referred = set()
            target.referred.add(row)

    def over(self, places: Iterable[int]) -> None:
        """These deliveries are done."""
        for place in places:
            row = place >> 32
            held = self.rows.get(row)
            if held is None or held.live == 0:
                continue
            held.live -= 1
            self.live -= 1
            if held.live == 0:
                self._drop_if_dead(row)

    def over_row(self, row: int) -> None:
        """Drop it if nothing in it counts."""
        self._drop_if_dead(row)

    def seal(self, row: int, size: int) -> bool:
        """The row is full. Is it to be written?"""
        held = self.rows[row]
        held.size = size
        self.size += size
        if held.live or held.refers:
            return True
        referred = held.referred
        self._forget(row)
        self._release(row, referred)
        return False

    def drop(self, row: int) -> None:
        """Its deliveries have been written anew elsewhere, its answers with them."""
        held = self.rows.get(row)
        if held is None:
            return
        self.live -= held.live
        held.live = 0
        if held.refers is not None:
            for other in held.refers:
                target = self.rows.get(other)
                if target is not None and target.referred is not None:
                    target.referred.discard(row)
            held.refers = None
        self._drop_if_dead(row)

    def _drop_if_dead(self, row: int) -> None:
        held = self.rows.get(row)
        if held is None or held.live or held.refers or held.size == 0:  # without a size it is still being filled
            return
        self.dropped.append(row)
        referred = held.referred
        self._forget(row)
        self._release(row, referred)

    def _release(self, row: int, referred: set[int] | None) -> None:
        """The answers to this row are moot; rows that held nothing else go with it."""
        waiting = [(row, referred)]
        while waiting:
            gone, followers = waiting.pop()
            for other in followers or ():
                held = self.rows.get(other)
                if held is None or held.refers is None:
                    continue
                held.refers.discard(gone)
                if not held.refers and not held.live and held.size:
                    self.dropped.append(other)
                    waiting.append((other, held.referred))
                    self._forget(other)

    def _forget(self, row: int) -> None:
        held = self.rows.pop(row)
        self.size -= held.size
        self.parts -= held.parts
