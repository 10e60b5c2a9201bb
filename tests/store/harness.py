"""A broker with a store and clients, all without sockets: what goes out is read back as packets.

`Machine` is a broker that can be ended and started again on the same folder, as after a crash: what had not been
committed by then is gone.
"""

import time
from collections.abc import Callable
from pathlib import Path

from myna.core.broker import Broker
from myna.core.connection import Connection
from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.ports import Gate, Outlet, Peer, Peers, Store, Ticket
from myna.store.embedded import EmbeddedStore
from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Will,
)
from myna.wire.properties import Properties
from myna.wire.reader import FrameReader


class Alone(Peers):
    def forward(self, tenant: str, message: object) -> bool:
        return False

    def announce(self, tenant: str, filter: str, wanted: bool) -> None:
        return

    def claim(self, tenant: str, scope: str, client_id: str) -> None:
        return


class OpenGate(Gate):
    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.admit(Identity("t", ticket.user_name or "u"), now)


class Wire(Outlet):
    def __init__(self) -> None:
        self.closed = False
        self.paused = False

    def wake(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Client:
    """One MQTT client on one connection."""

    def __init__(self, machine: "Machine", name: str, level: int = 5) -> None:
        self.machine = machine
        self.level = level
        self.name = name
        self.wire = Wire()
        self.connection = Connection(machine.broker, OpenGate(), self.wire, Peer("127.0.0.1:1"), machine.now)
        self._reader = FrameReader(1 << 24, level)

    def connect(
        self, *, clean: bool = False, expiry: int = 3600, will: Will | None = None, receive_maximum: int = 0
    ) -> Connack:
        properties = None
        if self.level == 5:
            properties = Properties()
            properties.session_expiry = expiry
            if receive_maximum:
                properties.receive_maximum = receive_maximum
        self.send(Connect(self.level, self.name, clean, 60, will=will, properties=properties))
        self.unread: list[Packet] = []
        packets = self.receive()
        assert isinstance(packets[0], Connack)
        self.unread = packets[1:]
        return packets[0]

    def send(self, *packets: Packet) -> None:
        self.connection.feed(b"".join([encode(packet, self.level) for packet in packets]), self.machine.now)

    def receive(self) -> list[Packet]:
        """What has come since; acks that wait for the store come only after a commit."""
        found = getattr(self, "unread", [])
        self.unread = []
        while self.connection.has_pending():
            data = self.connection.take()
            self._reader.feed(data)
            self.connection.sent(len(data), self.machine.now)
        while (packet := self._reader.next_packet(self.level)) is not None:
            found.append(packet)
        return found

    def start_subscribing(self, filter: str, qos: int = 1) -> None:
        self.send(Subscribe(1, [SubscriptionRequest(filter, qos)]))

    def subscribe(self, filter: str, qos: int = 1) -> None:
        self.start_subscribing(filter, qos)
        self.machine.commit()
        assert any(isinstance(packet, Suback) for packet in self.receive())

    def publish(self, topic: str, payload: bytes, qos: int = 1, packet_id: int = 1, **more: object) -> None:
        self.send(Publish(topic, payload, qos, packet_id=packet_id, **more))  # type: ignore[arg-type]

    def messages(self) -> list[bytes]:
        """Payloads that have come, each acknowledged."""
        found = []
        while packets := self.receive():
            for packet in packets:
                if isinstance(packet, Publish):
                    found.append(packet.payload)
                    if packet.qos == 1:
                        self.send(Puback(packet.packet_id))
                    elif packet.qos == 2:
                        self.send(Pubrec(packet.packet_id))
                elif isinstance(packet, Pubrel):
                    self.send(Pubcomp(packet.packet_id))
            self.machine.commit()
        return found

    def lose(self) -> None:
        self.connection.lost(self.machine.now)


class Machine:
    def __init__(
        self,
        folder: Path,
        *,
        limits: Limits | None = None,
        now: float = 1000.0,
        sync: str = "off",
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.clock = clock
        self.sync = sync
        self.limits = limits
        self.now = now
        self.start()

    def start(self) -> None:
        store = EmbeddedStore(self.folder, sync=self.sync, clock=self.clock)
        store.open()
        self.store: Store = store
        self.engine = store
        self.broker = Broker(store, Alone(), limits=self.limits)
        store.restore(self.broker, self.now)

    def commit(self) -> None:
        self.engine.commit()

    def tick(self) -> None:
        self.broker.tick(self.now)

    def crash(self) -> None:
        """End without another word, and start again."""
        self.engine.abandon()
        self.start()

    def client(self, name: str, level: int = 5) -> Client:
        return Client(self, name, level)
