"""Judging again what a receiver is subscribed to, when the rules have changed or it has become somebody else.

Only the broker's rules are asked: what a dialect's own rules allow is for the dialect to take back, and may have been
made by somebody with authority over the client. What a newcomer gets wrong: MQTT has no word for "your subscription
has ended". The client is told nothing; deliveries stop, and that is counted and logged.
"""

from typing import final

from myna.core.broker import Broker
from myna.core.identity import LATER, UNSAID, Waiting
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


def review(broker: Broker, receiver: Receiver, now: float) -> int:
    """End what is no longer allowed: how many were they? What the rules cannot say yet is looked at when they can."""
    ended = 0
    waits = False
    for subscription in list(receiver.subscriptions.values()):
        verdict = _judge(broker, receiver, subscription)
        if verdict == LATER:
            waits = True
        elif verdict <= 2:
            if verdict < subscription.qos:
                subscription.qos = verdict
                broker.tenant(receiver.key[0]).router.touch(subscription)
        else:
            _end(broker, receiver, subscription, verdict, now)
            ended += 1
    if waits:
        broker.await_verdict(receiver.identity, _ReviewedAgain(broker, receiver))
    return ended


def _judge(broker: Broker, receiver: Receiver, subscription: Subscription) -> int:
    """The QoS it may have, LATER, or why it has to end."""
    parsed = parse_filter(subscription.text)  # which a guard may have rewritten, and rules are asked before guards
    identity = receiver.identity
    if parsed is None or identity.rules.may_subscribe(identity, parsed.filter, subscription.qos) != UNSAID:
        return subscription.qos
    return broker.may_subscribe(identity, parsed.filter, subscription.qos)


def _end(broker: Broker, receiver: Receiver, subscription: Subscription, reason: int, now: float) -> None:
    unsubscribe(broker, receiver, subscription.text, now, judged=True)
    tenant, _, client_id = receiver.key
    broker.counters.refuse("subscription_ended")
    broker.watcher.refused(
        f"subscription {subscription.text[:200]!r}, which has ended",
        tenant,
        client_id,
        "",
        reasons.reason_name(reason),
        now,
    )
