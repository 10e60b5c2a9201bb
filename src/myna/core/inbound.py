"""PUBLISH arriving: topic aliases, quotas, permission, de-duplication, and which answer it gets.

The common packet (no RETAIN, no DUP, no properties, a topic used before) is never made into a Publish: it is read where
it lies. A run on one topic and of one size is recognised by equal beginnings, at QoS 0 also from chunk to chunk, and is
then handed on as one piece.

    | header | length | topic length | topic | packet id (QoS > 0) | 0 (MQTT 5) | payload |
    ^ start           ^ body                 ^ topic_end                        ^ payload_at  ^ end
"""

from typing import Final, final

from mypy_extensions import i64

from myna.core.acks import Acks
from myna.core.aliases import InboundAliases
from myna.core.broker import Broker
from myna.core.identity import LATER
from myna.core.limits import Bucket
from myna.core.link import Link, Step
from myna.core.message import Message, Origin, copy_for_delivery
from myna.core.outcome import Outcome, Refusal
from myna.core.property_limits import judge_properties
from myna.core.receiver import Receiver
from myna.core.refusing import PUBACK_HEADER, PUBREC_HEADER, refuse_publish
from myna.core.remembered import RememberedRoutes
from myna.core.router import Route
from myna.core.session import Session
from myna.core.throughput import Share
from myna.wire import reasons
from myna.wire.decode_publish import decode_publish
from myna.wire.encode_publish import encode_ack, encode_acks
from myna.wire.errors import ProtocolViolation
from myna.wire.packets import MQTT_5, Publish
from myna.wire.reader import FrameReader

PUBCOMP_HEADER: Final = 0x70
RETAIN_OR_DUP: Final = 0x09


