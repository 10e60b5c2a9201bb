"""SUBSCRIBE and UNSUBSCRIBE as verbs, for clients and for every API that acts in a client's name.

The order of checks is one for all: syntax, sizes, what the tenant offers, rules, numbers, guards. Guards come last
because they keep books: one that was asked hears of the end as well. What a newcomer gets wrong: a filter that is
already held is changed in place, so that no message falls between the old and the new one [MQTT-3.8.4-3].
"""

from typing import final

from myna.core.broker import Broker
from myna.core.identity import LATER
from myna.core.message import Message
from myna.core.ports import DORMANT
from myna.core.quotas import (
    PERSISTENT_SUBSCRIBE_RATE,
    PERSISTENT_SUBSCRIPTIONS,
    PERSISTENT_UNSUBSCRIBE_RATE,
    SHARED_SUBSCRIPTIONS,
    TO_MATCH_RETAINED,
    TRANSIENT_SUBSCRIBE_RATE,
    TRANSIENT_SUBSCRIPTIONS,
    TRANSIENT_UNSUBSCRIBE_RATE,
)
from myna.core.receiver import Receiver, Subscription
from myna.core.records import Subscribed, Unsubscribed
from myna.core.shared import ORDERED, SHARED
from myna.core.tenant import Tenant
from myna.wire import reasons
from myna.wire.topics import ParsedFilter, parse_filter


@final
class Asked:
    """What a subscriber asks for. `retain_handling` is MQTT 5's: 0 send retained messages, 1 only if new, 2 never."""

    __slots__ = ("filter", "identifiers", "no_local", "qos", "retain_as_published", "retain_handling")

    def __init__(
        self,
        filter: str,
        qos: int = 0,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifiers: list[int] | None = None,
    ) -> None:
        self.filter = filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling
        self.identifiers = identifiers


@final
class Granted:
    """`code` is a SUBACK code: the QoS, or why not; or LATER, where nothing has been done and it must be asked again
    (`Broker.await_verdict`). `retained` are the messages to send once it has been answered.
    """

    __slots__ = ("code", "existed", "retained", "sequence", "subscription")

    def __init__(self, code: int) -> None:
        self.code = code
        self.existed = False
        self.sequence = 0
        self.subscription: Subscription | None = None
        self.retained: list[Message] | None = None


def subscribe(broker: Broker, receiver: Receiver, asked: Asked, now: float, *, judged: bool = False) -> Granted:
    """Subscribe, and leave the retained messages to the caller, who may have to answer first.

    `judged`: somebody with authority over the client wants it, so that the client's own rules are not asked. The
    broker's are, where the client has none.
    """
    tenant = broker.tenant(receiver.key[0])
    parsed = parse_filter(asked.filter)
    if parsed is None or not tenant.router.fits(parsed.filter):
        return _refuse(broker, receiver, reasons.TOPIC_FILTER_INVALID, asked.filter, now)
    qos = min(asked.qos, tenant.limits.maximum_qos)
    code = _unavailable(tenant, parsed, asked)
    if code == reasons.SUCCESS:
        granted_qos = broker.may_subscribe(receiver.identity, parsed.filter, qos, judged=judged)
        if granted_qos == LATER:
            return Granted(LATER)
        if granted_qos <= 2:
            qos = granted_qos
        else:
            code = granted_qos
    held = receiver.subscriptions.get(asked.filter)
    if code == reasons.SUCCESS and (held is None and is_full(tenant, receiver)):
        code = reasons.QUOTA_EXCEEDED
    if code == reasons.SUCCESS and broker.quotas.asked and not judged:
        code = _ask_quotas(broker, tenant, receiver, parsed, asked.retain_handling)
    if code != reasons.SUCCESS:
        return _refuse(broker, receiver, code, asked.filter, now)
    subscription = Subscription(
        receiver,
        asked.filter,
        parsed.filter,
        qos,
        asked.no_local,
        asked.retain_as_published,
        asked.retain_handling,
        asked.identifiers,
    )
    code = _ask_guards(tenant, subscription, held is not None, now)
    if code != reasons.SUCCESS:
        return _refuse(broker, receiver, code, asked.filter, now)
    return _enter(broker, tenant, receiver, subscription, held, parsed, now)


