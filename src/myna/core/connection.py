"""One connection without its network: bytes and time in, bytes out.

    GREETING --CONNECT--> JUDGED --the gate says yes--> OPEN --DISCONNECT, error, lost--> CLOSED
                             `------ it says no ------------------------------------------^

This is the one place that catches what `wire` raises and turns it into the CONNACK or DISCONNECT that says why. What a
newcomer gets wrong: the session lets go of it once it is CLOSED, while the edge may still be writing the last bytes.
"""

from typing import Final, final

from myna.core import farewell
from myna.core.acks import Acks
from myna.core.authentication import Authentication
from myna.core.broker import Broker
from myna.core.client_acks import answer_pubrec, read_acks
from myna.core.handshake import Opened, Refused, check_connect, keep_out, open_session, origin_of, report_refusal
from myna.core.identity import LATER, Identity
from myna.core.inbound import Inbound
from myna.core.line_deadlines import LineDeadlines
from myna.core.link import BEHIND, UNDECIDED, UNJUDGED, Link, Step
from myna.core.output import Output
from myna.core.ports import LOST, Gate, Outlet, Peer
from myna.core.requests import request_disconnect, request_subscribe, request_unsubscribe
from myna.core.reviewing import review
from myna.core.session import Session
from myna.core.shaping import Shaping, shape
from myna.core.undecided import AskedAgain, ConnectAskedAgain
from myna.wire import reasons
from myna.wire.decode import decode
from myna.wire.errors import ProtocolViolation, WireError
from myna.wire.headers import is_client_packet
from myna.wire.packets import (
    Auth,
    Connect,
    Disconnect,
    Pingreq,
    Puback,
    Pubcomp,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from myna.wire.reader import FrameReader

GREETING: Final = 0
JUDGED: Final = 1
OPEN: Final = 2
CLOSED: Final = 3
CONNECT_TYPE: Final = 1
PINGRESP: Final = b"\xd0\x00"


@final
class Connection(Link):
    def __init__(
        self, broker: Broker, gate: Gate, outlet: Outlet, peer: Peer, now: float, connect_limit: float = 10.0
    ) -> None:
        super().__init__(Output(outlet, broker.memory))
        self.address = peer.address
        self.websocket = peer.websocket
        self.connected_at = now
        self.last_heard = now
        self.state = GREETING
        self.session: Session | None = None
        self._broker = broker
        self._outlet = outlet
        self._peer = peer
        self._reader = FrameReader(broker.packet_size)
        self._connect: Connect | None = None
        self._client_id = ""  # as it names itself, or as it was named
        self._is_held_up = False  # takes too little of what it is sent to be read from
        self._authentication = Authentication(broker, self, gate, peer)
        self._acks: Acks | None = None
        self._inbound: Inbound | None = None
        self._shaping: Shaping | None = None
        self._step: Step | None = None  # what the rules have yet to allow; nothing behind it is read
        self._deadlines = LineDeadlines(broker.deadlines, self)
        self._deadlines.await_connect(now + connect_limit)
        broker.counters.connections_opened += 1
        broker.census.half_open += 1

    # What the edge calls

    def feed(self, data: bytes, now: float) -> None:
        """A chunk has come: read every packet in it."""
        if self.state == CLOSED:
            return
        self.last_heard = now
        self._broker.counters.bytes_received += len(data)
        if self._shaping is not None:
            self._shaping.received(len(data), now)
        try:
            self._reader.feed(data)
            if self.state != JUDGED or self._authentication.is_challenged:
                self._read(now)
        except WireError as error:
            self._fail(error, now)
        if self.state == OPEN and self.output.is_overflowing():
            self._is_held_up = True
            self.rest(BEHIND)

    def has_pending(self) -> bool:
        return self.output.has_pending() and (self._shaping is None or not self._shaping.holds)

    def take(self) -> bytes:
        if self._shaping is not None and self._shaping.holds:
            return b""
        data = self.output.take()
        self._broker.counters.bytes_sent += len(data)
        return data

    def sent(self, count: int, now: float) -> None:
        """The edge has got rid of so many bytes: a client that had fallen behind may have caught up."""
        self.output.sent(count)
        if self._is_held_up:
            self.last_heard = now  # it is not to blame for what we do not read
            if not self.output.is_congested():
                self._is_held_up = False
                self.read_on(BEHIND)
        if self._shaping is not None:
            self._shaping.sent(count, now)
        session = self.session
        if session is not None and session.has_waiting() and not self.output.is_congested():
            session.pump(now)

    def lost(self, now: float) -> None:
        """The stream has ended, whoever ended it."""
        self._close(True, LOST, True, now)
        self.output.abandon()
        self._broker.counters.connections_closed += 1

    # As a link

    def disconnect(self, reason: int, now: float, *, reference: str = "", text: str = "") -> None:
        if self.state == CLOSED:
            return
        if self.state != OPEN:
            self._refuse_connect(reason, text, now)
            return
        self._say(farewell.disconnect(self.level, reason, reference, text, self.maximum_packet_size))
        self._close(True, reason, False, now)
        self._outlet.close()

    def settled(self, sequence: int) -> None:
        acks = self._acks
        if acks is not None:
            acks.settled(sequence)

    def admitted(self, identity: Identity, data: bytes | None, now: float) -> None:
        if self.state == CLOSED:
            return  # the client has gone meanwhile
        if self.state == OPEN:
            self._reauthenticated(identity, data, now)
            return
        connect = self._connect
        assert connect is not None  # the gate is asked about nothing else
        self._client_id = connect.client_id or self.assigned_id or self._broker.new_client_id()
        self.judge_connect(identity.of_client(self._client_id, self._peer.listener), data, now)

    def judge_connect(self, identity: Identity, data: bytes | None, now: float) -> None:
        """It is known who it is. May it connect?"""
        connect = self._connect
        if connect is None:
            identity.turned_away(now)  # the client has gone while others were asked
            return
        verdict = self._broker.may_connect(identity)
        if verdict == LATER:
            self._broker.await_verdict(identity, ConnectAskedAgain(self, identity, data))
            return
        if verdict != reasons.SUCCESS:
            identity.turned_away(now)
            self._refuse_connect(verdict, "", now, identity)
            return
        opened = open_session(self._broker, self, connect, self._client_id, identity, self._peer, data, now)
        if isinstance(opened, Refused):
            self._refuse_connect(opened.reason, opened.text, now, identity)
            return
        self._connect = None
        self._open(opened, now)
        if self.state == CLOSED:
            return  # whoever was told of the new connection has ended it
        self.read_on(UNJUDGED)
        try:
            self._read(now)  # what came behind CONNECT
        except WireError as error:
            self._fail(error, now)

    def suspend(self, step: Step, now: float) -> None:
        session = self.session
        assert session is not None  # nothing is asked for before
        self._step = step
        self._reader.hold()
        self.rest(UNDECIDED)
        self._broker.await_verdict(session.identity, AskedAgain(self))

    def go_on(self, now: float) -> None:
        step = self._step
        if step is None:
            return  # it has ended meanwhile
        self._step = None
        self.last_heard = now  # it is not to blame for what we did not read
        try:
            step.take(now)
            self._read_behind(now)
        except WireError as error:
            self._fail(error, now)

    def give_up_waiting(self, now: float) -> None:
        if self.state in (GREETING, JUDGED):
            self._broker.counters.refuse("connect_timeout")
            self._close(False, reasons.KEEP_ALIVE_TIMEOUT, False, now)
            self._outlet.close()

    # Reading

    def _read(self, now: float) -> None:
        reader = self._reader
        heard: Session | None = None  # has been told something, where PUBLISH is nothing to one's own session
        while reader.next_frame():
            if self.state != OPEN:
                self._read_greeting(reader, now)
                if self.state == CLOSED or (self.state == JUDGED and not self._authentication.is_challenged):
                    return
                continue
            packet_type = reader.header >> 4
            if packet_type == 3:
                inbound = self._inbound
                assert inbound is not None  # it is there while OPEN
                inbound.frame(reader, now)
            else:
                session, inbound, acks = self.session, self._inbound, self._acks
                assert session is not None  # they are there while OPEN
                assert inbound is not None
                assert acks is not None
                heard = session
                if 4 <= packet_type <= 7 and reader.end - reader.body == 2:
                    read_acks(reader, session, inbound, acks, self.level)
                else:
                    self._receive(reader, session, inbound, acks, now)
            if self.state == CLOSED:
                return
        if heard is not None:
            heard.pump(now)

    def _read_behind(self, now: float) -> None:
        """What has come since a step was suspended; unless it has been again, or has ended the connection."""
        if self._step is None and self.state == OPEN:
            self._reader.go_on()
            self.read_on(UNDECIDED)
            self._read(now)

    def _receive(self, reader: FrameReader, session: Session, inbound: Inbound, acks: Acks, now: float) -> None:
        if not is_client_packet(reader.header >> 4):
            raise ProtocolViolation("a packet only a server sends")  # §4.13
        packet = decode(reader.header, reader.buffer, reader.body, reader.end, self.level)
        if isinstance(packet, Puback):
            session.outbound.acknowledged(packet.packet_id)
        elif isinstance(packet, Pubrec):
            answer_pubrec(session, acks, self.level, packet.packet_id, packet.code)
        elif isinstance(packet, Pubrel):
            inbound.release(packet.packet_id)
        elif isinstance(packet, Pubcomp):
            session.outbound.completed(packet.packet_id)
        elif isinstance(packet, Subscribe):
            request_subscribe(self._broker, self, acks, session, packet, now)
        elif isinstance(packet, Unsubscribe):
            request_unsubscribe(self._broker, self, acks, session, packet, now)
        elif isinstance(packet, Pingreq):
            self.output.write(PINGRESP)  # [MQTT-3.12.4-1]
        elif isinstance(packet, Disconnect):
            keep_will = request_disconnect(session, packet)
            self._close(keep_will, packet.code, True, now)
            self._outlet.close()
        elif isinstance(packet, Auth):
            self._authentication.receive(packet, session.key[2], True, now)
        else:
            raise ProtocolViolation("a second CONNECT")  # [MQTT-3.1.0-2]

    def _read_greeting(self, reader: FrameReader, now: float) -> None:
        packet_type = reader.header >> 4
        if self.state == GREETING and packet_type != CONNECT_TYPE:
            self._close(False, reasons.PROTOCOL_ERROR, False, now)  # [MQTT-3.1.0-1], and no DISCONNECT: [MQTT-3.14.0-1]
            self._broker.counters.refuse("first_packet_not_connect")
            self._outlet.close()
            return
        packet = decode(reader.header, reader.buffer, reader.body, reader.end, self.level)
        if isinstance(packet, Connect):
            if self.state == JUDGED:
                raise ProtocolViolation("a second CONNECT")
            self._greet(packet, now)
        elif isinstance(packet, Auth):
            self._authentication.receive(packet, "", False, now)
            self._wait_for_gate()
        elif isinstance(packet, Disconnect):
            self._close(False, packet.code, True, now)
            self._outlet.close()
        else:
            raise ProtocolViolation("only AUTH or DISCONNECT may come before CONNACK")  # [MQTT-3.1.2-30]

    def _greet(self, connect: Connect, now: float) -> None:
        self.level = self._reader.level = connect.level
        self._connect = connect
        refused = check_connect(connect) or keep_out(self._broker, connect, self.address, now)
        if refused is not None:
            self._refuse_connect(refused.reason, refused.text, now)
            return
        self.state = JUDGED
        self._deadlines.await_gate(now)
        self._authentication.ask(connect, now)
        self._wait_for_gate()

    def _wait_for_gate(self) -> None:
        """Where the gate takes its time, nothing more is read: what the client sends meanwhile stays where it is."""
        if self.state == JUDGED and not self._authentication.is_challenged:
            self.rest(UNJUDGED)

    # Opening and closing

    def _open(self, opened: Opened, now: float) -> None:
        session = opened.session
        self.state = OPEN
        self.session = session
        self._acks = Acks(self._broker, self.output, session)
        self._inbound = Inbound(self._broker, self, session, self._acks, opened.origin, now)
        self._reader.maximum_packet_size = session.tenant.limits.packet_size or self._reader.maximum_packet_size
        tenant = session.tenant
        self._shaping = shape(self, self._broker.deadlines, self._broker.quotas, tenant, now)
        self._broker.counters.connects_accepted += 1
        self._broker.census.half_open -= 1
        tenant.connected()
        self._deadlines.keep_alive(opened.keep_alive, now)
        self._deadlines.credentials_expire(opened.identity.expires_at, self._authentication)
        session.attach(self, now)
        self._broker.watcher.connected(session, self.address, now)

    def _reauthenticated(self, identity: Identity, data: bytes | None, now: float) -> None:
        session, inbound = self.session, self._inbound
        assert session is not None  # they are there while OPEN
        assert inbound is not None
        if (identity.tenant, identity.scope, identity.user) != (session.key[0], session.key[1], session.identity.user):
            self._authentication.dismiss(reasons.NOT_AUTHORIZED, "re-authentication as somebody else", now)
            return
        session.identity = identity.of_client(session.key[2], self._peer.listener)
        inbound.speak_for(origin_of(session, self.address))
        review(self._broker, session, now)
        self._deadlines.credentials_expire(identity.expires_at, self._authentication)
        self.output.write(self._authentication.answer(reasons.SUCCESS, data))

    def _refuse_connect(self, reason: int, text: str, now: float, identity: Identity | None = None) -> None:
        """CONNACK with the reason, in the client's version; then the end [MQTT-3.2.2-7]."""
        report_refusal(self._broker, self._connect, identity, self.address, reason, text, now)
        self._say(farewell.refusal(self._connect, reason, text, self.maximum_packet_size, self.words))
        self._close(False, reason, False, now)
        self._outlet.close()

    def _fail(self, error: WireError, now: float) -> None:
        """The one place where a broken rule becomes an answer [MQTT-4.13.1-1]."""
        if self.state == CLOSED:
            return
        self._broker.counters.refuse(f"protocol:{reasons.reason_name(error.reason)}")
        session = self.session
        tenant, client_id, user = ("", "", "") if session is None else session.names()
        self._broker.watcher.refused("a packet", tenant, client_id, self.address, error.message, now, user)
        if self.state == OPEN:
            self.disconnect(error.reason, now, text=error.message)
            return
        if self.state == GREETING:
            self._say(farewell.refusal_of_broken(error))
        self._close(False, error.reason, False, now)
        self._outlet.close()

    def _say(self, last_words: bytes) -> None:
        if last_words:
            self.output.write(last_words)

    def _close(self, keep_will: bool, reason: int, by_client: bool, now: float) -> None:
        """Let go of everything but the bytes still to be written."""
        if self.state == CLOSED:
            return
        if self.state != OPEN:
            self._broker.census.half_open -= 1
        self.state = CLOSED
        self._connect = self._step = None
        self._authentication.forget()
        self._deadlines.cancel()
        if self._inbound is not None:
            self._inbound.end()
        if self._acks is not None:
            self._acks.close()
        if self._shaping is not None:
            self._shaping.stop()
            self._shaping = None
        session = self.session
        if session is not None:
            self.session = None
            session.tenant.disconnected()
            self._broker.watcher.disconnected(session, reason, by_client, now)
            session.detach(keep_will, reasons.SUCCESS if reason == LOST else reason, now)
