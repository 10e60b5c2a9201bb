"""What has become of a line's events so far: how often they were tried, when, with what result, and when they may be
tried again. In the store, so that a restart neither begins the count anew nor tries everything at once.

Written when an event is put back, not when it leaves: what succeeds the first time costs nothing. What a newcomer gets
wrong: an attempt that a crash cut short was not put back, and does not count.
"""

from collections.abc import Iterable, Set
from typing import Final

import msgspec

from myna.core.kept import KeptValues
from myna.routing.event import Event

SPACE: Final = "routing.tried "  # and the name of the destination

_decode: Final = msgspec.json.Decoder(tuple[int, float, float, str]).decode


class Tries:
    """Of one destination, by the numbers of its events."""

    def __init__(self, kept: KeptValues, name: str) -> None:
        self._kept = kept
        self._space = SPACE + name

    def __len__(self) -> int:
        return len(self._kept.of(self._space))

    def keep(self, event: Event) -> None:
        """It waits for another attempt."""
        said = (event.attempts, event.attempted_at, event.due, event.result)
        self._kept.keep(self._space, str(event.number), msgspec.json.encode(said))

    def recall(self, events: Iterable[Event]) -> None:
        """They come from the queue: tell them what has been tried."""
        known = self._kept.of(self._space)
        if not known:
            return
        for event in events:
            found = known.get(str(event.number))
            if found is not None:
                event.attempts, event.attempted_at, event.due, event.result = _decode(found)

    def make_due(self) -> None:
        """Whatever they waited for, they may be tried at once."""
        for number, value in list(self._kept.of(self._space).items()):
            attempts, attempted_at, _, result = _decode(value)
            self._kept.keep(self._space, number, msgspec.json.encode((attempts, attempted_at, 0.0, result)))

    def forget(self, events: Iterable[Event]) -> None:
        """They have ended."""
        if len(self):
            for event in events:
                self._kept.keep(self._space, str(event.number), None)

    def forget_others(self, numbers: Set[int]) -> None:
        """There are only these any more."""
        for number in [one for one in self._kept.of(self._space) if int(one) not in numbers]:
            self._kept.keep(self._space, number, None)
