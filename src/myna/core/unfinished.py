"""What a session has not brought to its client: what the store has of it, and what goes on to others when it ends.

A member of a share group that leaves for good takes nothing with it: what it had been given and has not acknowledged
goes to another member (§4.8.2). What a newcomer gets wrong: not at QoS 2 once it has been sent, which is that member's
for ever [MQTT-4.8.2-5]; and not what a subscription of its own may have brought as well.
"""

from typing import Final

from myna.core.broker import Broker
from myna.core.delivery import QOS_2_BITS, QOS_BITS, Delivery
from myna.core.message import Message
from myna.core.outbound import Outbound
from myna.core.queue import FETCHED
from myna.core.receiver import Subscription
from myna.core.router import Router
from myna.core.tenant import Tenant
from myna.wire import reasons
from myna.wire.topics import SHARED, SHARED_ORDERED, parse_filter

HANDED_OVER: Final = 10_000  # of one session, the oldest: many may end at once, and nobody else is served meanwhile
# Where the others are about to go as well, or would get more than anybody could hold.
KEPT_TO_ITSELF: Final = (reasons.SERVER_SHUTTING_DOWN, reasons.QUOTA_EXCEEDED)


def stored(outbound: Outbound) -> list[tuple[int, Delivery]]:
    """All deliveries that the store has, with packet ids; 0 for what has not been sent."""
    found: list[tuple[int, Delivery]] = []
    if outbound.window is not None:
        found.extend([(packet_id, held) for packet_id, held in outbound.window.items() if held.place])
    if outbound.queue is not None:
        found.extend([(0, held) for held in outbound.queue.deliveries if held.place])
    return found


def hand_over(
    broker: Broker, tenant: Tenant, outbound: Outbound, held: list[Subscription], reason: int, now: float
) -> None:
    """The session has ended, and held these subscriptions: what is left goes to the share groups it came from."""
    shares = {one: None for one in held if one.text.startswith((SHARED, SHARED_ORDERED))}
    if not shares or outbound.waiting() == 0 or reason in KEPT_TO_ITSELF:
        return
    router = Router(tenant.limits)
    for one in held:
        router.add(one)
    left = [] if outbound.window is None else [one for one in outbound.window.values() if _may_go_on(one)]
    if outbound.queue is not None:
        left.extend(outbound.queue.deliveries)
    for start in range(0, min(len(left), HANDED_OVER), FETCHED):
        for message in _messages(broker, left[start : start + FETCHED]):
            route = router.route(message.topic_bytes())
            if route is not None and len(route.subscriptions) == 1 and route.subscriptions[0] in shares:
                _pass_on(broker, tenant, route.subscriptions[0], message, now)


def _may_go_on(delivery: Delivery) -> bool:
    """Of those that have been sent."""
    return delivery.flags & QOS_BITS != QOS_2_BITS


def _messages(broker: Broker, deliveries: list[Delivery]) -> list[Message]:
    """In their order; without those that cannot be read, of which the store has said why."""
    cold = [held.place for held in deliveries if held.message is None]
    fetched = broker.journal.store.fetch(cold) if cold else []
    found: list[Message] = []
    for held in deliveries:
        message = fetched.pop(0) if held.message is None else held.message
        if message is not None:
            found.append(message)
    return found


def _pass_on(broker: Broker, tenant: Tenant, share: Subscription, message: Message, now: float) -> None:
    parsed = parse_filter(share.text)
    assert parsed is not None  # it has been subscribed to
    group = tenant.router.group(parsed)
    if group is not None:
        broker.deliver_to(tenant, message, [group.subscription], now)
