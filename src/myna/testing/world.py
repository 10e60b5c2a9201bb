"""A broker, its clock, and clients of it whose packets go in and out by hand. Nothing here waits."""

from typing import Any

from myna.core.broker import Broker
from myna.core.connection import Connection
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.output import OutputMemory
from myna.core.ports import Gate, Peer, Store
from myna.core.records import Record
from myna.core.session import Session
from myna.core.tenant import Tenant
from myna.testing.describing import describe
from myna.testing.fakes import (
    TENANT,
    CommitsOnCommand,
    FakeOutlet,
    FakePeers,
    FakeWatcher,
    KeepsNothing,
    OpenGate,
    properties,
)
from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
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
from myna.wire.reader import FrameReader


class World:
    """One broker with fakes around it, and the time."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        store: Store | None = None,
        peers: FakePeers | None = None,
        gate: Gate | None = None,
        memory: OutputMemory | None = None,
    ) -> None:
        self.now = 1000.0
        self.limits: Limits = Limits() if limits is None else limits
        self.store: Store = KeepsNothing() if store is None else store
        self.peers: FakePeers = FakePeers() if peers is None else peers
        self.gate: Gate = OpenGate() if gate is None else gate
        self.watcher = FakeWatcher()
        self.broker = Broker(self.store, self.peers, limits=self.limits, watcher=self.watcher, memory=memory)

    @property
    def tenant(self) -> Tenant:
        return self.broker.tenant(TENANT)

    def pass_time(self, seconds: float) -> None:
        """Move on to then, stopping at every deadline on the way, as the clock at the edge does."""
        until = self.now + seconds
        while 0.0 < self.broker.next_deadline() <= until:
            self.now = max(self.now, self.broker.next_deadline())
            self.broker.tick(self.now)
        self.now = until

    def commit(self, sequence: int | None = None) -> None:
        """The store has it all, or all up to here."""
        self.broker.committed(self.store.sequence if sequence is None else sequence)

    def records(self) -> list[Record]:
        """What the store was given since this was last asked."""
        store = self.store
        assert isinstance(store, CommitsOnCommand)
        taken = store.records
        store.records = []
        return taken

    def stranger(self, level: int = 5, *, gate: Gate | None = None) -> "Client":
        """An open connection on which nothing has been said."""
        return Client(self, "", level, self.gate if gate is None else gate)

    def client(
        self,
        client_id: str,
        level: int = 5,
        *,
        clean: bool = True,
        keep_alive: int = 0,
        user: str | None = None,
        will: Will | None = None,
        expiry: int = 0,
        gate: Gate | None = None,
        **fields: Any,
    ) -> "Client":
        """A client that has sent CONNECT and has yet to read its CONNACK. `fields` are properties of the CONNECT."""
        client = Client(self, client_id, level, self.gate if gate is None else gate)
        if expiry:
            fields["session_expiry"] = expiry
        asked = properties(**fields) if fields else None
        client.send(Connect(level, client_id, clean, keep_alive, user, None, will, asked))
        return client

    def connected(
        self,
        client_id: str,
        level: int = 5,
        *,
        clean: bool = True,
        user: str | None = None,
        will: Will | None = None,
        expiry: int = 0,
        **fields: Any,
    ) -> "Client":
        """A client whose CONNACK has been read and was a yes."""
        client = self.client(client_id, level, clean=clean, user=user, will=will, expiry=expiry, **fields)
        client.expect_connack()
        return client

    def publish(self, topic: str, payload: bytes = b"x", qos: int = 0, *, retain: bool = False) -> object:
        """A message from an API."""
        origin = Origin("api", TENANT)
        return self.broker.publish(self.tenant, Message(topic, payload, qos, retain, origin, self.now), self.now)

    def dropped(self, cause: str) -> int:
        return self.broker.counters.dropped.get(cause, 0)

    def refused(self, cause: str) -> int:
        return self.broker.counters.refused.get(cause, 0)


class Client:
    """An MQTT client with its connection to the broker, in memory."""

    def __init__(self, world: World, client_id: str, level: int, gate: Gate, address: str = "192.0.2.1:4711") -> None:
        self.world = world
        self.client_id = client_id
        self.level = level
        self.outlet = FakeOutlet()
        self.connection = Connection(world.broker, gate, self.outlet, Peer(address), world.now)
        self._reader = FrameReader(0x0FFF_FFFF, level)
        self._waiting: list[Packet] = []
        self._last_id = 0
        self._unsent = 0

    # To the broker

    def send(self, *packets: Packet) -> None:
        """All in one segment."""
        self.send_bytes(b"".join([encode(packet, self.level) for packet in packets]))

    def send_bytes(self, data: bytes) -> None:
        self.connection.feed(data, self.world.now)

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def publish(
        self,
        topic: str,
        payload: bytes = b"",
        qos: int = 0,
        *,
        retain: bool = False,
        dup: bool = False,
        **fields: Any,
    ) -> int:
        """PUBLISH; says its packet id. `fields` are its properties."""
        packet_id = self.next_id() if qos else 0
        self.send(Publish(topic, payload, qos, retain, dup, packet_id, properties(**fields) if fields else None))
        return packet_id

    def subscribe(
        self,
        filter: str,
        qos: int = 0,
        *,
        no_local: bool = False,
        as_published: bool = False,
        handling: int = 0,
        identifier: int = 0,
    ) -> int:
        """SUBSCRIBE; says the code of its SUBACK. Other packets that came first still wait."""
        packet_id = self.next_id()
        request = SubscriptionRequest(filter, qos, no_local, as_published, handling)
        fields = properties(subscription_identifiers=[identifier]) if identifier else None
        self.send(Subscribe(packet_id, [request], fields))
        answer = self._take_answer(packet_id)
        assert isinstance(answer, Suback)
        return answer.codes[0]

    def send_subscribe(self, *filters: str, qos: int = 0) -> None:
        """SUBSCRIBE, without looking for the answer: it may have to wait for the store."""
        requests = [SubscriptionRequest(filter, qos) for filter in filters]
        self.send(Subscribe(self.next_id(), requests))

    def unsubscribe(self, filter: str) -> int:
        packet_id = self.next_id()
        self.send(Unsubscribe(packet_id, [filter]))
        answer = self._take_answer(packet_id)
        assert isinstance(answer, Unsuback)
        return answer.codes[0] if answer.codes else 0

    def acknowledge(self, *messages: Publish) -> None:
        """Everything that is due for these: PUBACK, or PUBREC and PUBCOMP."""
        for message in messages:
            if message.qos == 1:
                self.send(Puback(message.packet_id))
            elif message.qos == 2:
                self.send(Pubrec(message.packet_id))
                self.send(Pubcomp(message.packet_id))
                self._read()
                self._waiting = [
                    packet
                    for packet in self._waiting
                    if not (isinstance(packet, Pubrel) and packet.packet_id == message.packet_id)
                ]

    def disconnect(self, code: int = 0, **fields: Any) -> None:
        """Say goodbye, and go."""
        self.send(Disconnect(code, properties(**fields) if fields else None))
        self.connection.lost(self.world.now)

    def drop(self) -> None:
        """The network is gone."""
        self.connection.lost(self.world.now)

    # From the broker

    def received(self) -> list[Packet]:
        """Every packet that has come since the last time."""
        self._read()
        taken = self._waiting
        self._waiting = []
        return taken

    def received_bytes(self) -> bytes:
        data = self.connection.take()
        self.connection.sent(len(data), self.world.now)
        return data

    def messages(self) -> list[Publish]:
        """The PUBLISH packets that have come; nothing else may have."""
        found: list[Publish] = []
        for packet in self.received():
            assert isinstance(packet, Publish), describe(packet)
            found.append(packet)
        return found

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages()]

    def take(self) -> int:
        """What waits leaves the broker and stays on its way: says how much. The client reads it with `arrive`."""
        data = self.connection.take()
        self._reader.feed(data)
        self._unsent += len(data)
        return len(data)

    def arrive(self) -> None:
        """What was on its way has come through."""
        count, self._unsent = self._unsent, 0
        self.connection.sent(count, self.world.now)

    def expect_connack(self, code: int = 0) -> Connack:
        """The first packet, which must be a CONNACK with this code."""
        self._read()
        assert self._waiting, "nothing has come"
        packet = self._waiting.pop(0)
        assert isinstance(packet, Connack), describe(packet)
        assert packet.code == code, f"CONNACK 0x{packet.code:02x}"
        return packet

    @property
    def session(self) -> Session:
        session = self.connection.session
        assert session is not None, "not connected"
        return session

    def is_closed(self) -> bool:
        return self.outlet.closed

    def is_paused(self) -> bool:
        """Has the broker asked that nothing be read from it?"""
        return self.outlet.paused

    def _read(self) -> None:
        while self.connection.has_pending():
            data = self.connection.take()
            self._reader.feed(data)
            self.connection.sent(len(data), self.world.now)
        while True:
            packet = self._reader.next_packet(self.level)
            if packet is None:
                return
            self._waiting.append(packet)

    def _take_answer(self, packet_id: int) -> Packet:
        self._read()
        for packet in self._waiting:
            if isinstance(packet, Suback | Unsuback) and packet.packet_id == packet_id:
                self._waiting.remove(packet)
                return packet
        raise AssertionError(f"no answer to packet {packet_id}: {[describe(packet) for packet in self._waiting]}")
