"""The broker's own rules: those who bring none are judged by the rulebook, and where it says nothing, elsewhere or not
at all.

    a rule decides                 as it says
    none, and a check is there     as its answer says, which may take a while
    none                           no; but everybody may unsubscribe

What a newcomer gets wrong: identities of a dialect with rules of its own never get here, or only with what those leave
open.
"""

from typing import Final

from myna.access.rules.book import Rulebook
from myna.access.rules.check import Check
from myna.access.rules.standing import Clause, Standing
from myna.core.identity import Identity, Rules, Waiting
from myna.wire import reasons

UNKNOWN: Final = Clause(0, False, frozenset(), 0, "")  # stands for no answer yet, where None is one


class HouseRules(Rules):
    def __init__(self, book: Rulebook, check: Check | None = None) -> None:
        super().__init__()
        self._book = book
        self._check = check
        self.judges_qos = book.judges_qos or check is not None

    @property
    def book(self) -> Rulebook:
        return self._book

    @property
    def check(self) -> Check | None:
        return self._check

    def may_connect(self, identity: Identity) -> int:
        return reasons.SUCCESS if self._check is None else self._check.connect(identity)

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        held = identity.standing
        if type(held) is _Held and held.book is self._book:  # asked for each retained message: 90 ns less than by calls
            clause = (held.retained if retain else held.published).get(topic, UNKNOWN)
        else:
            clause = UNKNOWN
        if clause is UNKNOWN:
            clause = self.standing(identity).publishing(topic, retain)
        if clause is not None:
            return reasons.SUCCESS if clause.allow and qos <= clause.qos else reasons.NOT_AUTHORIZED
        return reasons.NOT_AUTHORIZED if self._check is None else self._check.publish(identity, topic, qos, retain)

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        clause = self.standing(identity).subscribing(filter)
        if clause is not None:
            return _verdict(clause)
        return reasons.NOT_AUTHORIZED if self._check is None else self._check.subscribe(identity, filter, qos)

    def granted_qos(self, identity: Identity, filter: str, qos: int) -> int:
        clause = self.standing(identity).subscribing(filter)
        return qos if clause is None else min(qos, clause.qos)

    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        clause = self.standing(identity).unsubscribing(filter)
        if clause is not None:
            return _verdict(clause)
        return reasons.SUCCESS if self._check is None else self._check.unsubscribe(identity, filter)

    def await_answer(self, identity: Identity, waiting: Waiting) -> None:
        assert self._check is not None  # nobody else says LATER
        self._check.await_answer(identity, waiting)

    def standing(self, identity: Identity) -> Standing:
        """Kept with the identity, as long as these rules hold."""
        held = identity.standing
        if isinstance(held, _Held) and held.book is self._book:
            return held.standing
        standing = self._book.standing(identity)
        identity.standing = _Held(self._book, standing)
        return standing


class _Held:
    __slots__ = ("book", "published", "retained", "standing")

    def __init__(self, book: Rulebook, standing: Standing) -> None:
        self.book = book
        self.standing = standing
        self.published = standing.published
        self.retained = standing.retained


def _verdict(clause: Clause) -> int:
    return reasons.SUCCESS if clause.allow else reasons.NOT_AUTHORIZED
