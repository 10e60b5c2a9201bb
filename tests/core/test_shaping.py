"""A connection's bandwidth, in both directions."""

from myna.core.limits import Limits
from myna.testing import World, assert_closed
from myna.wire import reasons
from myna.wire.packets import Pingreq


def world(inbound: float = 0.0, outbound: float = 0.0) -> World:
    limits = Limits()
    limits.inbound_bytes_per_second = inbound
    limits.outbound_bytes_per_second = outbound
    return World(limits=limits)


def test_without_a_bound_nothing_rests() -> None:
    client = world().connected("c")
    client.publish("a", b"x" * 10_000)
    assert not client.is_paused()


def test_reading_rests_until_the_debt_has_come_in() -> None:
    here = world(inbound=1000.0)
    client = here.connected("c")
    client.publish("a", b"x" * 500)
    assert not client.is_paused()
    client.publish("a", b"x" * 2500)  # 2,000 and a little over what a second brings
    assert client.is_paused()
    here.pass_time(1.9)
    assert client.is_paused()
    here.pass_time(0.2)
    assert not client.is_paused()


def test_a_rate_holds_over_time() -> None:
    here = world(inbound=1000.0)
    client = here.connected("c")
    sent = 0
    while here.now < 1010.0:
        if not client.is_paused():
            client.publish("a", b"x" * 95)  # 100 bytes on the wire
            sent += 100
        here.pass_time(0.01)
    assert 9_500 < sent < 11_500


def test_who_is_not_read_from_is_not_silent() -> None:
    here = world(inbound=100.0)
    client = here.client("c", keep_alive=2)
    client.expect_connack()
    client.publish("a", b"x" * 1000)
    here.pass_time(8.0)
    assert not client.is_closed()
    here.pass_time(5.0)
    assert_closed(client, reasons.KEEP_ALIVE_TIMEOUT)


def test_what_is_gathered_waits_and_leaves_in_order() -> None:
    here = world(outbound=1000.0)
    client = here.connected("c")
    client.subscribe("a")
    here.pass_time(2.0)
    here.publish("a", b"1" * 3000)
    assert client.payloads() == [b"1" * 3000]
    here.publish("a", b"2")
    here.publish("a", b"3")
    wakes = client.outlet.wakes
    assert client.payloads() == []
    here.pass_time(1.9)
    assert client.payloads() == []
    here.pass_time(0.3)
    assert client.outlet.wakes == wakes + 1
    assert client.payloads() == [b"2", b"3"]


def test_a_rest_with_nothing_to_write_wakes_nobody() -> None:
    here = world(outbound=1000.0)
    client = here.connected("c")
    client.subscribe("a")
    here.publish("a", b"1" * 3000)
    client.payloads()
    wakes = client.outlet.wakes
    here.pass_time(10.0)
    assert client.outlet.wakes == wakes
    client.send(Pingreq())
    assert len(client.received()) == 1


def test_last_words_wait_for_nothing() -> None:
    here = world(inbound=100.0, outbound=100.0)
    client = here.connected("c")
    client.subscribe("a")
    here.publish("a", b"1" * 3000)
    client.payloads()
    client.publish("b", b"x" * 1000)
    here.broker.disconnect([client.session], reasons.SERVER_SHUTTING_DOWN, here.now)
    assert_closed(client, reasons.SERVER_SHUTTING_DOWN)
    client.connection.lost(here.now)
    here.pass_time(100.0)


def metered(**bounds: float) -> World:
    limits = Limits()
    for name, value in bounds.items():
        setattr(limits, name, value)
    return World(limits=limits)


def test_a_connection_is_sent_so_many_messages_a_second_and_no_more() -> None:
    here = metered(deliveries_per_second=10.0)
    client, other = here.connected("c"), here.connected("other")
    client.subscribe("a", 1)
    other.subscribe("b")
    for number in range(30):
        here.publish("a", b"%d" % number, 1)
    assert len(client.payloads()) == 30  # what has been gathered leaves whole, and is paid off
    here.publish("a", b"later", 1)
    here.publish("b", b"1")
    assert other.payloads() == [b"1"]
    here.pass_time(1.9)
    assert client.payloads() == []
    here.pass_time(0.2)
    assert client.payloads() == [b"later"]
    assert here.tenant.shaped.outbound_messages == 1


def test_connections_of_a_tenant_share_what_they_are_sent() -> None:
    here = metered(tenant_deliveries_per_second=10.0, tenant_delivered_bytes_per_second=1_000_000)
    first, second = here.connected("1"), here.connected("2", 4)
    first.subscribe("a")
    second.subscribe("b")
    for _ in range(20):
        here.publish("a", b"x")
    assert len(first.payloads()) == 20
    here.publish("b", b"x")
    assert second.payloads() == [b"x"]  # this one joins in paying off what the other has had
    here.publish("b", b"y")
    assert second.payloads() == []
    here.pass_time(1.2)
    assert second.payloads() == [b"y"]
    assert here.tenant.deliveries is not None
    assert here.tenant.deliveries.short_of_messages == 2
    by_3 = here.tenant.delivered[(False, False)].by_flags.counts()
    assert by_3 == [(0, False, 2)]  # counted with those of all others of its version


def test_a_bound_of_all_makes_nobody_wait_for_long() -> None:
    limits = Limits()
    limits.tenant_delivered_bytes_per_second = 100_000
    here = World(limits=limits)
    readers = [here.connected(str(number)) for number in range(10)]
    for reader in readers:
        reader.subscribe("a")
    publisher = here.connected("publisher")
    sent = 0
    while here.now < 1030.0:  # forty times as much
        for _ in range(40):
            publisher.publish("a", b"x" * 1000)
        here.pass_time(0.1)
        sent += sum(len(reader.received_bytes()) for reader in readers if reader.connection.has_pending())
    assert 2_500_000 < sent < 3_500_000
    late = here.connected("late")
    late.send(Pingreq())
    here.pass_time(5.0)
    assert late.received()