@final
class Inbound:
    """One connection's publishing side."""

    __slots__ = (
        "_acks",
        "_aliases",
        "_broker",
        "_bucket",
        "_highest",
        "_is_5",
        "_link",
        "_origin",
        "_published",
        "_receive_maximum",
        "_remembered",
        "_session",
        "_share",
        "_tenant",
    )

    def __init__(self, broker: Broker, link: Link, session: Session, acks: Acks, origin: Origin, now: float) -> None:
        limits = session.tenant.limits
        self._broker = broker
        self._link = link
        self._session = session
        self._tenant = session.tenant
        self._acks = acks
        self._origin = origin
        self._is_5 = link.level == MQTT_5
        self._published = session.tenant.published_by(self._is_5, link.websocket)
        self._highest: i64 = 0x30 | limits.maximum_qos << 1
        self._receive_maximum = limits.receive_maximum if self._is_5 else 65_535  # of which only MQTT 5 can be told
        rate = limits.publishes_per_second
        self._bucket: Bucket | None = Bucket(rate, now) if rate > 0 else None
        self._aliases: InboundAliases | None = None
        self._remembered = RememberedRoutes(broker, session)
        self._share: Share | None = Share(broker.deadlines, link) if session.tenant.is_metered else None

    # The quick way

    def frame(self, reader: FrameReader, now: float) -> None:
        """One PUBLISH packet, and the run of like ones behind it."""
        remembered = self._remembered
        header = reader.header
        if header == 0x30 and reader.start == 0:  # before all else, is this one more of what came last?
            route = remembered.last
            if route is not None and remembered.goes_on(reader.buffer) and remembered.holds(route):
                self._run_at_0(reader, route, len(remembered.head), now)
                return
        routes = remembered.of(header)
        body = reader.body
        end = reader.end
        if routes is not None and header & RETAIN_OR_DUP == 0 and header <= self._highest and end - body > 4:
            buffer = reader.buffer
            topic_at = body + 2
            high: i64 = buffer[body]
            low: i64 = buffer[body + 1]
            topic_end = topic_at + (high << 8 | low)
            payload_at = topic_end if header == 0x30 else topic_end + 2
            if self._is_5:
                payload_at += 1
            if payload_at <= end and (not self._is_5 or buffer[payload_at - 1] == 0):
                route = routes.get(buffer[topic_at:topic_end])
                if route is not None and remembered.holds(route):
                    if header == 0x30:
                        remembered.note_head(buffer[reader.start : payload_at], route)
                        self._run_at_0(reader, route, payload_at, now)
                    else:
                        self._run_above_0(reader, route, topic_end, payload_at, now)
                    return
        self.receive(decode_publish(header, reader.buffer, body, end, self._link.level), now)

    def _run_at_0(self, reader: FrameReader, route: Route, payload_at: i64, now: float) -> None:
        broker = self._broker
        buffer = reader.buffer
        start = reader.start
        position = reader.end
        size = position - start
        last = len(buffer) - size
        count: i64 = 1
        if position <= last:
            prefix = buffer[start:payload_at]
            while position <= last and buffer.startswith(prefix, position):
                position += size
                count += 1
            reader.skip_to(position)
        if not route.plain or not broker.peers.alone:
            head_size = payload_at - start
            while start < position:
                self._publish(route, buffer[start + head_size : start + size], 0, now)
                start += size
                if self._session.link is not self._link:
                    return  # one of them has ended its own connection
            return
        broker.counters.messages_received += count
        self._tenant.messages_received += count
        self._published.qos_0 += count
        form = self._link.form
        others: list[Receiver] | None = None
        frames = buffer if start == 0 and position == len(buffer) else buffer[start:position]
        for subscription in route.subscriptions:
            receiver = subscription.receiver
            if receiver.form == form:
                receiver.deliver_frames(frames, count, now)
            else:
                others = [] if others is None else others
                others.append(receiver)
        if others is not None:
            self._deliver_one_by_one(route, frames, size, payload_at - start, now)
        elif not route.subscriptions:
            broker.counters.unmatched += count

    def _deliver_one_by_one(self, route: Route, frames: bytes, size: i64, head_size: i64, now: float) -> None:
        """For receivers of another form than the publisher's."""
        form = self._link.form
        at: i64 = 0
        while at < len(frames):
            message = self._message(route, frames[at + head_size : at + size], 0, now)
            for subscription in route.subscriptions:
                if subscription.receiver.form != form:
                    subscription.receiver.deliver(message, subscription, now)
            at += size

    def _run_above_0(self, reader: FrameReader, route: Route, topic_end: i64, payload_at: i64, now: float) -> None:
        buffer = reader.buffer
        start = reader.start
        size = reader.end - start
        head = buffer[start:topic_end]
        qos = reader.header >> 1 & 3
        id_at = topic_end - start
        payload_from = payload_at - start
        room: i64 = self._receive_maximum - self._acks.waiting - self._session.received.count()
        if room <= 0:  # too many, unless it is a repeated one
            self.receive(decode_publish(reader.header, buffer, reader.body, reader.end, self._link.level), now)
            return
        position = reader.end
        last: i64 = min(len(buffer) - size, start + (room - 1) * size)
        while position <= last and buffer.startswith(head, position):
            if self._is_5 and buffer[position + payload_from - 1] != 0:
                break
            position += size
        reader.skip_to(position)
        packet_ids: list[int] = []
        messages: list[Message] = []
        form = self._link.form
        received = self._session.received
        at = start
        while at < position:
            high: i64 = buffer[at + id_at]
            low: i64 = buffer[at + id_at + 1]
            packet_id: int = high << 8 | low
            if packet_id == 0:
                self._publish_run(route, messages, packet_ids, qos, now)
                raise ProtocolViolation("packet identifier 0")  # [MQTT-2.2.1-3]
            if qos == 2:
                if received.is_open(packet_id):
                    self._publish_run(route, messages, packet_ids, qos, now)
                    packet_ids, messages = [], []
                    self._answer_repeated(packet_id)
                    at += size
                    continue
                received.begin(packet_id, False)
            payload = buffer[at + payload_from : at + size]
            message = Message(route.topic, payload, qos, False, self._origin, now, 0.0, None, route.encoded)
            message.adopt_form(form, head, payload)
            packet_ids.append(packet_id)
            messages.append(message)
            at += size
        self._publish_run(route, messages, packet_ids, qos, now)

    def _publish_run(self, route: Route, messages: list[Message], packet_ids: list[int], qos: int, now: float) -> None:
        """Publish a run and answer it; as one wherever nobody has to be asked about each message."""
        broker = self._broker
        tenant = self._tenant
        if len(messages) > 1 and broker.is_direct(route):
            outcome = broker.publish_run(route, tenant, messages, now)
            if outcome.matched or not self._is_5:
                header = PUBACK_HEADER if qos == 1 else PUBREC_HEADER
                sequence = outcome.sequence
                if qos == 2 and self._session.is_durable():
                    for packet_id in packet_ids:
                        sequence = self._session.received.begin(packet_id, True)
                self._acks.send(encode_acks(header, packet_ids), sequence)
                self._published.answered(qos, False, len(messages), sequence, now)
            else:
                for packet_id in packet_ids:
                    self._answer(outcome, qos, packet_id, now)
            return
        for index, message in enumerate(messages):
            if self._session.link is not self._link:  # one of them has ended its own connection
                for packet_id in packet_ids[index:]:
                    self._session.received.release(packet_id, False)
                return
            self._answer(broker.publish_on(route, tenant, message, now), qos, packet_ids[index], now)

    # The general way

    def receive(self, packet: Publish, now: float) -> None:
        """A PUBLISH with anything unusual about it, or the first on its topic."""
        if packet.properties is not None and packet.properties.subscription_identifiers is not None:
            raise ProtocolViolation("a subscription identifier from a client")  # [MQTT-3.3.4-6]
        topic = self._resolve_alias(packet)
        session = self._session
        qos = packet.qos
        if qos:
            if qos == 2 and session.received.is_open(packet.packet_id):
                self._answer_repeated(packet.packet_id)
                return
            self._check_quota()
        self._check_support(packet)
        if self._bucket is not None and not self._bucket.take(1.0, now):
            self._too_fast(now)
            return
        self.judge(packet, topic, now)

    def judge(self, packet: Publish, topic: str, now: float) -> None:
        """May it? Then publish it. Nothing before this needs to be done again where the answer takes its time."""
        session = self._session
        qos = packet.qos
        encoded = topic.encode()
        route = session.tenant.router.route(encoded)
        if route is None:
            self._refuse(packet, reasons.TOPIC_NAME_INVALID, now)
            return
        verdict = self._broker.may_publish(session.identity, topic, qos, packet.retain)
        if verdict == LATER:
            self._link.suspend(_Publishing(self, packet, topic), now)
            return
        if verdict != reasons.SUCCESS:
            self._refuse(packet, verdict, now)
            return
        share = self._share
        if share is not None and not share.draw(session.tenant.throughput_of(session.identity.user), packet, now):
            self._refuse(packet, reasons.QUOTA_EXCEEDED, now)
            return
        if not (packet.retain or route.retired or session.tenant.is_metered) and self._bucket is None:
            self._remembered.remember(encoded, route, qos)
        message = self._message(route, packet.payload, qos, now)
        message.retain = packet.retain
        properties = packet.properties
        if properties is not None:
            limits = session.tenant.limits
            if properties.message_expiry > 0 or (properties.message_expiry == 0 and not limits.expiry_0_is_never):
                message.expires_at = now + properties.message_expiry
            message.properties = copy_for_delivery(properties)
            verdict = judge_properties(limits, properties, packet.payload)
            if verdict != reasons.SUCCESS:
                self._refuse(packet, verdict, now)
                return
        answer = self._broker.publish_on(route, session.tenant, message, now)
        if isinstance(answer, Refusal):
            self._refuse(packet, answer.reason, now)
        elif qos:
            self._answer(answer, qos, packet.packet_id, now, packet.retain)
        else:
            self._published.add(0, packet.retain, 1)

    def release(self, packet_id: int) -> None:
        """PUBREL, always answered [MQTT-4.3.3-11]."""
        session = self._session
        ack = encode_ack(PUBCOMP_HEADER, packet_id)
        if not session.received.release(packet_id, session.is_durable()) and self._is_5:
            ack = b"\x70\x03" + ack[2:] + b"\x92"
        self._acks.send(ack, self._session.noted_so_far())  # or the id's next message would pass for a repeated one

    # Parts of both

    def _answer_repeated(self, packet_id: int) -> None:
        """A QoS 2 PUBLISH again. On another connection than at first, the store may not have it yet [MQTT-4.3.3-10]."""
        self._acks.send(encode_ack(PUBREC_HEADER, packet_id), self._session.noted_so_far())

    def _message(self, route: Route, payload: bytes, qos: int, now: float) -> Message:
        return Message(route.topic, payload, qos, False, self._origin, now, 0.0, None, route.encoded)

    def _publish(self, route: Route, payload: bytes, qos: int, now: float) -> None:
        answer = self._broker.publish_on(route, self._tenant, self._message(route, payload, qos, now), now)
        if isinstance(answer, Refusal):
            self._refuse(Publish(route.topic, payload, qos), answer.reason, now)
        else:
            self._published.add(qos, False, 1)

    def _answer(self, answer: object, qos: int, packet_id: int, now: float, retain: bool = False) -> None:
        """The ack of a QoS 1 or 2 message, once what it promises is safe."""
        if isinstance(answer, Refusal):
            self._refuse(Publish("", b"", qos, packet_id=packet_id), answer.reason, now)
            return
        assert isinstance(answer, Outcome)
        sequence = answer.sequence
        if qos == 2:
            begun = self._session.received.begin(packet_id, self._session.is_durable())
            sequence = max(sequence, begun)
        header = PUBACK_HEADER if qos == 1 else PUBREC_HEADER
        ack = encode_ack(header, packet_id)
        if not answer.matched and self._is_5:
            ack = bytes((header, 3)) + ack[2:] + b"\x10"  # No matching subscribers, §3.4.2.1
        self._acks.send(ack, sequence)
        self._published.answered(qos, retain, 1, sequence, now)

    def _refuse(self, packet: Publish, reason: int, now: float) -> None:
        refuse_publish(self._broker, self._link, self._session, self._acks, packet, reason, now)

    def _resolve_alias(self, packet: Publish) -> str:
        properties = packet.properties
        if properties is None or properties.topic_alias < 0:
            return packet.topic  # which is not empty, or it would not have been decoded
        aliases = self._aliases
        if aliases is None:
            aliases = InboundAliases(self._tenant.limits.topic_alias_maximum)
            self._aliases = aliases
        return aliases.resolve(properties.topic_alias, packet.topic)

    def _check_quota(self) -> None:
        if self._acks.waiting + self._session.received.count() >= self._receive_maximum:
            raise ProtocolViolation("receive maximum exceeded", reasons.RECEIVE_MAXIMUM_EXCEEDED)  # §3.3.4

    def _check_support(self, packet: Publish) -> None:
        limits = self._tenant.limits
        if packet.qos > limits.maximum_qos:
            raise ProtocolViolation(f"QoS {packet.qos} is not supported", reasons.QOS_NOT_SUPPORTED)
        if packet.retain and not limits.retain_available:
            raise ProtocolViolation("retained messages are not supported", reasons.RETAIN_NOT_SUPPORTED)

    def _too_fast(self, now: float) -> None:
        """Above the tenant's rate: MQTT 5 is told, earlier versions know no word for it, and get no ack."""
        self._broker.counters.refuse("publish_rate")
        if self._is_5:
            raise ProtocolViolation("publish rate exceeded", reasons.MESSAGE_RATE_TOO_HIGH)
        (tenant, client_id, user), address = self._session.names(), self._link.address
        self._broker.watcher.refused("PUBLISH", tenant, client_id, address, "publish rate exceeded", now, user)

    def speak_for(self, origin: Origin) -> None:
        """The client has authenticated anew: what its old identity was allowed is asked again."""
        self._origin = origin
        self._remembered.forget()

    def end(self) -> None:
        if self._share is not None:
            self._share.end()


@final
class _Publishing(Step):
    """A PUBLISH whose permission is being asked for elsewhere."""

    def __init__(self, inbound: Inbound, packet: Publish, topic: str) -> None:
        self._inbound = inbound
        self._packet = packet
        self._topic = topic

    def take(self, now: float) -> None:
        self._inbound.judge(self._packet, self._topic, now)
