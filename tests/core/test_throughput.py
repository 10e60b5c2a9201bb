"""What a tenant's publishers share: MQTT 5 is told, others are not read from."""

from myna.core.limits import Limits
from myna.core.throughput import Throughput
from myna.testing import World
from myna.wire.packets import Puback
from myna.wire.reasons import QUOTA_EXCEEDED


def world(messages: float = 0, size: int = 0) -> World:
    limits = Limits()
    limits.tenant_publishes_per_second = messages
    limits.tenant_bytes_per_second = size
    return World(limits=limits)


def test_without_bounds_there_is_nothing_to_share() -> None:
    assert World().tenant.throughput is None


def test_mqtt_5_is_told_to_come_back_at_qos_1() -> None:
    two = world(messages=2)
    client = two.connected("c")
    for _ in range(3):
        client.publish("a", b"x", 1)
    codes = [packet.code for packet in client.received() if isinstance(packet, Puback)]
    assert codes == [16, 16, QUOTA_EXCEEDED]
    two.pass_time(0.5)
    client.publish("a", b"x", 1)
    assert [packet.code for packet in client.received() if isinstance(packet, Puback)] == [16]


def test_publishers_draw_on_the_same_share() -> None:
    two = world(messages=2)
    one, other = two.connected("one"), two.connected("other")
    one.publish("a", b"x", 1)
    one.publish("a", b"x", 1)
    one.received()
    other.publish("a", b"x", 1)
    assert [packet.code for packet in other.received() if isinstance(packet, Puback)] == [QUOTA_EXCEEDED]


def test_what_cannot_be_refused_is_delivered_and_then_there_is_silence() -> None:
    two = world(messages=2)
    reader = two.connected("reader")
    reader.subscribe("a", 1)
    old = two.connected("old", 4)
    for _ in range(4):
        old.publish("a", b"x", 1)
    assert len(reader.messages()) == 4
    assert len(old.received()) == 4  # all acknowledged
    assert old.outlet.paused
    two.pass_time(2.1)
    assert not old.outlet.paused


def test_keep_alive_does_not_run_while_nobody_listens() -> None:
    slow = world(size=10)
    client = slow.client("old", 4, keep_alive=1)
    client.expect_connack()
    client.publish("a", b"x" * 60)
    assert client.outlet.paused
    slow.pass_time(6)
    assert not client.is_closed()
    slow.pass_time(2)
    assert client.is_closed()


def test_a_connection_that_ends_leaves_nothing_behind() -> None:
    two = world(messages=1)
    client = two.connected("old", 4)
    client.publish("a")
    client.publish("a")
    client.publish("a")
    assert client.outlet.paused
    client.drop()
    two.pass_time(10)
    assert client.outlet.paused


def test_a_retained_message_counts_twice() -> None:
    three = world(messages=3)
    client = three.connected("c")
    client.publish("a", b"x", 1, retain=True)
    client.publish("a", b"x", 1, retain=True)
    assert [packet.code for packet in client.received() if isinstance(packet, Puback)] == [16, QUOTA_EXCEEDED]


def test_a_message_larger_than_a_second_s_share_passes_when_the_bucket_is_full() -> None:
    throughput = Throughput(0.0, 100.0, 0.0)
    assert throughput.take(1, 250, 0.0) == 0.0
    assert throughput.take(1, 10, 0.0) > 1.5
    assert throughput.take(1, 10, 3.0) == 0.0


def test_new_limits_hold_for_those_who_come_later() -> None:
    two = World()
    limits = Limits()
    limits.tenant_publishes_per_second = 1
    assert two.tenant.throughput is None
    two.broker.set_limits(limits, {})
    assert two.tenant.throughput is not None


def test_it_says_what_there_was_too_little_of() -> None:
    both = world(messages=10, size=100)
    throughput = both.tenant.throughput
    assert throughput is not None
    assert throughput.take(1, 90, 1000.0) == 0.0
    assert throughput.take(1, 90, 1000.0) > 0.0
    assert (throughput.short_of_messages, throughput.short_of_bytes) == (0, 1)
    assert throughput.owe(20, 1, 1000.0) > 0.0
    assert (throughput.short_of_messages, throughput.short_of_bytes) == (1, 1)


def test_a_second_debt_makes_the_silence_longer_and_a_smaller_one_does_not() -> None:
    slow = world(size=10)
    one, other = slow.connected("one", 4), slow.connected("other", 4)
    one.publish("a", b"x" * 30)
    other.publish("a", b"x" * 30)
    one.publish("a", b"x" * 10)
    slow.pass_time(5.5)
    assert one.outlet.paused
    assert not other.outlet.paused
    slow.pass_time(1)
    assert not one.outlet.paused