def unsubscribe(broker: Broker, receiver: Receiver, text: str, now: float, *, judged: bool = False) -> int:
    """SUCCESS, NO_SUBSCRIPTION_EXISTED, LATER, or why it must stay. The comparison is exact, share prefix included
    [MQTT-3.10.4-1].
    """
    if not judged:
        parsed = parse_filter(text)
        code = broker.may_unsubscribe(receiver.identity, text if parsed is None else parsed.filter)
        if code == LATER:
            return LATER
        if code != reasons.SUCCESS:
            broker.counters.refuse(f"unsubscribe:{reasons.reason_name(code)}")
            return code
    if broker.quotas.asked and not judged and _may_not_unsubscribe(broker, receiver):
        return reasons.UNSPECIFIED_ERROR
    held = receiver.subscriptions.pop(text, None)
    if held is None:
        return reasons.NO_SUBSCRIPTION_EXISTED
    tenant = broker.tenant(receiver.key[0])
    leave(broker, tenant, held, now)
    if receiver.is_persistent():
        broker.journal.note(Unsubscribed(receiver.key, text))
    return reasons.SUCCESS


def leave(broker: Broker, tenant: Tenant, subscription: Subscription, now: float) -> None:
    """Take a subscription out of the router; its receiver's own list is the caller's."""
    parsed = parse_filter(subscription.text)
    _take_out(broker, tenant, subscription, parsed)
    _tell_guards(tenant, subscription, subscription.filter if parsed is None else parsed.filter, now)
    broker.watcher.unsubscribed(subscription.receiver, subscription, now)


def restore(broker: Broker, receiver: Receiver, subscription: Subscription, now: float) -> None:
    """Put back what a store remembers. Rules judged it when it was made; guards say anew what they make of it."""
    tenant = broker.tenant(receiver.key[0])
    parsed = parse_filter(subscription.text)
    if parsed is None or _ask_guards(tenant, subscription, False, now) != reasons.SUCCESS:
        return
    receiver.subscriptions[subscription.text] = subscription
    _place(broker, tenant, subscription, parsed)


def _unavailable(tenant: Tenant, parsed: ParsedFilter, asked: Asked) -> int:
    """What the tenant does not offer [MQTT-3.2.2-12] and its kin, §3.2.2.3.11 to 13."""
    limits = tenant.limits
    if parsed.group and not limits.shared_available:
        return reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
    if not limits.wildcards_available and ("+" in parsed.filter or "#" in parsed.filter):
        return reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED
    if asked.identifiers is not None and not limits.identifiers_available:
        return reasons.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED
    return reasons.SUCCESS


def _ask_quotas(broker: Broker, tenant: Tenant, receiver: Receiver, parsed: ParsedFilter, retain_handling: int) -> int:
    """Whoever has a say in the tenant's resources says no to this subscription, or has nothing against it."""
    if receiver.is_persistent():
        number, rate = PERSISTENT_SUBSCRIPTIONS, PERSISTENT_SUBSCRIBE_RATE
    else:
        number, rate = TRANSIENT_SUBSCRIPTIONS, TRANSIENT_SUBSCRIBE_RATE
    wanted = (SHARED_SUBSCRIPTIONS, number, rate) if parsed.group else (number, rate)
    missing = broker.quotas.missing(tenant.name, wanted)
    if not missing and not parsed.group and retain_handling < 2 and not tenant.retained.is_empty():
        missing = broker.quotas.missing(tenant.name, TO_MATCH_RETAINED)
    if not missing:
        return reasons.SUCCESS
    broker.counters.refuse(f"quota:{missing}")
    return reasons.QUOTA_EXCEEDED


def _may_not_unsubscribe(broker: Broker, receiver: Receiver) -> bool:
    rate = PERSISTENT_UNSUBSCRIBE_RATE if receiver.is_persistent() else TRANSIENT_UNSUBSCRIBE_RATE
    missing = broker.quotas.missing(receiver.key[0], (rate,))
    if missing:
        broker.counters.refuse(f"quota:{missing}")
    return bool(missing)


def is_full(tenant: Tenant, receiver: Receiver) -> bool:
    """Has the session, its user, the tenant or the process as many subscriptions as it may have?"""
    limits = tenant.limits
    most = limits.subscriptions_per_session
    if most and len(receiver.subscriptions) >= most:
        return True
    if limits.subscriptions and tenant.subscriptions >= limits.subscriptions:
        return True
    census = tenant.census
    if census.most_subscriptions and census.subscriptions >= census.most_subscriptions:
        return True
    most = limits.subscriptions_per_user
    if not most:
        return False
    of_user = tenant.sessions_of_user(receiver.identity.user)
    return sum([len(session.subscriptions) for session in of_user]) >= most


def _ask_guards(tenant: Tenant, subscription: Subscription, is_held: bool, now: float) -> int:
    """The guards of all spaces it could reach. One that refuses undoes what others have just agreed to."""
    receiver = subscription.receiver
    guards = tenant.router.guards_reached(subscription.filter)
    for index, guard in enumerate(guards):
        verdict = guard.subscribing(receiver, subscription, now)
        if verdict == DORMANT:
            subscription.dormant = True
        elif verdict != reasons.SUCCESS:
            if not is_held:
                for agreed in guards[:index]:
                    agreed.unsubscribed(receiver, subscription, now)
            return verdict
    return reasons.SUCCESS


