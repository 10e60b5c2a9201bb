import socket

import pytest

from myna.commands.load.channel import CannotReach, Channel
from myna.commands.load.stream import Shape, Stream
from myna.commands.load.subscriber import Subscriber, run_length
from myna.commands.load.tally import ManyStreams, OneStream, Tally
from myna.wire.encode import encode
from myna.wire.packets import Disconnect, Publish, Pubrel
from tests.commands.load.wire_pair import channel_and_peer, wait_readable

CYCLE = 16


def stream(qos: int, index: int = 0, level: int = 4) -> Stream:
    topic = f"t/{index}"
    return Stream(Shape(topic, 10, qos, level), topic, index, CYCLE)


def arrived(subscriber: Subscriber, peer: socket.socket, data: bytes) -> None:
    peer.sendall(data)
    wait_readable(subscriber.channel)
    subscriber.readable()


def made(channel: Channel, tally: Tally) -> Subscriber:
    return Subscriber(channel, tally, [])


@pytest.mark.parametrize("cut", range(1, 60, 7))
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_chunks_may_be_cut_anywhere(qos: int, cut: int) -> None:
    source = stream(qos)
    with channel_and_peer() as (channel, peer):
        subscriber = made(channel, OneStream(source))
        data = bytes(source.slice(0, CYCLE))
        arrived(subscriber, peer, data[:cut])
        arrived(subscriber, peer, data[cut:])
        assert (subscriber.tally.received, subscriber.tally.lost) == (CYCLE, 0)


def test_all_messages_of_a_chunk_are_acknowledged_in_one_piece() -> None:
    source = stream(1)
    with channel_and_peer() as (channel, peer):
        arrived(made(channel, OneStream(source)), peer, bytes(source.slice(0, 3)))
        assert peer.recv(100) == b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"


def test_publish_and_pubrel_may_be_mixed() -> None:
    source = stream(2)
    one, two = bytes(source.slice(0, 1)), bytes(source.slice(1, 2))
    with channel_and_peer() as (channel, peer):
        subscriber = made(channel, OneStream(source))
        arrived(subscriber, peer, one + encode(Pubrel(9), 4) + two + encode(Pubrel(1), 4) + encode(Pubrel(2), 4))
        assert peer.recv(100).hex(" ", 4) == "50020001 70020009 50020002 50020003 70020001 70020002"
        assert subscriber.tally.received == 3


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_loss_is_found_and_the_rest_still_counted(qos: int) -> None:
    source = stream(qos)
    with channel_and_peer() as (channel, peer):
        subscriber = made(channel, OneStream(source))
        arrived(subscriber, peer, bytes(source.slice(0, 3))[:-5])
        arrived(subscriber, peer, bytes(source.slice(0, 3))[-5:] + bytes(source.slice(5, 2)))
        arrived(subscriber, peer, bytes(source.slice(7, 1)))
        tally = subscriber.tally
        assert (tally.received, tally.lost, tally.misplaced, tally.reached) == (6, 2, 0, [8])
        if qos:
            acks = b""
            while len(acks) < 24:
                acks += peer.recv(100)
            assert acks[3::4] == bytes((1, 2, 3, 6, 7, 8))


def test_packets_of_another_form_are_parsed() -> None:
    source = stream(0, level=5)
    with channel_and_peer(5) as (channel, peer):
        subscriber = made(channel, OneStream(source))
        payload = bytes(source.slice(0, 1))[-10:]
        arrived(subscriber, peer, encode(Publish("t/0", payload, retain=True), 5))
        assert subscriber.tally.received == 1


def test_many_publishers_are_told_by_whose_messages_moved() -> None:
    first, second = stream(1, 0), stream(1, 1)
    with channel_and_peer() as (channel, peer):
        subscriber = made(channel, ManyStreams(first.shape, CYCLE, 2))
        arrived(subscriber, peer, bytes(first.slice(0, 2)) + bytes(second.slice(0, 1)) + bytes(first.slice(2, 1)))
        assert subscriber.tally.reached == [3, 1]
        assert len(peer.recv(100)) == 16


def test_a_disconnect_is_quoted() -> None:
    with channel_and_peer(5) as (channel, peer):
        subscriber = made(channel, OneStream(stream(1, level=5)))
        with pytest.raises(CannotReach, match="session taken over"):
            arrived(subscriber, peer, encode(Disconnect(0x8E), 5))


@pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 200, 5000])
@pytest.mark.parametrize("behind", [b"", b"x", b"BBB", b"BBBBB"])
def test_a_run_ends_where_another_packet_begins(count: int, behind: bytes) -> None:
    assert run_length(b"A123" * count + behind, 0, 4) == (count if count else int(len(behind) >= 4))
