"""Everything under dh/ passes here: requests and native publishes are taken, subscriptions judged, deliveries filtered.

    publishing   dh/request            -> requests           anything else of a client  -> swallowed
                 dh/CATEGORY/...       -> native
    subscribing  dh/response/...       own ones of actions that need no authorisation; all when authenticated
                 dh/CATEGORY/...       as the equivalent subscription by request would be judged
                 #  +/...              granted, for ordinary topics alone
    delivering   asked of share groups' members and retained messages; what we send we have judged ourselves

What a newcomer gets wrong: a forbidden publish is acknowledged and dropped. Clients that are cut off for it come back
and do it again.
"""

from typing import Final

from myna.core.message import Message
from myna.core.ports import GRANT, PASS, TAKEN, TopicGuard, Watcher
from myna.core.receiver import Receiver, Subscription
from myna.core.session import Session
from myna.faces.devicehive.callers import ATTRIBUTE, Caller, Callers
from myna.faces.devicehive.naming import (
    RESPONSE,
    SPACE,
    PushFilter,
    is_request,
    read_push_filter,
    read_push_topic,
    response_topic,
    with_ids,
)
from myna.faces.devicehive.native import NativePublish
from myna.faces.devicehive.permissions import Permissions, Principal
from myna.faces.devicehive.pushes import NEEDED, Pushes
from myna.faces.devicehive.requests import Requests
from myna.faces.devicehive.subscriptions import Subscriptions
from myna.formats.directory import Names
from myna.formats.inventory import DEVICE_TYPE, NETWORK, Kind
from myna.wire import reasons
from myna.wire.packets import MQTT_5

REFUSED: Final = reasons.NOT_AUTHORIZED
OPEN_ACTIONS: Final = (
    "authenticate",
    "token",
    "token/create",
    "token/refresh",
    "server/info",
    "server/cacheInfo",
    "cluster/info",
)


class DeviceHiveGuard(TopicGuard):
    def __init__(
        self, callers: Callers, requests: Requests, native: NativePublish, pushes: Pushes, allowed: Permissions
    ) -> None:
        super().__init__(SPACE)
        self._callers = callers
        self._requests = requests
        self._native = native
        self._pushes = pushes
        self._allowed = allowed

    def publishing(self, message: Message, now: float) -> int:
        topic = message.topic
        if topic == SPACE:
            return PASS
        caller = self._callers.of_origin(message.origin)
        if caller is None:
            return reasons.NOT_AUTHORIZED  # an HTTP call, say: nobody of ours, and whoever it is should know
        if is_request(topic):
            return self._say(message, caller, self._requests.accept(caller, message.payload))
        push = read_push_topic(topic, caller.client_id)
        if push is None:
            return TAKEN
        return self._say(message, caller, self._native.accept(caller, push, message.payload))

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        filter = subscription.filter
        if filter[0] in "+#":
            return GRANT
        caller = self._callers.of(receiver)
        caller.answers.clear()
        if filter == SPACE or is_request(filter):
            return REFUSED
        if filter.startswith(RESPONSE):
            return GRANT if caller.principal is not None or _is_open(filter, caller.client_id) else REFUSED
        if caller.principal is None:
            return REFUSED
        push = read_push_filter(filter)
        if push is None:
            return GRANT
        if push.marked_for not in (None, caller.client_id) or not self._may_subscribe(caller.principal, push):
            return REFUSED
        subscription.filter = with_ids(push.bare, self._allowed.directory)
        return GRANT

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        if message.topic == SPACE:
            return True
        if message.origin is not self._pushes.origin or message.topic.startswith(RESPONSE):
            return False
        if subscription.filter[0] in "+#":
            return False
        return self._pushes.may_have_topic(self._callers.of(receiver), message.topic)

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        caller = self._callers.find(receiver)
        if caller is not None:
            caller.answers.clear()

    def _may_subscribe(self, principal: Principal, push: PushFilter) -> bool:
        if NEEDED[push.category] not in principal.actions or self._allowed.sees_nothing(principal):
            return False
        if push.device is not None:
            return self._allowed.may_device(principal, push.device)
        directory = self._allowed.directory
        return self._may_place(principal, NETWORK, push.network, directory.networks) and self._may_place(
            principal, DEVICE_TYPE, push.device_type, directory.device_types
        )

    def _may_place(self, principal: Principal, kind: Kind, level: str | None, names: Names) -> bool:
        if level is None:
            return True
        id = names.find(level)
        return id is not None and self._allowed.may_place(principal, kind, id)

    def _say(self, message: Message, caller: Caller, verdict: int) -> int:
        """A reason code only to those who can be told without harm: anybody else would be disconnected."""
        if verdict == TAKEN or message.qos == 0:
            return TAKEN
        receiver = caller.receiver
        link = receiver.link if isinstance(receiver, Session) else None
        return verdict if link is not None and link.level == MQTT_5 else TAKEN


class Departures(Watcher):
    """Hears of connections that end, and ends what was made by request."""

    def __init__(self, callers: Callers, subscriptions: Subscriptions) -> None:
        super().__init__()
        self._callers = callers
        self._subscriptions = subscriptions

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        """One that brings a remembrance is known from its first moment, so that it is never taken for an absent one."""
        if ATTRIBUTE in receiver.identity.attributes:
            self._callers.of(receiver)

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        caller = self._callers.find(receiver)
        if caller is not None:
            self._subscriptions.remove_all(caller)

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        self._callers.forget(receiver)


def _is_open(filter: str, client_id: str) -> bool:
    return any(filter == response_topic(action, client_id) for action in OPEN_ACTIONS)
