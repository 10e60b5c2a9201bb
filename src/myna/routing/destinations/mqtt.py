"""Another MQTT broker: messages go there as they are, and what is asked of it comes here. A bridge.

    rule -> queue -> [prefix]topic there            subscribe: filter there -> [prefix]topic here

What a newcomer gets wrong: what was brought here by a bridge is never taken back by the same one, and with MQTT 5 the
other side does not send us what is ours; two bridges between the same brokers can still feed each other.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from myna.client import Client, ClientError, Introduction, NotAllowed
from myna.client.address import Tls, parse_url
from myna.config import Duration, Section
from myna.core.message import Message, Origin, copy_for_delivery
from myna.core.outcome import Refusal
from myna.routing.courier import Courier
from myna.routing.destination import Destination, DestinationContext, DestinationSettings, LineCarrier
from myna.routing.event import Event
from myna.routing.line import BRIDGE, Line
from myna.routing.remote import Remote
from myna.routing.showing import hide_in_url
from myna.routing.verdict import AUTHENTICATION, BUSY, DELIVERED, Verdict, again, never
from myna.wire.packets import MQTT_5, Publish, SubscriptionRequest
from myna.wire.properties import Properties
from myna.wire.topics import check_topic, matches, parse_filter

log = logging.getLogger("myna.routing")

SCHEDULE: Final = (1.0, 5.0, 10.0, 30.0, 60.0)
NOT_THERE: Final = 10.0  # seconds a delivery waits for a connection
ANSWER: Final = 60.0  # seconds an acknowledgement may take
REFUSED_BRIDGED: Final = "bridged_message_refused"


class BridgedSettings(Section, frozen=True):
    """What is brought here."""

    filter: str  # at the other broker
    qos: Annotated[int, Meta(ge=0, le=2)] = 1
    remove: str = ""  # the beginning of topics there that is left out here
    prefix: str = ""  # and what is put before them instead
    tenant: str | None = None  # the default one


class MqttSettings(DestinationSettings, frozen=True, kw_only=True):
    url: str  # mqtt://host:1883, mqtts://, ws://, wss:// or unix://
    user_name: str = ""
    password: str = ""
    client_id: str = ""  # the same each time; myna-NAME unless said
    version: Literal["3.1.1", "5"] = "5"
    keep_alive: Duration = Duration(60)
    session_expiry: Duration = Duration(86_400)  # how long the other broker keeps what it has for us
    qos: Annotated[int, Meta(ge=0, le=2)] = 1  # at most, of what is sent
    retain: bool = True  # retained messages are to be retained there, too
    remove: str = ""  # the beginning of topics here that is left out there
    prefix: str = ""  # and what is put before them instead
    subscribe: tuple[BridgedSettings, ...] = ()
    trust: str = ""  # PEM: authorities to believe, instead of the system's
    certificate: str = ""  # PEM: to show who we are
    key: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            parse_url(self.url)
        except ValueError as error:
            raise ValueError(str(error).replace(self.url, hide_in_url(self.url))) from None
        for one in self.subscribe:
            if parse_filter(one.filter) is None:
                raise ValueError(f"subscribe: {one.filter!r} is no topic filter")
        for prefix in (self.prefix, *(one.prefix for one in self.subscribe)):
            if prefix and not check_topic(prefix):
                raise ValueError(f"prefix: {prefix!r} cannot begin a topic")
        if self.session_expiry < 1:
            raise ValueError("session_expiry must be a second at least")


class MqttDestination(Destination):
    SETTINGS = MqttSettings
    SCHEDULE = SCHEDULE
    PLAIN = True
    SEPARATE = True

    def __init__(self, context: DestinationContext, settings: MqttSettings) -> None:
        self._context = context
        self._settings = settings
        tls = Tls(
            authorities=settings.trust or None, certificate=settings.certificate or None, key=settings.key or None
        )
        url = parse_url(settings.url, tls)
        user_name = settings.user_name or url.user_name
        password = settings.password or url.password
        properties = Properties()
        properties.session_expiry = int(settings.session_expiry)
        level = MQTT_5 if settings.version == "5" else 4
        introduction = Introduction(
            level=level,
            client_id=settings.client_id or f"myna-{context.name}",
            clean_start=not settings.subscribe,  # nothing there is worth keeping for us
            keep_alive=int(settings.keep_alive),
            user_name=user_name,
            password=None if password is None else password.encode(),
            properties=properties if level == MQTT_5 else None,
        )
        parsed = [parse_filter(one.filter) for one in settings.subscribe]
        asked = [
            _request(one, is_shared=found is not None and bool(found.group))
            for one, found in zip(settings.subscribe, parsed, strict=True)
        ]
        self._origins = [Origin(f"{BRIDGE} {context.name}", self._tenant(one)) for one in settings.subscribe]
        self._filters = [found.filter for found in parsed if found is not None]
        self.remote = Remote(context.name, url.address, introduction, asked, self._bring, context.safe, settings.qos)

    def carrier(self, line: Line) -> LineCarrier:
        return Bridge(Courier(line, self), self.remote)

    async def stop(self) -> None:
        await self.remote.stop()

    # There

    async def deliver(self, events: Sequence[Event]) -> Verdict | Sequence[Verdict]:
        client = await self.remote.wait_connected(NOT_THERE)
        if client is None:
            return again(self.remote.trouble or "not connected", result="SocketError", untried=True, hold=NOT_THERE)
        try:
            return await self._send(client, events)
        except TimeoutError:
            await client.disconnect()  # it comes back, and all is sent again
            return again("the other broker acknowledges nothing", result="TimedOut", hold=NOT_THERE)
        except NotAllowed as error:
            return never(str(error), result="NotAllowed")
        except ClientError as error:
            return again(str(error), result="SocketError", hold=NOT_THERE)

    async def _send(self, client: Client, events: Sequence[Event]) -> list[Verdict]:
        """All are sent before the first acknowledgement is waited for."""
        verdicts: list[Verdict | asyncio.Future[int]] = []
        now = self._context.now()
        for event in events:
            message = event.message
            topic = _rename(message.topic, self._settings.remove, self._settings.prefix)
            if message.is_expired(now):
                verdicts.append(DELIVERED)  # nobody wants it any more
            elif not topic:
                verdicts.append(never(f"nothing is left of the topic {message.topic!r}", result="InvalidTopic"))
            else:
                async with asyncio.timeout(ANSWER):
                    verdicts.append(await client.send(topic, *self._form(message, now)))
        return [one if isinstance(one, Verdict) else await _settled(client, one) for one in verdicts]

    def _form(self, message: Message, now: float) -> tuple[bytes, int, bool, Properties | None]:
        qos = min(message.qos, self._settings.qos)
        properties: Properties | None = None
        if self._settings.version == "5" and (message.properties is not None or message.expires_at):
            properties = copy_for_delivery(message.properties)
            if message.expires_at:
                properties.message_expiry = message.remaining(now)
        return message.payload, qos, message.retain and self._settings.retain, properties

    # Here

    def _bring(self, packet: Publish) -> None:
        for settings, origin, parsed in zip(self._settings.subscribe, self._origins, self._filters, strict=True):
            if matches(parsed, packet.topic):
                self._publish(packet, settings, origin)
                return
        log.debug("routing: %s sent a message nobody asked for", self.remote.name)

    def _publish(self, packet: Publish, settings: BridgedSettings, origin: Origin) -> None:
        broker, now = self._context.broker, self._context.now()
        topic = _rename(packet.topic, settings.remove, settings.prefix)
        expires_at = 0.0
        if packet.properties is not None and packet.properties.message_expiry >= 0:
            expires_at = now + packet.properties.message_expiry
        message = Message(
            topic,
            packet.payload,
            packet.qos,
            packet.retain,
            origin,
            now,
            expires_at,
            None if packet.properties is None else copy_for_delivery(packet.properties),
        )
        outcome: Any = broker.publish(broker.tenant(origin.tenant), message, now) if check_topic(topic) else None
        if outcome is None or isinstance(outcome, Refusal):
            broker.counters.refuse(REFUSED_BRIDGED)
            why = "is no topic" if outcome is None else outcome.text
            log.warning("routing: a message of %s for %r is dropped: %s", self.remote.name, topic[:256], why)

    def _tenant(self, settings: BridgedSettings) -> str:
        return self._context.tenant if settings.tenant is None else settings.tenant


class Bridge(LineCarrier):
    """A courier, and the connection that is there even if nothing is to be sent."""

    def __init__(self, courier: Courier, remote: Remote) -> None:
        self._courier = courier
        self._remote = remote

    def wake(self) -> None:
        self._courier.wake()

    def let_go(self) -> None:
        self._courier.let_go()

    async def start(self) -> None:
        self._remote.start()
        await self._courier.start()

    async def stop(self, patience: float) -> None:
        there = self._remote.client is not None
        await self._courier.stop(patience if there else 0.0)  # deliveries that wait for a connection have sent nothing

    def state(self) -> dict[str, Any]:
        remote = self._remote
        connected = remote.client is not None
        state = {**self._courier.state(), "connected": connected, "connections": remote.connections}
        if remote.refused:
            state["notSubscribed"] = remote.refused
        return state if connected else {**state, "trouble": remote.trouble}


def _request(bridged: BridgedSettings, is_shared: bool) -> SubscriptionRequest:
    """Nothing of ours [MQTT-3.8.3-4], retained ones as such, and those only once: what changes while we are away waits
    for us, but at QoS 0.
    """
    return SubscriptionRequest(bridged.filter, bridged.qos, not is_shared, True, 1 if bridged.qos else 0)


async def _settled(client: Client, done: "asyncio.Future[int]") -> Verdict:
    async with asyncio.timeout(ANSWER):
        return _judge(await client.settled(done))


def _judge(code: int) -> Verdict:
    if code < 0x80:
        return DELIVERED
    if code == 0x87:
        return never("the other broker does not let us publish there", result="NotAuthorized", error=AUTHENTICATION)
    if code in (0x97, 0x96, 0x89):
        return again("the other broker is busy", result="Busy", error=BUSY)
    return never(f"the other broker refuses the message with 0x{code:02X}", result="Refused")


def _rename(topic: str, remove: str, prefix: str) -> str:
    return prefix + (topic[len(remove) :] if remove and topic.startswith(remove) else topic)
