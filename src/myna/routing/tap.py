"""Where routing hangs on the core: what is published on a topic some rule wants becomes events in queues, at once.

    publish -> wants? (remembered for each topic) -> rules -> filters -> one event for all rules that add the same
            -> outboxes -> the same commit as the message itself

What a newcomer gets wrong: this runs within the publish. It neither waits nor raises; a destination gets an event once,
however many rules have found it, unless they add different things.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.ports import CARRIED, LEFT, NOT_CARRIED, Tap
from myna.formats.offered import OfferedEvent
from myna.routing.deadletters import COMPLAIN
from myna.routing.enrichment import Enrichment
from myna.routing.events import Draft, Ids, MessageDraft, OfferedDraft, View
from myna.routing.hops import DEAD, MOST, hop_properties, hops_of
from myna.routing.line import Line
from myna.routing.rules import Rule

log = logging.getLogger("myna.routing")

REMEMBERED: Final = 65_536  # topics
DROP_LOOP: Final = "routing_loop"

Found = dict[Enrichment, dict[Line, None]]


class RoutingTap(Tap):
    """`source` answers what events of a tenant's messages come from."""

    def __init__(self, broker: Broker, source: Callable[[str], str]) -> None:
        super().__init__()
        self._broker = broker
        self._source = source
        self._ids = Ids()
        self._rules: tuple[Rule, ...] = ()
        self._known: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._kinds: dict[tuple[str, str], tuple[Rule, ...]] = {}
        self._complained_at = float("-inf")

    def use(self, rules: Iterable[Rule]) -> None:
        """These hold from now on."""
        self._rules = tuple(rules)
        self._known = {}
        self._kinds = {}
        self._broker.tap_changed()

    # Messages

    def wants(self, tenant: str, topic: str) -> bool:
        return bool(self._rules_of(tenant, topic))

    def offered(self, tenant: str, message: Message, now: float) -> int:
        rules = self._rules_of(tenant, message.topic)
        if not rules or message.origin.source == DEAD:  # or one that cannot be delivered would breed others for ever
            return LEFT
        hops = hops_of(message)
        if hops >= MOST:
            self._complain(message, now)
            return LEFT
        try:
            return self._carry(rules, tenant, message, hops, now)
        except Exception:
            log.exception("routing: a message on %r could not be routed by a bug of ours", message.topic[:256])
            return NOT_CARRIED  # its publisher is not to blame, and goes on

    def _carry(self, rules: tuple[Rule, ...], tenant: str, message: Message, hops: int, now: float) -> int:
        draft = MessageDraft(message, self._source(tenant), self._ids)
        found = _find([rule for rule in rules if rule.line.came_by != message.origin.source], draft)
        return self._put(found, draft, message.topic, message.origin, hops, now, message) if found else LEFT

    def _rules_of(self, tenant: str, topic: str) -> tuple[Rule, ...]:
        rules = self._known.get((tenant, topic))
        if rules is None:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            rules = tuple(rule for rule in self._rules if rule.wants(tenant, topic))
            self._known[tenant, topic] = rules
        return rules

    # Other events

    def want(self, kind: str, tenant: str) -> bool:
        return bool(self._rules_for(kind, tenant))

    def offer(self, event: OfferedEvent, now: float) -> bool:
        rules = self._rules_for(event.kind, event.tenant)
        if not rules:
            return False
        draft = OfferedDraft(event, self._ids, now)
        found = _find(rules, draft)
        origin = Origin(event.kind, event.tenant)
        return bool(found) and self._put(found, draft, event.subject, origin, 0, now) == CARRIED

    def _rules_for(self, kind: str, tenant: str) -> tuple[Rule, ...]:
        rules = self._kinds.get((kind, tenant))
        if rules is None:
            if len(self._kinds) >= REMEMBERED:
                self._kinds = {}
            rules = tuple(rule for rule in self._rules if rule.concerns(kind, tenant))
            self._kinds[kind, tenant] = rules
        return rules

    # Both

    def _put(
        self,
        found: Found,
        draft: Draft,
        topic: str,
        origin: Origin,
        hops: int,
        now: float,
        plain: Message | None = None,
    ) -> int:
        """Into the queues; a destination that has no room makes it a failure for the publisher. `plain` is the message
        itself, for those that carry messages and not events.
        """
        kept = True
        for enrichment, lines in found.items():
            event: Message | None = None
            for line in lines:
                if line.plain and plain is not None:
                    kept = line.put(plain, now) and kept
                    continue
                if event is None:
                    event = Message(topic, draft.encode(enrichment), 1, False, origin, now, 0.0, hop_properties(hops))
                kept = line.put(event, now) and kept
        self._broker.journal.close()
        return CARRIED if kept else NOT_CARRIED

    def _complain(self, message: Message, now: float) -> None:
        self._broker.counters.drop(DROP_LOOP)
        if now - self._complained_at > COMPLAIN:
            self._complained_at = now
            log.error(
                "routing: a message on %r has come back %d times and is routed no further: rules feed each other",
                message.topic[:256],
                MOST,
            )


def _find(rules: Iterable[Rule], draft: Draft) -> Found:
    found: Found = {}
    for rule in rules:
        if rule.filter.takes_all or rule.filter.matches(View(draft, rule.enrichment)):
            rule.matched += 1
            found.setdefault(rule.enrichment, {})[rule.line] = None
    return found
