"""One connection to a broker: the handshake, and the exchange of packets until it ends.

Messages go to a callback, in order, and are acknowledged when it returns; a callback that blocks therefore holds the
broker back, which is meant. It answers whether it wants more: after a no, nothing further is taken or acknowledged.

What a newcomer gets wrong: a QoS 2 message is delivered when its PUBLISH comes and remembered until its PUBREL; what
comes with the same id in between is a repetition.  [MQTT-4.3.3-10]
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from myna.client.address import Address
from myna.client.describe import describe, reason_of
from myna.client.errors import CannotConnect, ConnectionLost, Refused, connack_text, no_answer_hint
from myna.client.offer import check_allowed
from myna.client.session import Session
from myna.client.streams import ByteStream, open_stream
from myna.wire.encode import encode
from myna.wire.errors import WireError
from myna.wire.packets import (
    MQTT_5,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    Will,
)
from myna.wire.properties import Properties
from myna.wire.reader import FrameReader
from myna.wire.reasons import BANNED, UNSPECIFIED_ERROR

LARGEST_PACKET: Final = 268_435_460
DEFAULT_WINDOW: Final = 100  # messages in flight, where the broker does not ask for fewer

T = TypeVar("T")
Receive = Callable[[Publish], bool]
Trace = Callable[[str], None]


@dataclass(frozen=True)
class Introduction:
    """What a CONNECT says."""

    level: int = MQTT_5
    client_id: str = ""
    clean_start: bool = True
    keep_alive: int = 60
    user_name: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties | None = None

    def packet(self) -> Connect:
        return Connect(
            self.level,
            self.client_id,
            self.clean_start,
            self.keep_alive,
            self.user_name,
            self.password,
            self.will,
            self.properties,
        )


class Client:
    """Connect, then publish and subscribe, then disconnect; once. The session can be given to the next client."""

    def __init__(
        self,
        address: Address,
        introduction: Introduction,
        receive: Receive | None = None,
        session: Session | None = None,
        window: int = DEFAULT_WINDOW,
        trace: Trace | None = None,
        before_acks: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.address = address
        self.introduction = introduction
        self.level = introduction.level
        self.session = session if session is not None else Session()
        self.offer = Properties()  # of the CONNACK
        self.closed = asyncio.Event()
        self.failure: Exception | None = None  # why it closed, if not by us
        self._receive = receive
        self._trace = trace
        self._before_acks = before_acks  # what has been received must be safe before the broker forgets it
        self._window = window
        self._room = asyncio.Condition()
        self._frames = FrameReader(LARGEST_PACKET, self.level)
        self._stream: ByteStream | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._answers: dict[int, asyncio.Future[list[int]]] = {}
        self._aliases: dict[int, str] = {}
        self._sent_at = 0.0
        self._pinged_at = 0.0  # 0: no ping is unanswered

    async def connect(self, timeout: float = 10.0) -> Connack:
        """Open the connection and be let in. What an earlier connection left unsettled is sent again."""
        self._stream = await open_stream(self.address, self.level, timeout)
        try:
            await self._send(self.introduction.packet())
            connack = await asyncio.wait_for(self._first_packet(), timeout)
        except TimeoutError:
            await self._stream.close()
            raise CannotConnect(f"{self.address}: it accepted the connection but sent no CONNACK") from None
        except BaseException:
            await self._stream.close()
            raise
        if connack.code:
            await self._stream.close()
            raise Refused(self._refusal(connack), connack.code)
        if connack.properties is not None:
            self.offer = connack.properties
        if self.offer.receive_maximum > 0:
            self._window = min(self._window, self.offer.receive_maximum)  # [MQTT-4.9.0-2]
        if not connack.session_present:
            self.session.forget()
        await self._send(*self.session.to_resend(connack.session_present))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep_alive())]
        return connack

    async def send(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> "asyncio.Future[int]":
        """Send a message once the window has room. The future is its reason code, when it is settled."""
        packet = Publish(topic, payload, qos, retain, properties=properties)
        check_allowed(packet, self.offer)
        if qos == 0:
            await self._send(packet)
            done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            done.set_result(0)
            return done
        async with self._room:
            await self._room.wait_for(lambda: self.session.in_flight < self._window or self.closed.is_set())
            self._raise_if_closed()
            done = self.session.open(packet)
        await self._send(packet)
        return done

    async def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> int:
        """Send a message and wait until it is settled; its reason code."""
        return await self.settled(await self.send(topic, payload, qos, retain, properties))

    async def settled(self, done: "asyncio.Future[int]") -> int:
        """The reason code of a message sent before; raises if the connection ends first."""
        return await self._before_end(done)

    async def subscribe(self, requests: list[SubscriptionRequest], properties: Properties | None = None) -> list[int]:
        """The reason codes, one for each request."""
        packet_id = self.session.take_id()
        return await self._ask(packet_id, Subscribe(packet_id, requests, properties))

    async def unsubscribe(self, filters: list[str], properties: Properties | None = None) -> list[int]:
        """The reason codes; there are none before MQTT 5."""
        packet_id = self.session.take_id()
        return await self._ask(packet_id, Unsubscribe(packet_id, filters, properties))

    async def disconnect(self, code: int = 0, properties: Properties | None = None) -> None:
        """Say good-bye and close; harmless if there is no connection any more."""
        self._receive = None
        if self._stream is not None and not self.closed.is_set():
            try:
                await self._send(Disconnect(code, properties))
            except ConnectionLost:
                pass  # it has gone first
        await self._close(None)

    async def wait_closed(self) -> None:
        """Until the connection has ended, for whatever reason; raises that reason unless it was our own wish."""
        await self.closed.wait()
        if self.failure is not None:
            raise self.failure

    async def _ask(self, packet_id: int, packet: Packet) -> list[int]:
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._answers[packet_id] = answer
        try:
            await self._send(packet)
            return await self._before_end(answer)
        finally:
            self.session.release_id(packet_id)
            self._answers.pop(packet_id, None)

    async def _before_end(self, future: "asyncio.Future[T]") -> T:
        """The future's result, or the reason why the connection ended before there was one."""
        ended = asyncio.create_task(self.closed.wait())
        try:
            waiting: list[asyncio.Future[Any]] = [future, ended]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if not future.done():
            self._raise_if_closed()
        return future.result()

    def _raise_if_closed(self) -> None:
        if self.closed.is_set():
            raise self.failure or ConnectionLost("the connection is closed")

    async def _send(self, *packets: Packet) -> None:
        assert self._stream is not None  # connect comes first
        self._raise_if_closed()
        if not packets:
            return
        for packet in packets:
            self._note("sent", packet)
        self._sent_at = time.monotonic()
        await self._stream.send(b"".join([encode(packet, self.level) for packet in packets]))

    async def _first_packet(self) -> Connack:
        assert self._stream is not None  # connect has opened it
        while True:
            data = await self._stream.receive()
            if not data:
                tls = self.address.tls
                hint = no_answer_hint(tls is not None, tls is not None and tls.certificate is not None)
                raise CannotConnect(f"{self.address}: it closed the connection instead of answering. {hint}")
            self._frames.feed(data)
            try:
                packet = self._frames.next_packet(self.level)
            except WireError as error:
                if data.startswith(b"HTTP/"):
                    raise CannotConnect(f"{self.address}: it answers in HTTP. Is this its port for MQTT?") from None
                raise CannotConnect(f"{self.address}: what it answers is no MQTT: {error.message}") from None
            if packet is not None:
                break
        self._note("received", packet)
        if not isinstance(packet, Connack):
            raise CannotConnect(f"{self.address}: it answered CONNECT with {type(packet).__name__}")
        return packet

    def _refusal(self, connack: Connack) -> str:
        text = f"{self.address} refused the connection: "
        given = connack.properties
        said = "" if given is None else given.reason_string or ""
        if connack.code == BANNED and said:  # the name of the code would say more than there is: a user may be disabled
            text += said
        else:
            text += connack_text(connack.code, self.level) + (f" ({said})" if said else "")
        if given is not None and given.server_reference:
            text += f". Use instead: {given.server_reference}"
        return text

    async def _read(self) -> None:
        assert self._stream is not None  # connect has opened it
        failure: Exception
        try:
            await self._take_packets()  # that came together with CONNACK
            while data := await self._stream.receive():
                self._frames.feed(data)
                await self._take_packets()
            failure = ConnectionLost("the broker closed the connection")
        except WireError as error:
            failure = ConnectionLost(f"the broker sent what is no MQTT: {error.message}")
            await self._say_why(error.reason)
        except Exception as error:
            failure = error
        await self._close(failure)

    async def _take_packets(self) -> None:
        """All packets that are there, and one write for all their acknowledgements."""
        acks: list[Packet] = []
        try:
            while (packet := self._frames.next_packet(self.level)) is not None:
                self._note("received", packet)
                ack = self._take(packet)
                if ack is not None:
                    acks.append(ack)
        finally:
            if acks and self._before_acks is not None:
                await self._before_acks()
            if acks and not self.closed.is_set():
                await self._send(*acks)
        async with self._room:
            self._room.notify_all()

    def _take(self, packet: Packet) -> Packet | None:
        """What is to be answered."""
        if isinstance(packet, Publish):
            return self._take_message(packet)
        if isinstance(packet, Puback):
            self.session.settle(packet.packet_id, packet.code)
        elif isinstance(packet, Pubrec):
            if packet.code < UNSPECIFIED_ERROR:
                return self.session.recorded(packet.packet_id)
            self.session.settle(packet.packet_id, packet.code)  # [MQTT-4.3.3-4]
        elif isinstance(packet, Pubcomp):
            self.session.settle(packet.packet_id, packet.code)
        elif isinstance(packet, Pubrel):
            self.session.received.discard(packet.packet_id)
            return Pubcomp(packet.packet_id)  # [MQTT-4.3.3-11]
        elif isinstance(packet, (Suback, Unsuback)):
            answer = self._answers.get(packet.packet_id)
            if answer is not None and not answer.done():
                answer.set_result(packet.codes)
        elif isinstance(packet, Pingresp):
            self._pinged_at = 0.0
        elif isinstance(packet, Disconnect):
            raise ConnectionLost(f"the broker ended the connection: {reason_of(packet)}", packet.code)
        return None

    def _take_message(self, packet: Publish) -> Packet | None:
        receive = self._receive
        if receive is None:
            return None  # Whatever is not acknowledged stays with the broker.
        self._resolve_alias(packet)
        if packet.qos < 2:
            self._deliver(packet, receive)
            return Puback(packet.packet_id) if packet.qos else None
        if packet.packet_id not in self.session.received:
            self.session.received.add(packet.packet_id)
            self._deliver(packet, receive)
        return Pubrec(packet.packet_id)

    def _deliver(self, packet: Publish, receive: Receive) -> None:
        if not receive(packet):
            self._receive = None

    def _resolve_alias(self, packet: Publish) -> None:
        alias = packet.properties.topic_alias if packet.properties is not None else -1
        if alias < 0:
            return
        if packet.topic:
            self._aliases[alias] = packet.topic
        else:
            packet.topic = self._aliases.get(alias, "")

    async def _keep_alive(self) -> None:
        """Ping when nothing else was sent for a while, and give up on a broker that does not answer."""
        interval = float(self.introduction.keep_alive)
        if self.offer.server_keep_alive >= 0:
            interval = float(self.offer.server_keep_alive)  # [MQTT-3.2.2-21]
        while interval > 0:
            now = time.monotonic()
            if self._pinged_at and now - self._pinged_at >= interval:
                await self._close(ConnectionLost(f"the broker has not answered a ping for {interval:.0f} seconds"))
                return
            due = self._sent_at + interval * 0.8  # sooner than the broker may lose patience
            if now >= due and not self._pinged_at:
                self._pinged_at = now
                try:
                    await self._send(Pingreq())
                except ConnectionLost as error:
                    await self._close(error)
                    return
            await asyncio.sleep(max(due - now, interval * 0.1))

    async def _say_why(self, reason: int) -> None:
        try:
            await self._send(Disconnect(reason))
        except ConnectionLost:
            pass

    async def _close(self, failure: Exception | None) -> None:
        if self.closed.is_set():
            return
        self.failure = failure
        self.closed.set()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self._stream is not None:
            await self._stream.close()
        async with self._room:
            self._room.notify_all()

    def _note(self, what: str, packet: Packet) -> None:
        if self._trace is not None:
            self._trace(f"{what} {describe(packet)}")
