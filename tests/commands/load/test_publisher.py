import socket

import pytest

from myna.commands.load.channel import CannotReach, Channel
from myna.commands.load.publisher import Answers, Publisher
from myna.commands.load.stream import Shape, Stream
from myna.commands.load.tally import OneStream
from myna.wire.encode import encode
from myna.wire.packets import Disconnect, Packet, Puback, Pubcomp, Pubrec, Pubrel
from tests.commands.load.wire_pair import channel_and_peer, wait_readable

CYCLE = 8


def publisher(channel: Channel, qos: int, window: int = 3) -> Publisher:
    stream = Stream(Shape("t", 10, qos, channel.level), "t", 0, CYCLE)
    made = Publisher(channel, stream, window, Answers(CYCLE))
    made.heard_by = [OneStream(stream)]
    return made


def answered(made: Publisher, peer: socket.socket, *packets: Packet) -> None:
    peer.sendall(b"".join(encode(packet, made.channel.level) for packet in packets))
    wait_readable(made.channel)
    made.readable()


def test_no_more_than_the_window_is_under_way() -> None:
    with channel_and_peer() as (channel, peer):
        made = publisher(channel, 0)
        made.pump()
        made.pump()
        assert made.sent == 3
        made.heard_by[0].reached[0] = 2
        made.pump()
        assert made.sent == 5
        assert peer.recv(1000) == made.stream.packets[: 5 * made.stream.size]
        assert len(made.delays) == 1


def test_the_slowest_subscriber_counts() -> None:
    with channel_and_peer() as (channel, _peer):
        made = publisher(channel, 0)
        made.heard_by.append(OneStream(made.stream))
        made.heard_by[0].reached[0] = 2
        assert made.delivered == 0


def test_at_qos_1_acknowledgements_make_room() -> None:
    with channel_and_peer() as (channel, peer):
        made = publisher(channel, 1)
        made.pump()
        made.heard_by[0].reached[0] = 3
        made.pump()
        assert made.sent == 3
        answered(made, peer, Puback(1), Puback(2))
        made.pump()
        assert (made.settled, made.sent) == (2, 5)


def test_at_qos_2_pubrec_is_answered_with_pubrel() -> None:
    with channel_and_peer() as (channel, peer):
        made = publisher(channel, 2)
        made.pump()
        peer.recv(1000)
        answered(made, peer, Pubrec(1), Pubrec(2))
        assert peer.recv(1000) == encode(Pubrel(1), 4) + encode(Pubrel(2), 4)
        answered(made, peer, Pubcomp(1), Pubrec(3), Pubcomp(2))
        assert (made.recorded, made.settled) == (3, 2)
        assert peer.recv(1000) == encode(Pubrel(3), 4)


def test_half_an_acknowledgement_waits_for_its_end() -> None:
    with channel_and_peer() as (channel, peer):
        made = publisher(channel, 1)
        made.pump()
        for part in (b"\x40\x02\x00", b"\x01\x40", b"\x02\x00\x02"):
            peer.sendall(part)
            wait_readable(channel)
            made.readable()
        assert made.settled == 2


def test_acknowledgements_with_reasons_or_in_disorder_are_parsed() -> None:
    with channel_and_peer(5) as (channel, peer):
        made = publisher(channel, 1)
        made.pump()
        answered(made, peer, Puback(2, 0x10), Puback(1))
        answered(made, peer, Puback(3, 0x97))
        assert (made.settled, made.refused) == (3, 1)


def test_a_refusing_pubrec_settles_a_message() -> None:
    with channel_and_peer(5) as (channel, peer):
        made = publisher(channel, 2)
        made.pump()
        peer.recv(1000)
        answered(made, peer, Pubrec(1, 0x87), Pubrec(2), Pubcomp(2))
        assert (made.settled, made.recorded, made.refused) == (2, 1, 1)
        assert peer.recv(1000) == encode(Pubrel(2), 5)


def test_a_disconnect_is_quoted() -> None:
    with channel_and_peer(5) as (channel, peer):
        made = publisher(channel, 1)
        made.pump()
        with pytest.raises(CannotReach, match="quota exceeded"):
            answered(made, peer, Disconnect(0x97))
