import pytest

from myna.core.line_deadlines import LineDeadlines
from myna.testing import OpenGate, World, assert_closed
from myna.wire.packets import Pingreq, Will


def test_a_connection_that_says_nothing_is_ended() -> None:
    world = World()  # §3.1.4
    silent, half = world.stranger(), world.stranger()
    half.send_bytes(b"\x10\x0e\x00\x04MQ")
    world.pass_time(9.9)
    assert not silent.is_closed()
    world.pass_time(0.2)
    assert_closed(silent)
    assert_closed(half)
    assert world.refused("connect_timeout") == 2


def test_one_that_has_said_connect_may_be_silent() -> None:
    world = World()
    client = world.connected("c")
    world.pass_time(1e6)
    assert not client.is_closed()


@pytest.mark.parametrize("level", [3, 4, 5])
def test_keep_alive_ends_a_silent_client_after_one_and_a_half_times_its_interval(level: int) -> None:
    world = World()  # [MQTT-3.1.2-22]; 311: [MQTT-3.1.2-24]
    client = world.client("c", level, keep_alive=10)
    client.expect_connack()
    world.pass_time(14.9)
    assert not client.is_closed()
    world.pass_time(0.2)
    assert_closed(client, 0x8D)


def test_any_packet_from_the_client_counts_and_nothing_sent_to_it_does() -> None:
    world = World()
    watcher = world.connected("watcher")
    watcher.subscribe("will")
    client = world.client("c", keep_alive=10, will=Will("will", b"gone", 0, False))
    client.expect_connack()
    client.subscribe("a")
    for _ in range(5):
        world.pass_time(14)
        client.send(Pingreq())
    for _ in range(14):
        world.pass_time(1)
        world.publish("a", b"x")
    assert not client.is_closed()
    world.pass_time(1.1)
    client.received()
    assert client.is_closed()
    client.drop()
    assert watcher.payloads() == [b"gone"]


def test_keep_alive_zero_is_off() -> None:
    world = World()
    client = world.client("c", keep_alive=0)
    world.pass_time(1e9)
    assert not client.is_closed()


def test_credentials_that_expire_end_the_connection() -> None:
    world = World()
    gate = OpenGate()
    gate.lasts_until = world.now + 60
    client = world.client("c", gate=gate)
    client.expect_connack()
    world.pass_time(59)
    assert not client.is_closed()
    world.pass_time(2)
    assert_closed(client, 0x87)
    assert world.refused("credentials:not authorized") == 1


def test_keep_alive_needs_no_connect_deadline_before_it() -> None:
    world = World()
    client = world.connected("c")
    LineDeadlines(world.broker.deadlines, client.connection).keep_alive(10, world.now)
    assert world.broker.next_deadline() == world.now + 15


def test_who_was_heard_in_time_is_not_given_up() -> None:
    world = World()
    client = world.connected("c")
    client.connection.give_up_waiting(world.now)
    assert not client.is_closed()


def test_a_connection_that_ended_leaves_no_deadline_behind() -> None:
    world = World()
    gate = OpenGate()
    gate.lasts_until = world.now + 60
    for client in (world.client("c", keep_alive=10, gate=gate), world.stranger()):
        client.drop()
    assert world.broker.next_deadline() == 0.0
