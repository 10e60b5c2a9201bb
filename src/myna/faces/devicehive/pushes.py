"""Events on their way to whoever may have them: each client at most once, whatever it is subscribed by.

    the event's topic -> the router's subscriptions -> judged one by one -> one message per subscription number
                      -> those made by request, for clients that have not had it

What a newcomer gets wrong: nothing under dh/ is ever published through the broker's ordinary road. That road gives
everybody the same bytes, and here the payload names the receiver's own subscription.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.receiver import Receiver, Subscription
from myna.core.shared import ShareGroup
from myna.core.tenant import Tenant
from myna.faces.devicehive import permissions, projections
from myna.faces.devicehive.callers import Caller, Callers
from myna.faces.devicehive.naming import COMMAND, COMMAND_UPDATE, NOTIFICATION, push_topic
from myna.faces.devicehive.permissions import Permissions, Principal
from myna.faces.devicehive.subscriptions import Requested, Subscriptions, filter_id
from myna.formats.inventory import Command, Notification
from myna.wire.topics import check_topic, matches

NEEDED: Final = {
    NOTIFICATION: permissions.GET_DEVICE_NOTIFICATION,
    COMMAND: permissions.GET_DEVICE_COMMAND,
    COMMAND_UPDATE: permissions.GET_DEVICE_COMMAND,
}
SUBSCRIPTION: Final = b',"subscriptionId":'
HEADS: Final = {
    NOTIFICATION: b'{"action":"notification/insert","notification":',
    COMMAND: b'{"action":"command/insert","command":',
    COMMAND_UPDATE: b'{"action":"command/update","command":',
}


class Event:
    """Something that happened to a device, ready to be told."""

    __slots__ = ("category", "device_id", "device_type_id", "head", "name", "network_id", "topic")

    def __init__(self, category: str, held: Command | Notification, name: str, body: dict[str, Any]) -> None:
        self.category = category
        self.network_id = held.network_id
        self.device_type_id = held.device_type_id
        self.device_id = held.device_id
        self.name = name
        self.topic = push_topic(category, held.network_id, held.device_type_id, held.device_id, name)
        self.head = HEADS[category] + msgspec.json.encode(body) + SUBSCRIPTION

    def bare(self) -> bytes:
        """As nobody's subscription."""
        return self.head.removesuffix(SUBSCRIPTION) + b"}"

    def payload(self, subscription_id: int) -> bytes:
        return self.head + b"%d}" % subscription_id


def of_command(held: Command, category: str = COMMAND) -> Event:
    return Event(category, held, held.command, projections.command(held))


def of_notification(held: Notification) -> Event:
    return Event(NOTIFICATION, held, held.notification, projections.notification(held))


class Pushes:
    def __init__(
        self,
        broker: Broker,
        tenant: Tenant,
        callers: Callers,
        allowed: Permissions,
        requested: Subscriptions,
        now: Callable[[], float],
    ) -> None:
        self.origin = Origin("devicehive", tenant.name)
        self._broker = broker
        self._tenant = tenant
        self._callers = callers
        self._allowed = allowed
        self._requested = requested
        self.now = now

    def push(self, event: Event) -> None:
        """Tell everybody who wants it and may have it."""
        now = self.now()
        is_topic = check_topic(event.topic)  # a name may hold what no topic can
        if is_topic:  # for whoever carries messages elsewhere it is a message like any other
            self._broker.offer(self._tenant.name, Message(event.topic, event.bare(), 1, False, self.origin, now), now)
        had: set[Receiver] = set()
        if is_topic:
            self._push_to_filters(event, had, now)
        for requested in self._requested.find(
            event.category, event.network_id, event.device_type_id, event.device_id, event.name
        ):
            caller = requested.caller
            if caller.receiver not in had and caller.is_connected() and self.may_have(caller.principal, event):
                had.add(caller.receiver)
                self.send(requested, event, now)

    def send(self, requested: Requested, event: Event, now: float) -> None:
        """To one client, by a subscription it has made by request: at QoS 0, on the event's own topic."""
        if not check_topic(event.topic):
            self._broker.counters.refuse("devicehive:name_is_no_topic")
            return
        receiver = requested.caller.receiver
        by_request = Subscription(receiver, event.topic, event.topic, 0)
        message = Message(event.topic, event.payload(requested.id), 0, False, self.origin, now)
        self._broker.deliver_to(self._tenant, message, [by_request], now)

    def may_have(self, principal: Principal | None, event: Event) -> bool:
        return (
            principal is not None
            and NEEDED[event.category] in principal.actions
            and self._allowed.may_reach(principal, event.network_id, event.device_type_id)
        )

    def may_have_topic(self, caller: Caller, topic: str) -> bool:
        """The same, of an event's topic: for members of a share group."""
        levels = topic.split("/", 4)
        principal = caller.principal
        return (
            principal is not None
            and NEEDED[levels[1]] in principal.actions
            and self._allowed.may_reach(principal, int(levels[2]), int(levels[3]))
        )

    def _push_to_filters(self, event: Event, had: set[Receiver], now: float) -> None:
        route = self._tenant.router.route(event.topic.encode())
        if route is None:
            return
        by_id: dict[int, list[Subscription]] = {}
        for merged in route.subscriptions:
            subscription = _own_filter(merged, event.topic)
            if subscription is None:
                continue
            receiver = subscription.receiver
            if not isinstance(receiver, ShareGroup):
                if receiver in had or not self.may_have(self._callers.of(receiver).principal, event):
                    continue
                had.add(receiver)
                mark = _mark(subscription, event)
                if mark:
                    self._deliver(event, event.topic + mark, filter_id(subscription.filter), [subscription], now)
                    continue
            by_id.setdefault(filter_id(subscription.filter), []).append(subscription)
        for id, subscriptions in by_id.items():
            self._deliver(event, event.topic, id, subscriptions, now)

    def _deliver(self, event: Event, topic: str, id: int, subscriptions: list[Subscription], now: float) -> None:
        message = Message(topic, event.payload(id), 1, False, self.origin, now)
        self._broker.deliver_to(self._tenant, message, subscriptions, now)


def _own_filter(subscription: Subscription, topic: str) -> Subscription | None:
    """A subscription whose filter begins with a wildcard reaches ordinary topics only; its holder may have others."""
    if subscription.filter[0] not in "+#":
        return subscription
    held = subscription.receiver.subscriptions.values()
    mine = (one for one in held if one.filter[0] not in "+#" and one.text[0] != "$" and matches(one.filter, topic))
    return next(mine, None)


def _mark(subscription: Subscription, event: Event) -> str:
    """The client's own mark, where its filter was written with one."""
    mark = "@" + subscription.receiver.key[2]
    return mark if subscription.text.endswith(mark) and "@" in subscription.text else ""
