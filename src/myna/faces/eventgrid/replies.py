"""A publish that awaits its answer: `mqtt-reply-wait-ms: 2000` makes POST return what the other side replies.

    caller --POST--> us --PUBLISH, response topic $http-reply/<random>--> device
    caller <--200---- us <--PUBLISH $http-reply/<random>----------------- device

The private topics are under a guard: a reply goes to the one who waits and to nobody else, and nobody can subscribe
to them. What a newcomer gets wrong: a caller that brings a response topic of its own needs the right to subscribe to
it, for it is shown what is published there.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from myna.core.message import Message, copy_for_delivery
from myna.core.ports import TAKEN, TopicGuard
from myna.core.receiver import MISSED, Receiver, Subscription
from myna.core.receiver import TAKEN as DELIVERED
from myna.core.subscribing import Asked
from myna.faces.contract import ClientGone, Receive
from myna.faces.eventgrid.answers import Fault, Headers
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.naming import Publication
from myna.faces.eventgrid.presenting import header_text, property_headers
from myna.faces.eventgrid.rules import REPLIES
from myna.wire import reasons

if TYPE_CHECKING:
    from myna.core.broker import Broker
    from myna.faces.eventgrid.service import Service

LATE: Final = "http_reply_too_late"

Awaited = asyncio.Future[Message]


class ReplyGuard(TopicGuard):
    """Stands over the private reply topics of the tenant."""

    def __init__(self, broker: "Broker") -> None:
        super().__init__(REPLIES)
        self._broker = broker
        self.waiting: dict[str, Awaited] = {}

    def publishing(self, message: Message, now: float) -> int:
        awaited = self.waiting.pop(message.topic, None)
        if awaited is None or awaited.done():
            self._broker.counters.drop(LATE)
        else:
            awaited.set_result(message)
        return TAKEN

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        # `#` and `+/…` reach no name that begins with $, so only who asks for these topics by name is turned away.
        return reasons.NOT_AUTHORIZED if subscription.filter.startswith(REPLIES) else reasons.SUCCESS

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return False


class ReplyReceiver(Receiver):
    """Waits on a response topic that the caller has chosen."""

    def __init__(self, caller: Caller, correlation: bytes, awaited: Awaited) -> None:
        super().__init__((caller.identity.tenant, "", caller.client_id), caller.identity)
        self._correlation = correlation
        self._awaited = awaited

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        properties = message.properties
        given = None if properties is None else properties.correlation_data
        if self._awaited.done() or given not in (None, self._correlation):  # MQTT 3.1.1 has no way to say it
            return MISSED
        self._awaited.set_result(message)
        return DELIVERED


class Replies:
    def __init__(self, service: "Service", guard: ReplyGuard) -> None:
        self._service = service
        self._guard = guard
        self._count = 0

    async def ask(
        self, caller: Caller, publication: Publication, payload: bytes, address: str, receive: Receive
    ) -> tuple[Headers, bytes]:
        """Publish and return the reply. Raises Fault, 504 among them."""
        if self._count >= self._service.settings.reply_waits:
            raise Fault("ServerBusy", "too many requests are waiting for a reply", retry_after=1.0)
        properties = publication.properties = copy_for_delivery(publication.properties)
        if properties.correlation_data is None:
            properties.correlation_data = secrets.token_bytes(16)
        awaited: Awaited = asyncio.get_running_loop().create_future()
        self._count += 1
        try:
            if properties.response_topic is None:
                message = await self._ask_in_private(caller, publication, payload, address, awaited, receive)
            else:
                message = await self._ask_on(
                    properties.response_topic, caller, publication, payload, address, awaited, receive
                )
        finally:
            self._count -= 1
            awaited.cancel()
        return reply_headers(message), message.payload

    async def _ask_in_private(
        self,
        caller: Caller,
        publication: Publication,
        payload: bytes,
        address: str,
        awaited: Awaited,
        receive: Receive,
    ) -> Message:
        assert publication.properties is not None  # given a correlation just now
        topic = f"{REPLIES}/{secrets.token_urlsafe(24)}"
        publication.properties.response_topic = topic
        self._guard.waiting[topic] = awaited
        try:
            await self._service.publish(caller, publication, payload, address, self._service.now())
            return await _wait(awaited, publication.reply_wait, receive)
        finally:
            self._guard.waiting.pop(topic, None)

    async def _ask_on(
        self,
        topic: str,
        caller: Caller,
        publication: Publication,
        payload: bytes,
        address: str,
        awaited: Awaited,
        receive: Receive,
    ) -> Message:
        assert publication.properties is not None  # it holds the topic
        broker = self._service.broker
        receiver = ReplyReceiver(caller, publication.properties.correlation_data or b"", awaited)
        granted = await broker.subscribe(receiver, Asked(topic, 1, retain_handling=2))
        if granted.subscription is None:
            text = f"Topic filter '{topic[:256]}' does not match any topicspaces"
            raise Fault("TopicNotAuthorized", text, "mqtt-response-topic")
        try:
            await self._service.publish(caller, publication, payload, address, self._service.now())
            return await _wait(awaited, publication.reply_wait, receive)
        finally:
            await broker.unsubscribe(receiver, topic, judged=True)


async def _wait(awaited: Awaited, seconds: float, receive: Receive) -> Message:
    """The reply, unless the time is up or the caller leaves first."""
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((awaited, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if awaited.done():
            return awaited.result()
        if leaving.done():
            raise ClientGone
        raise Fault("ReplyTimeout", f"nobody replied within {seconds:g} s")
    finally:
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def reply_headers(message: Message) -> Headers:
    properties = message.properties
    shown = None if properties is None else properties.content_type
    content_type = b"application/octet-stream" if shown is None else header_text(shown)
    return [
        (b"content-type", content_type),
        (b"content-length", str(len(message.payload)).encode()),
        (b"mqtt-qos", str(message.qos).encode()),
        *property_headers(properties),
    ]
