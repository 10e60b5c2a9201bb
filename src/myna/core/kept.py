"""Small values that last: what is set at run time and has no record of its own. Bans, grants, settings of hubs.

Kept under a name within a space; whoever owns a space says what its values mean.
"""

from typing import final

from myna.core.journal import Journal
from myna.core.records import Kept


@final
class KeptValues:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._spaces: dict[str, dict[str, bytes]] = {}

    def keep(self, space: str, name: str, value: bytes | None) -> int:
        """Remember a value across restarts, or forget it; says what to await, or 0."""
        values = self._spaces.setdefault(space, {})
        if value is None:
            if values.pop(name, None) is None:
                return 0
        else:
            values[name] = value
        return self._journal.note(Kept(space, name, value))

    def of(self, space: str) -> dict[str, bytes]:
        """All that is remembered in one space, by name."""
        return self._spaces.get(space, {})

    def restore(self, space: str, name: str, value: bytes) -> None:
        self._spaces.setdefault(space, {})[name] = value
