"""Whatever a client says, its connection answers or ends; nothing is raised past it and nobody else notices."""

import random

from myna.core.broker import Broker
from myna.core.connection import CLOSED, Connection
from myna.core.ports import Peer
from myna.testing import FakeOutlet, FakePeers, KeepsNothing, OpenGate
from myna.wire.encode import encode
from myna.wire.packets import Connect, Publish, Subscribe, SubscriptionRequest
from myna.wire.reader import FrameReader
from tests.fuzz.mutate import SEED, inputs, pieces

NOW = 1_000_000.0


class Bystander:
    """A client that minds its own business, and must be able to."""

    def __init__(self, broker: Broker) -> None:
        self._connection = Connection(broker, OpenGate("quiet"), FakeOutlet(), Peer(), NOW)
        self._say(Connect(4, "bystander", True, 0), Subscribe(1, [SubscriptionRequest("own/topic", 1)]))
        self.read()

    def is_served(self) -> bool:
        self._say(Publish("own/topic", b"still there", 0))
        return b"still there" in self.read()

    def read(self) -> bytes:
        data = self._connection.take() if self._connection.has_pending() else b""
        self._connection.sent(len(data), NOW)
        return data

    def _say(self, *packets: Connect | Subscribe | Publish) -> None:
        self._connection.feed(b"".join(encode(packet, 4) for packet in packets), NOW)


def converse(broker: Broker, data: bytes, chance: random.Random) -> None:
    """One client's whole life."""
    connection = Connection(broker, OpenGate(), FakeOutlet(), Peer(), NOW)
    reader = FrameReader(1 << 28, 5)
    now = NOW
    for piece in pieces(chance, data):
        connection.feed(piece, now)
        if connection.has_pending():
            written = connection.take()
            connection.sent(chance.randrange(len(written) + 1), now)
            reader.feed(written)
        now += chance.choice((0.0, 0.0, 0.5))
    broker.tick(now)
    if chance.random() < 0.5:
        broker.tick(now + 100.0)
    connection.lost(now)
    assert connection.state == CLOSED


def test_no_conversation_raises_or_disturbs_another() -> None:
    broker = Broker(KeepsNothing(), FakePeers())
    bystander = Bystander(broker)
    for count, (data, chance) in enumerate(inputs("conversations")):
        try:
            converse(broker, data, chance)
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {data.hex()}") from error
        if count % 100 == 0:
            assert bystander.is_served(), f"seed {SEED}: {data.hex()}"
            broker.tick(NOW + 10_000.0 * count)  # sessions that outlive their connection end
