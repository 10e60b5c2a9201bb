"""What a client got, said in packets."""

from myna.testing.describing import describe
from myna.testing.world import Client
from myna.wire.encode import encode
from myna.wire.packets import (
    Auth,
    Connack,
    Disconnect,
    Packet,
)


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
