"""The outboxes of destinations, by their names: one with what waits, one with dead letters that are kept.

They outlive the destination. What a newcomer gets wrong: what lies in them has a form, events or messages as they were
published, which the kind of the destination decides; one of the other form could make nothing of it.
"""

import logging
from collections.abc import Container, Iterator
from typing import Final

from myna.config import ConfigError
from myna.core.broker import Broker
from myna.core.limits import DROP_OLDEST, Limits
from myna.core.outbox import Outbox
from myna.routing.tries import Tries

log = logging.getLogger("myna.routing")

TO: Final = "to "  # and the destination's name
DEAD: Final = "dead "
DEAD_LETTERS: Final = 10_000  # kept of each destination
DEAD_BYTES: Final = 64 * 1024 * 1024
FORM: Final = "routing.form"
FORMS: Final = {False: b"events", True: b"messages"}


class Boxes:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._said: set[str] = set()  # names of which the log has said that they are nobody's

    def waiting(self, name: str, bounds: Limits, now: float, *, plain: bool) -> Outbox:
        self._broker.kept.keep(FORM, name, FORMS[plain])
        return self._broker.outboxes.open(TO + name, bounds, now)

    def dead(self, name: str, now: float) -> Outbox:
        bounds = Limits()
        bounds.queue_messages, bounds.queue_bytes, bounds.queue_policy = DEAD_LETTERS, DEAD_BYTES, DROP_OLDEST
        return self._broker.outboxes.open(DEAD + name, bounds, now)

    def check_form(self, name: str, place: str, *, plain: bool) -> None:
        """Could a destination that wants this form make use of what is there? Raises ConfigError."""
        found = self._broker.kept.of(FORM).get(name, FORMS[plain])
        if found != FORMS[plain] and self.count(name):
            raise ConfigError(
                [
                    f"{place}: {found.decode()} are kept for it, of which its new kind can make nothing: give it "
                    f"another name, or empty the old one first (`myna routes clear`, `forget`, `delete`)"
                ]
            )

    def count(self, name: str) -> int:
        """What waits for it, and its dead letters."""
        boxes = (self._broker.outboxes.find(prefix + name) for prefix in (TO, DEAD))
        return sum(len(box) for box in boxes if box is not None)

    def remove(self, name: str) -> int:
        """With all that is in them; how many waited?"""
        waiting = self._broker.outboxes.find(TO + name)
        count = 0 if waiting is None else len(waiting)
        for prefix in (TO, DEAD):
            self._broker.outboxes.remove(prefix + name)
        Tries(self._broker.kept, name).forget_others(set())
        self._broker.kept.keep(FORM, name, None)
        return count

    def orphans(self, known: Container[str]) -> list[str]:
        """Destinations that are not among the known, while something of theirs is kept."""
        return [name for name in self._names(known) if self.count(name)]

    def tidy(self, known: Container[str]) -> None:
        """Of destinations that are gone, forget what is empty, and say once what is not."""
        for name in self._names(known):
            if not self.count(name):
                self.remove(name)
        orphans = self.orphans(known)
        for name in orphans:
            if name not in self._said:
                log.warning(
                    "routing: events of %s are kept, and there is no such destination; define it again, or delete it "
                    "(`myna routes delete destination %s`)",
                    name,
                    name,
                )
        self._said = set(orphans)

    def _names(self, known: Container[str]) -> list[str]:
        return [name for name in dict.fromkeys(self._all()) if name not in known]

    def _all(self) -> Iterator[str]:
        for full in self._broker.outboxes.names():
            for prefix in (TO, DEAD):
                if full.startswith(prefix):
                    yield full.removeprefix(prefix)
