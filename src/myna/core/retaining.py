"""Keeping retained messages within a tenant's bounds, and letting go of them when they expire.

The messages themselves and how they are found are in `retained`. What a newcomer gets wrong: one deadline looks
after a topic, however often its message is replaced, as long as that expires.
"""

from typing import final

from myna.core.counters import Counters
from myna.core.deadlines import Deadlines, Timed
from myna.core.journal import Journal
from myna.core.message import Message
from myna.core.quotas import RETAIN_TOPICS, TO_RETAIN, Quotas
from myna.core.records import RetainedSet
from myna.core.retained import OWN
from myna.core.tenant import Tenant
from myna.wire import reasons


@final
class _Expiry(Timed):
    """Looks after the retained message of one topic."""

    def __init__(self, retaining: "Retaining", tenant: Tenant, topic: str) -> None:
        self._retaining = retaining
        self._tenant = tenant
        self._topic = topic

    def due(self, now: float) -> None:
        self._retaining.due(self, self._tenant, self._topic, now)


@final
class Retaining:
    def __init__(self, journal: Journal, deadlines: Deadlines, counters: Counters) -> None:
        self._journal = journal
        self._deadlines = deadlines
        self._counters = counters

    def retain(self, tenant: Tenant, message: Message, quotas: Quotas, now: float) -> int:
        """Keep it, or with an empty payload remove what is kept: SUCCESS, or why not."""
        retained = tenant.retained
        if not message.payload:
            if retained.remove(message.topic):
                self._journal.note(RetainedSet(tenant.name, message.topic, None))
            return reasons.SUCCESS
        if message.topic.startswith(OWN):  # of this run only, and no limit of a tenant is meant for it
            retained.set(message)
            return reasons.SUCCESS
        reason = may_retain(tenant, message)
        if reason in (reasons.QUOTA_EXCEEDED, reasons.PACKET_TOO_LARGE):
            self._counters.refuse("retained_limit")
        elif reason == reasons.SUCCESS and (quotas.asked or tenant.retain_rate is not None):
            cause = _not_now(tenant, message, quotas, now)
            if cause:
                self._counters.refuse(cause)
                return reasons.QUOTA_EXCEEDED
        if reason != reasons.SUCCESS:
            return reason
        retained.set(message)
        if message.expires_at != 0.0 and not retained.has_expiry(message.topic):
            self._watch(tenant, message, _Expiry(self, tenant, message.topic))
        self._counters.retained_stored += 1
        self._journal.note(RetainedSet(tenant.name, message.topic, message))
        return reasons.SUCCESS

    def restore(self, tenant: Tenant, message: Message) -> None:
        """Put back what a store has remembered."""
        tenant.retained.set(message)
        if message.expires_at != 0.0:
            self._watch(tenant, message, _Expiry(self, tenant, message.topic))

    def clear(self, tenant: Tenant, topic: str) -> bool:
        """Remove a topic's message: was there one?"""
        if not tenant.retained.remove(topic):
            return False
        self._journal.note(RetainedSet(tenant.name, topic, None))
        return True

    def due(self, expiry: _Expiry, tenant: Tenant, topic: str, now: float) -> None:
        message = tenant.retained.get(topic)
        assert message is not None  # its deadline goes when it goes
        if message.expires_at > now:  # it has been replaced meanwhile
            self._watch(tenant, message, expiry)
        elif message.expires_at != 0.0:
            tenant.retained.expired += 1
            self.clear(tenant, topic)
        else:
            tenant.retained.set_expiry(topic, None)

    def _watch(self, tenant: Tenant, message: Message, expiry: _Expiry) -> None:
        tenant.retained.set_expiry(message.topic, self._deadlines.add(message.expires_at, expiry))


def _not_now(tenant: Tenant, message: Message, quotas: Quotas, now: float) -> str:
    """Why it is delivered and not kept, although there would be room."""
    rate = tenant.retain_rate
    if rate is not None and rate.take(1, len(message.payload), now) > 0.0:
        return "retained_rate"
    missing = quotas.missing(tenant.name, TO_RETAIN)
    if not missing and quotas.asked and tenant.retained.get(message.topic) is None:
        missing = quotas.missing(tenant.name, (RETAIN_TOPICS,))
    return f"quota:{missing}" if missing else ""


def may_retain(tenant: Tenant, message: Message) -> int:
    """SUCCESS, or the reason why it would not be kept."""
    limits = tenant.limits
    if not limits.retain_available:
        return reasons.RETAIN_NOT_SUPPORTED
    if not message.payload:
        return reasons.SUCCESS
    if limits.retained_size and len(message.payload) > limits.retained_size:
        return reasons.PACKET_TOO_LARGE
    retained = tenant.retained
    held = retained.get(message.topic)
    freed = 0 if held is None else held.size()
    too_many = held is None and limits.retained_messages and retained.count >= limits.retained_messages
    grown = message.size() - freed
    if too_many or (limits.retained_bytes and retained.size + grown > limits.retained_bytes):
        return reasons.QUOTA_EXCEEDED
    census = tenant.census
    if census.most_retained_bytes and census.retained_bytes + grown > census.most_retained_bytes:
        return reasons.QUOTA_EXCEEDED
    return reasons.SUCCESS
