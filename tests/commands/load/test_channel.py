import select
import socket

import pytest

from myna.commands.load.channel import CannotReach, Channel, Refused, Target
from myna.wire.packets import Connack, Connect, Packet, Puback, Suback, Subscribe
from myna.wire.properties import Properties
from tests.client.fake_broker import FakeBroker, Peer
from tests.commands.load.wire_pair import channel_and_peer


def test_what_the_kernel_does_not_take_is_kept() -> None:
    with channel_and_peer() as (channel, peer):
        data = bytes(16 << 20)
        channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # and it takes no more than that
        channel.send(data)
        assert channel.blocked
        channel.send(b"last")
        got = bytearray()
        while len(got) < len(data) + 4:
            got += peer.recv(1 << 20)
            channel.flush()
        assert got == data + b"last"


def test_a_closed_connection_is_said() -> None:
    with channel_and_peer() as (channel, peer):
        assert channel.receive() == b""
        peer.close()
        select.select([channel.socket], [], [], 60)
        with pytest.raises(CannotReach, match="tester lost: the broker closed it"):
            channel.receive()


def test_nobody_there_is_said_with_a_hint() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(CannotReach, match=r"connection refused.*myna serve"):
            Channel(Target("127.0.0.1", unused.getsockname()[1]), "tester")


def test_the_brokers_limit_is_known() -> None:
    offer = Properties()
    offer.receive_maximum = 7

    def answer(packet: Packet, _peer: Peer) -> list[Packet] | None:
        return [Connack(False, 0, offer)] if isinstance(packet, Connect) else None

    with FakeBroker(answer) as broker:
        channel = Channel(Target("127.0.0.1", broker.port, 5), "tester")
        channel.close()
        assert channel.receive_maximum == 7


@pytest.mark.parametrize(
    ("kind", "answer", "error", "text"),
    [
        (Connect, Connack(False, 5), Refused, "not authorized"),
        (Connect, Puback(1), CannotReach, "Puback came where Connack was due"),
        (Subscribe, Suback(1, [0x80]), Refused, "SUBSCRIBE to a at QoS 1"),
        (Subscribe, Suback(1, [0]), Refused, "SUBSCRIBE to a at QoS 1"),
    ],
)
def test_a_broker_that_says_no_is_quoted(kind: type[Packet], answer: Packet, error: type[Exception], text: str) -> None:
    def subscribe(port: int) -> None:
        channel = Channel(Target("127.0.0.1", port), "tester")
        with channel.socket:
            channel.subscribe("a", 1)

    broker = FakeBroker(lambda packet, _peer: [answer] if isinstance(packet, kind) else None)
    with broker, pytest.raises(error, match=text):
        subscribe(broker.port)