def _tell_guards(tenant: Tenant, subscription: Subscription, asked: str, now: float) -> None:
    """It is gone, dormant or not; `asked` is the filter by which they were asked, before one of them rewrote it."""
    for guard in tenant.router.guards_reached(asked):
        guard.unsubscribed(subscription.receiver, subscription, now)


def _enter(
    broker: Broker,
    tenant: Tenant,
    receiver: Receiver,
    subscription: Subscription,
    held: Subscription | None,
    parsed: ParsedFilter,
    now: float,
) -> Granted:
    granted = Granted(subscription.qos)
    if held is not None and held.filter == subscription.filter:
        subscription = _replace(tenant, held, subscription)
        granted.existed = True
    else:
        if held is not None:  # a guard has rewritten it differently this time
            _take_out(broker, tenant, held, parsed)
            del receiver.subscriptions[held.text]
            granted.existed = True
        if not _place(broker, tenant, subscription, parsed):
            _tell_guards(tenant, subscription, parsed.filter, now)
            return _refuse(broker, receiver, reasons.QUOTA_EXCEEDED, subscription.text, now)
        receiver.subscriptions[subscription.text] = subscription
    granted.subscription = subscription
    if not granted.existed:
        broker.watcher.subscribed(receiver, subscription, now)
    if broker.journal.durable and receiver.is_persistent():
        granted.sequence = _note(broker, receiver, subscription)
    if not parsed.group and not subscription.dormant:  # [MQTT-3.3.1-9], [MQTT-3.3.1-10], §4.8.2
        handling = subscription.retain_handling
        if handling == 0 or (handling == 1 and not granted.existed):
            granted.retained = retained_for(tenant, receiver, subscription, now)
    return granted


def _place(broker: Broker, tenant: Tenant, subscription: Subscription, parsed: ParsedFilter) -> bool:
    """Put it into the router: False if its share group is full."""
    if parsed.group:
        kind = ORDERED if parsed.ordered else SHARED
        if not tenant.router.join_group(tenant.name, kind, parsed.group, subscription):
            return False
    else:
        tenant.router.add(subscription)
    tenant.subscribed()
    if not broker.peers.alone:
        broker.peers.announce(tenant.name, subscription.filter, True)
    return True


def _take_out(broker: Broker, tenant: Tenant, subscription: Subscription, parsed: ParsedFilter | None) -> None:
    tenant.unsubscribed()
    if parsed is not None and parsed.group:
        tenant.router.leave_group(ORDERED if parsed.ordered else SHARED, parsed.group, subscription)
    else:
        tenant.router.remove(subscription)
    if not broker.peers.alone:
        broker.peers.announce(tenant.name, subscription.filter, False)


def _replace(tenant: Tenant, held: Subscription, new: Subscription) -> Subscription:
    """New options for a subscription that stays where it is, so that it misses nothing [MQTT-3.8.4-3]."""
    held.qos = new.qos
    held.no_local = new.no_local
    held.retain_as_published = new.retain_as_published
    held.retain_handling = new.retain_handling
    held.identifiers = new.identifiers
    held.dormant = new.dormant
    held.plain = new.plain
    tenant.router.touch(held)
    return held


def retained_for(tenant: Tenant, receiver: Receiver, subscription: Subscription, now: float) -> list[Message]:
    """The retained messages a subscriber must see, those of guarded topics only if the guard agrees."""
    found = tenant.retained.match(subscription.filter, now, tenant.limits.retained_per_subscription)
    if not tenant.router.guards:
        return found
    allowed: list[Message] = []
    for message in found:
        guard = tenant.router.guard_of(message.topic)
        if guard is None or guard.delivering(message, receiver, subscription, now):
            allowed.append(message)
    return allowed


def _note(broker: Broker, receiver: Receiver, subscription: Subscription) -> int:
    return broker.journal.note(
        Subscribed(
            receiver.key,
            subscription.text,
            subscription.filter,
            subscription.qos,
            subscription.no_local,
            subscription.retain_as_published,
            subscription.retain_handling,
            subscription.identifiers,
            subscription.dormant,
        )
    )


def _refuse(broker: Broker, receiver: Receiver, reason: int, filter: str, now: float) -> Granted:
    broker.counters.refuse(f"subscribe:{reasons.reason_name(reason)}")
    tenant, client_id, user = receiver.names()
    cause = reasons.reason_name(reason)
    broker.watcher.refused(f"SUBSCRIBE {filter[:200]!r}", tenant, client_id, receiver.peer_address(), cause, now, user)
    return Granted(reason)
