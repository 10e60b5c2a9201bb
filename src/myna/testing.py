"""What is needed to test against the broker without a network: clients in memory, a fake for every port of the core.

    world = World()
    alice, bob = world.client("alice"), world.client("bob", level=4)
    bob.subscribe("room/+", 1)
    alice.publish("room/1", b"hello", 1)
    assert_received(bob, Publish("room/1", b"hello", 1, packet_id=1))

Nothing here waits: `world.now` is the time, and only `world.pass_time` moves it. What a newcomer gets wrong: a client
reads what was sent to it when it is asked (`received`, `messages`), so one that is not asked is a slow reader.
"""

from typing import Any

from myna.core.broker import Broker
from myna.core.connection import Connection
from myna.core.identity import Identity, Rules
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.output import OutputMemory
from myna.core.ports import GRANT, PASS, Gate, Outlet, Peer, Peers, Store, Tap, Ticket, TopicGuard, Watcher
from myna.core.receiver import TAKEN, Receiver, SessionKey, Subscription
from myna.core.records import Record
from myna.core.session import Session
from myna.core.tenant import Tenant
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.packets import (
    Auth,
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
from myna.wire.properties import TABLE, Properties
from myna.wire.reader import FrameReader

TENANT = "tenant"
FOREVER = 0xFFFFFFFF


def properties(**fields: Any) -> Properties:
    """`properties(message_expiry=5)`: properties with these set."""
    made = Properties()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


# Fakes, one per port


class FakeOutlet(Outlet):
    """Remembers what was asked of it, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = 0
        self.closed = False
        self.paused = False

    def wake(self) -> None:
        self.wakes += 1

    def close(self) -> None:
        self.closed = True

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class KeepsNothing(Store):
    """A store that is not durable and must not be given records."""

    def append(self, record: Record) -> int:
        raise AssertionError(f"{record!r} for a store that keeps nothing")


class CommitsOnCommand(Store):
    """A durable store in memory. What it was given is safe once a test says so: `world.commit()`."""

    def __init__(self) -> None:
        super().__init__()
        self.durable = True
        self.records: list[Record] = []

    def append(self, record: Record) -> int:
        self.records.append(record)
        self.sequence += 1
        return self.sequence


class FakePeers(Peers):
    """Other nodes: they want every message whose topic is in `wanted`."""

    def __init__(self, alone: bool = True) -> None:
        super().__init__()
        self.alone = alone
        self.wanted: set[str] = set()
        self.forwarded: list[Message] = []
        self.announced: list[tuple[str, str, bool]] = []
        self.claimed: list[SessionKey] = []

    def forward(self, tenant: str, message: Message) -> bool:
        self.forwarded.append(message)
        return message.topic in self.wanted

    def announce(self, tenant: str, filter: str, wanted: bool) -> None:
        self.announced.append((tenant, filter, wanted))

    def claim(self, tenant: str, scope: str, client_id: str) -> None:
        self.claimed.append((tenant, scope, client_id))


class FakeTap(Tap):
    """Sees every message; takes those whose topic is in `wanted`."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: set[str] = set()
        self.offers: list[Message] = []

    def offered(self, tenant: str, message: Message, now: float) -> bool:
        self.offers.append(message)
        return message.topic in self.wanted


class FakeGuard(TopicGuard):
    """Answers what a test says; remembers what it was asked."""

    def __init__(self, first_level: str) -> None:
        super().__init__(first_level)
        self.publish_verdict = PASS
        self.subscribe_verdict = GRANT
        self.rewrite: str | None = None
        self.barred: set[str] = set()  # client ids nothing is delivered to
        self.published: list[Message] = []
        self.subscribed: list[str] = []
        self.gone: list[str] = []

    def publishing(self, message: Message, now: float) -> int:
        self.published.append(message)
        return self.publish_verdict

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        self.subscribed.append(subscription.text)
        if self.rewrite is not None:
            subscription.filter = self.rewrite
        return self.subscribe_verdict

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return receiver.key[2] not in self.barred

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self.gone.append(subscription.text)


class FakeWatcher(Watcher):
    """Everything it was told, as lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        self.lines.append(f"{receiver.key[2]} connected")

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        self.lines.append(f"{receiver.key[2]} {'left' if by_client else 'cut off'} 0x{reason:02x}")

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        self.lines.append(f"{receiver.key[2]} ended 0x{reason:02x}")

    def refused(self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float) -> None:
        self.lines.append(f"{client_id or 'somebody'} refused {what}: {cause}")


class OpenGate(Gate):
    """Lets everybody in as the user they say they are."""

    def __init__(self, tenant: str = TENANT, *, client_ids_per_user: bool = False) -> None:
        super().__init__()
        self.tenant = tenant
        self.client_ids_per_user = client_ids_per_user
        self.rules: Rules | None = None
        self.groups: list[str] = []
        self.lasts_until = 0.0

    def identity(self, user: str | None) -> Identity:
        return Identity(
            self.tenant,
            user or "user",
            client_ids_per_user=self.client_ids_per_user,
            rules=self.rules,
            groups=self.groups,
            expires_at=self.lasts_until,
        )

    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.admit(self.identity(ticket.user_name), now)


class SlowGate(Gate):
    """Answers when the test does, by the tickets it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Ticket] = []
        self.answers: list[bytes | None] = []

    def admit(self, ticket: Ticket, now: float) -> None:
        self.asked.append(ticket)

    def answered(self, ticket: Ticket, now: float) -> None:
        self.answers.append(ticket.data)


