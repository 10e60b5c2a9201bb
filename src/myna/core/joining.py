"""Subscribing and publishing to a name: no filter, no wildcard, no share prefix, whatever characters it holds.

For receivers of dialects whose groups are plain names; `room#1` is one. Guards are asked as for any subscription.
What a newcomer gets wrong: the receiver's rules are not asked, since only the dialect knows what its client wanted to
do.
"""

from myna.core.broker import Broker
from myna.core.counters import DROP_UNDELIVERABLE
from myna.core.message import Message
from myna.core.outcome import Outcome, Refusal
from myna.core.ports import DORMANT
from myna.core.receiver import Receiver, Subscription
from myna.core.selection import Selection
from myna.core.subscribing import is_full
from myna.core.tenant import Tenant
from myna.wire import reasons


def join(broker: Broker, receiver: Receiver, name: str, qos: int, now: float) -> int:
    """SUCCESS, or why not. Joining again changes nothing."""
    if name in receiver.subscriptions:
        return reasons.SUCCESS
    tenant = broker.tenant(receiver.key[0])
    if is_full(tenant, receiver):
        broker.counters.refuse("join:quota exceeded")
        _report(broker, receiver, name, reasons.QUOTA_EXCEEDED, now)
        return reasons.QUOTA_EXCEEDED
    subscription = Subscription(receiver, name, name, qos)
    guard = tenant.router.guard_of(name)
    if guard is not None:
        verdict = guard.subscribing(receiver, subscription, now)
        if verdict == DORMANT:
            subscription.dormant = True
        elif verdict != reasons.SUCCESS:
            broker.counters.refuse(f"join:{reasons.reason_name(verdict)}")
            _report(broker, receiver, name, verdict, now)
            return verdict
    receiver.subscriptions[name] = subscription
    tenant.router.add_literal(subscription)
    tenant.subscribed()
    if not broker.peers.alone:
        broker.peers.announce(tenant.name, subscription.filter, True)
    broker.watcher.subscribed(receiver, subscription, now)
    return reasons.SUCCESS


def _report(broker: Broker, receiver: Receiver, name: str, code: int, now: float) -> None:
    tenant, client_id, user = receiver.names()
    cause = reasons.reason_name(code)
    broker.watcher.refused(f"JOIN of {name[:200]!r}", tenant, client_id, receiver.peer_address(), cause, now, user)


def part(broker: Broker, receiver: Receiver, name: str, now: float) -> bool:
    """Undo `join`: was it there?"""
    subscription = receiver.subscriptions.pop(name, None)
    if subscription is None:
        return False
    tenant = broker.tenant(receiver.key[0])
    tenant.router.remove(subscription)
    tenant.unsubscribed()
    guard = tenant.router.guard_of(name)
    if guard is not None:
        guard.unsubscribed(receiver, subscription, now)
    if not broker.peers.alone:
        broker.peers.announce(tenant.name, subscription.filter, False)
    broker.watcher.unsubscribed(receiver, subscription, now)
    return True


def publish_to_name(
    broker: Broker, tenant: Tenant, message: Message, now: float, selection: Selection | None = None
) -> Outcome | Refusal:
    """As the broker's `publish`, to a name that need be no topic; only to those whom the selection takes."""
    route = tenant.router.route(message.topic_bytes())
    if route is None:
        broker.counters.drop(DROP_UNDELIVERABLE)  # no MQTT client can have it, whatever it subscribes to
        route = tenant.router.route_of_name(message.topic)
    return broker.publish_on(route, tenant, message, now, selection)
