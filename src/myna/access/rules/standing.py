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
    """Each question's clauses are put in order when it is first asked: most clients never ask all of them."""

    __slots__ = ("_clauses", "_publish", "_retain", "_subscribe", "_unsubscribe", "published", "retained")

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._clauses = tuple(clauses)
        # What is remembered by topic, for whoever asks so often that a call is too much.
        self.published: dict[str, Clause | None] = {}
        self.retained: dict[str, Clause | None] = {}
        self._publish: _ByTopic | None = None
        self._retain: _ByTopic | None = None
        self._subscribe: _ByFilter | None = None
        self._unsubscribe: _ByFilter | None = None

    def publishing(self, topic: str, retain: bool) -> Clause | None:
        """The clause that decides; None if no rule says anything."""
        if retain:
            held = self._retain = self._retain or _ByTopic(self._about("publish", "retain"), self.retained)
        else:
            held = self._publish = self._publish or _ByTopic(self._about("publish"), self.published)
        return held.decides(topic)

    def subscribing(self, filter: str) -> Clause | None:
        held = self._subscribe = self._subscribe or _ByFilter(self._about("subscribe"))
        return held.decides(filter)

    def unsubscribing(self, filter: str) -> Clause | None:
        held = self._unsubscribe = self._unsubscribe or _ByFilter(self._about("unsubscribe"))
        return held.decides(filter)

    def _about(self, *words: str) -> list[Clause]:
        return [clause for clause in self._clauses if not clause.actions.isdisjoint(words)]


class _ByTopic:
    """Names without wildcards are looked up; only the others are gone through."""

    __slots__ = ("_exact", "_remembered", "_wide")

    def __init__(self, clauses: Sequence[Clause], remembered: dict[str, Clause | None]) -> None:
        self._exact: dict[str, tuple[int, Clause]] = {}
        self._wide: list[tuple[int, Clause]] = []
        self._remembered = remembered
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