class ClosedGate(Gate):
    """Lets nobody in."""

    def __init__(self, reason: int = reasons.NOT_AUTHORIZED, text: str = "") -> None:
        super().__init__()
        self.reason = reason
        self.text = text

    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.refuse(self.reason, now, self.text)


class FakeRules(Rules):
    """Forbids the topics and filters it lists; counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: dict[str, int] = {}
        self.judged = 0

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        self.judged += 1
        return self.forbidden.get(topic, reasons.SUCCESS)

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        self.judged += 1
        return self.forbidden.get(filter, reasons.SUCCESS)


class FakeReceiver(Receiver):
    """Something that is no MQTT client and takes messages all the same."""

    def __init__(self, name: str = "service", tenant: str = TENANT) -> None:
        super().__init__((tenant, "", name), Identity(tenant, name, dialect="fake"))
        self.messages: list[Message] = []
        self.verdict = TAKEN
        self.online = True
        self.ready = True
        self.persistent = False
        self.ended: list[tuple[int, bool]] = []

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        self.messages.append(message)
        return self.verdict

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        self.ended.append((reason, discard))

    def is_online(self) -> bool:
        return self.online

    def is_ready(self) -> bool:
        return self.ready

    def is_persistent(self) -> bool:
        return self.persistent


# A broker, and clients of it


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

    def __init__(self, world: World, client_id: str, level: int, gate: Gate) -> None:
        self.world = world
        self.client_id = client_id
        self.level = level
        self.outlet = FakeOutlet()
        self.connection = Connection(world.broker, gate, self.outlet, Peer("192.0.2.1:4711"), world.now)
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


# Assertions


def describe(packet: Packet) -> str:
    """A packet in one line, its properties included, for messages of failed tests."""
    names = ("session_present", "code", "topic", "payload", "qos", "retain", "dup", "packet_id", "codes")
    parts = [f"{name}={getattr(packet, name)!r}" for name in names if hasattr(packet, name)]
    held: Properties | None = getattr(packet, "properties", None)
    if held is not None:
        for name, *_ in TABLE.values():
            value = getattr(held, name)
            if value not in (-1, None):
                parts.append(f"{name}={value!r}")
    return f"{type(packet).__name__}({', '.join(parts)})"


def assert_received(client: Client, *expected: Packet) -> None:
    """These packets have come since the last time, in this order, and no others."""
    got = client.received()
    same = [encode(packet, client.level) for packet in got] == [encode(packet, client.level) for packet in expected]
    assert same, f"got {[describe(packet) for packet in got]}, expected {[describe(packet) for packet in expected]}"


def assert_closed(client: Client, reason: int | None = None) -> None:
    """The broker has ended the connection. MQTT 5 was told this reason, last of all; None for not being told any."""
    assert client.is_closed(), "the connection is open"
    packets = client.received()
    if reason is None or client.level < 5:
        said = [describe(packet) for packet in packets if isinstance(packet, Disconnect | Connack | Auth)]
        assert not said, f"told {said}"
        return
    assert packets, "nothing was said"
    last = packets[-1]
    assert isinstance(last, Disconnect), describe(last)
    assert last.code == reason, describe(last)
