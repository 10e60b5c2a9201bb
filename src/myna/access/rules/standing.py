"""What the rules say of one identity: its clauses in order, and which of them decides.

    a publish        the first clause whose filter matches the topic
    a subscription   the first clause that allows the whole filter, unless one before it denies a part of it

A filter is granted whole or not at all: nobody who may not read `secret/x` gets `#`. Two clauses that cover a filter
only together do not grant it. What a newcomer gets wrong: `publish` is about every message, `retain` about retained
ones only, so a clause of either word decides about a retained one.
"""

from collections.abc import Sequence
from typing import Final

from myna.wire.topics import covers, matches, overlaps

REMEMBERED: Final = 1024  # answers of one kind


class Clause:
    """A rule, for one person and one filter."""

    __slots__ = ("actions", "allow", "filter", "number", "qos")

    def __init__(self, number: int, allow: bool, actions: frozenset[str], qos: int, filter: str) -> None:
        self.number = number
        self.allow = allow
        self.actions = actions
        self.qos = qos
        self.filter = filter


class Standing:
    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._publish = _ByTopic([one for one in clauses if "publish" in one.actions])
        self._retain = _ByTopic([one for one in clauses if one.actions & {"publish", "retain"}])
        self._subscribe = _ByFilter([one for one in clauses if "subscribe" in one.actions])
        self._unsubscribe = _ByFilter([one for one in clauses if "unsubscribe" in one.actions])

    def publishing(self, topic: str, retain: bool) -> Clause | None:
        """The clause that decides; None if no rule says anything."""
        return (self._retain if retain else self._publish).decides(topic)

    def subscribing(self, filter: str) -> Clause | None:
        return self._subscribe.decides(filter)

    def unsubscribing(self, filter: str) -> Clause | None:
        return self._unsubscribe.decides(filter)


class _ByTopic:
    """Names without wildcards are looked up; only the others are gone through."""

    __slots__ = ("_exact", "_remembered", "_wide")

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._exact: dict[str, tuple[int, Clause]] = {}
        self._wide: list[tuple[int, Clause]] = []
        self._remembered: dict[str, Clause | None] = {}
        for place, clause in enumerate(clauses):
            if "+" in clause.filter or "#" in clause.filter:
                self._wide.append((place, clause))
            else:
                self._exact.setdefault(clause.filter, (place, clause))

    def decides(self, topic: str) -> Clause | None:
        remembered = self._remembered
        if topic in remembered:
            return remembered[topic]
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[topic] = found = self._find(topic)
        return found

    def _find(self, topic: str) -> Clause | None:
        exact = self._exact.get(topic)
        for place, clause in self._wide:
            if exact is not None and exact[0] < place:
                break
            if matches(clause.filter, topic):
                return clause
        return None if exact is None else exact[1]


class _ByFilter:
    __slots__ = ("_clauses", "_remembered")

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._clauses = clauses
        self._remembered: dict[str, Clause | None] = {}

    def decides(self, filter: str) -> Clause | None:
        remembered = self._remembered
        if filter in remembered:
            return remembered[filter]
        if len(remembered) >= REMEMBERED:
            remembered.clear()
        remembered[filter] = found = self._find(filter)
        return found

    def _find(self, filter: str) -> Clause | None:
        for clause in self._clauses:
            if covers(clause.filter, filter) if clause.allow else overlaps(clause.filter, filter):
                return clause
        return None
