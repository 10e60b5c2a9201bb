"""Filters that have been compiled, the latest used kept. Back ends send the same few over and over.

Bounded in number and in the size of what is kept, so that filters made for one call each cost nothing later.
"""

from collections import OrderedDict
from typing import Final

from myna.faces.webpubsub.filter.program import Filter

KEPT: Final = 1024
LONGEST_KEPT: Final = 4096


class Filters:
    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._filters: OrderedDict[str, Filter] = OrderedDict()

    def get(self, text: str) -> Filter:
        """The filter of this text; raises FilterError."""
        held = self._filters.get(text)
        if held is not None:
            self._filters.move_to_end(text)
            return held
        made = Filter(text)
        if len(text) <= LONGEST_KEPT:
            self._filters[text] = made
            if len(self._filters) > self._kept:
                self._filters.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._filters)
