"""Judging again what a receiver is subscribed to, when the rules have changed or somebody else comes by its name.

Only the broker's rules are asked: what a dialect's own rules allow is for the dialect to take back, and may have been
made by somebody with authority over the client. MQTT has no word for "your subscription has ended": the client is told
nothing; deliveries stop, and that is counted and logged. What a newcomer gets wrong: that nobody can say whether it is
allowed ends nothing, or a webhook that is down for a minute would cost every session what it has subscribed to.
"""

from typing import final

from myna.core.broker import Broker
from myna.core.identity import LATER, UNSAID, Identity, Waiting
from myna.core.receiver import Receiver, Subscription
from myna.core.subscribing import unsubscribe
from myna.wire import reasons
from myna.wire.topics import parse_filter


@final
class _ReviewedAgain(Waiting):
    def __init__(self, broker: Broker, receiver: Receiver) -> None:
        self._broker = broker
        self._receiver = receiver

    def decided(self, now: float) -> None:
        review(self._broker, self._receiver, now)


def may_inherit(broker: Broker, receiver: Receiver, identity: Identity) -> bool:
    """May somebody else go on with a session? Not unless all that it is subscribed to is certainly allowed: what
    waits in it was meant for who subscribed, and would be delivered at once.
    """
    return all(_judge(broker, identity, one) == one.qos for one in receiver.subscriptions.values())


def review(broker: Broker, receiver: Receiver, now: float) -> int:
    """End what is no longer allowed: how many were they? What the rules cannot say yet is looked at when they can."""
    ended = 0
    waits = False
    for subscription in list(receiver.subscriptions.values()):
        verdict = _judge(broker, receiver.identity, subscription)
        if verdict == LATER:
            waits = True
        elif verdict <= 2:
            if verdict < subscription.qos:
                subscription.qos = verdict
                broker.tenant(receiver.key[0]).router.touch(subscription)
        elif verdict != reasons.UNSPECIFIED_ERROR:
            _end(broker, receiver, subscription, verdict, now)
            ended += 1
    if waits:
        broker.await_verdict(receiver.identity, _ReviewedAgain(broker, receiver))
    return ended


def _judge(broker: Broker, identity: Identity, subscription: Subscription) -> int:
    """The QoS it may have, LATER, or why it has to end."""
    parsed = parse_filter(subscription.text)  # which a guard may have rewritten, and rules are asked before guards
    if parsed is None or identity.rules.may_subscribe(identity, parsed.filter, subscription.qos) != UNSAID:
        return subscription.qos
    return broker.may_subscribe(identity, parsed.filter, subscription.qos)


def _end(broker: Broker, receiver: Receiver, subscription: Subscription, reason: int, now: float) -> None:
    unsubscribe(broker, receiver, subscription.text, now, judged=True)
    tenant, client_id, user = receiver.names()
    broker.counters.refuse("subscription_ended")
    broker.watcher.refused(
        f"subscription {subscription.text[:200]!r}, which has ended",
        tenant,
        client_id,
        receiver.peer_address(),
        reasons.reason_name(reason),
        now,
        user,
    )
