"""What is left when a session ends: a share group's messages go on to its other members."""

import pytest

from myna.core.limits import DROP_SESSION
from myna.core.unfinished import HANDED_OVER
from myna.testing import CommitsOnCommand, World
from myna.testing.world import Client
from myna.wire import reasons
from myna.wire.packets import Puback, Pubrec

SHARES = ["$share/g/a", "$oshare/g/a"]


def one_and_other(world: World, filter: str, qos: int = 1) -> tuple[Client, Client, Client]:
    """Two members of a group, the first of which has been given a message, and a publisher."""
    members = [world.connected("one"), world.connected("other")]
    for member in members:
        member.subscribe(filter, qos)
    publisher = world.connected("publisher")
    publisher.publish("a", b"x", qos)
    counts = [len(member.session.outbound.window or ()) for member in members]
    assert sorted(counts) == [0, 1]
    first, second = members if counts[0] else reversed(members)
    assert first.payloads() == [b"x"]
    return first, second, publisher


@pytest.mark.parametrize("filter", SHARES)
@pytest.mark.parametrize("goodbye", [True, False])
def test_what_a_member_leaves_behind_goes_to_another(filter: str, goodbye: bool) -> None:
    world = World()  # §4.8.2
    first, second, _ = one_and_other(world, filter)
    if goodbye:
        first.disconnect()
    else:
        first.drop()
    (message,) = second.messages()
    assert (message.payload, message.qos, message.dup) == (b"x", 1, False)


def test_what_was_acknowledged_stays_where_it_was() -> None:
    world = World()
    first, second, _ = one_and_other(world, "$share/g/a")
    first.send(Puback(1))
    first.drop()
    assert second.payloads() == []


def test_at_qos_2_it_stays_with_its_member() -> None:
    for received in (True, False):
        world = World()  # [MQTT-4.8.2-5]
        first, second, _ = one_and_other(world, "$share/g/a", 2)
        if received:
            first.send(Pubrec(1))
        first.drop()
        assert second.payloads() == []


@pytest.mark.parametrize("qos", [1, 2])
def test_what_has_not_been_sent_goes_at_any_qos(qos: int) -> None:
    world = World()
    alone = world.connected("alone", receive_maximum=1)
    alone.subscribe("$share/g/a", qos)
    publisher = world.connected("publisher")
    for payload in (b"1", b"2", b"3"):
        publisher.publish("a", payload, qos)
    other = world.connected("other")
    other.subscribe("$share/g/a", 2)
    alone.drop()
    assert other.payloads() == ([b"1", b"2", b"3"] if qos == 1 else [b"2", b"3"])


def test_a_member_that_will_be_back_keeps_what_is_its_own_until_its_session_ends() -> None:
    world = World()
    away, other = world.connected("away", expiry=10), world.connected("other")
    away.subscribe("$share/g/a", 1)
    publisher = world.connected("publisher")
    publisher.publish("a", b"x", 1)
    other.subscribe("$share/g/a", 1)
    away.drop()
    assert other.payloads() == []
    world.pass_time(11)
    assert other.payloads() == [b"x"]


def test_what_its_own_subscription_may_have_brought_is_not_handed_on() -> None:
    world = World()
    first, other = world.connected("one"), world.connected("other")
    first.subscribe("a", 1)
    first.subscribe("$share/g/+", 1)
    publisher = world.connected("publisher")
    publisher.publish("a", b"both", 1)
    publisher.publish("b", b"shared", 1)
    other.subscribe("$share/g/+", 1)
    first.drop()
    assert other.payloads() == [b"shared"]


def test_nobody_gets_what_nobody_is_left_for() -> None:
    world = World()
    only = world.connected("only")
    only.subscribe("$share/g/a", 1)
    world.publish("a", b"x", 1)
    only.drop()
    late = world.connected("late")
    late.subscribe("$share/g/a", 1)
    assert late.payloads() == []


def test_at_shutdown_nothing_goes_round() -> None:
    world = World()
    first, second, _ = one_and_other(world, "$share/g/a")
    world.broker.disconnect([first.session], reasons.SERVER_SHUTTING_DOWN, world.now)
    assert second.payloads() == []


def test_of_very_many_the_oldest_are_handed_over() -> None:
    world = World()
    alone = world.connected("alone", receive_maximum=1)
    alone.subscribe("$share/g/a", 1)
    for number in range(HANDED_OVER + 1000):
        world.publish("a", b"%d" % number, 1)
    other = world.connected("other")
    other.subscribe("$share/g/a", 1)
    alone.drop()
    handed = other.payloads()
    assert handed == [b"%d" % number for number in range(len(handed))]
    assert HANDED_OVER <= len(handed) < HANDED_OVER + 300


def test_a_full_queue_does_not_fill_the_next_one() -> None:
    world = World()
    world.tenant.limits.queue_messages = 2
    world.tenant.limits.queue_policy = DROP_SESSION
    full, other = world.connected("full", receive_maximum=1), world.connected("other", expiry=5)
    full.subscribe("$share/g/a", 1)
    for _ in range(3):
        world.publish("a", b"x", 1)
    other.subscribe("$share/g/a", 1)
    session = other.session
    other.drop()
    world.publish("a", b"x", 1)  # one too many for the one that is connected
    assert full.is_closed()
    assert world.tenant.session("", "full") is None
    assert session.outbound.waiting() == 0


def test_the_store_hears_of_the_new_member_before_it_forgets_the_old_one() -> None:
    world = World(store=CommitsOnCommand())
    away = world.connected("away", expiry=10)
    away.send_subscribe("$share/g/a", qos=1)
    away.drop()
    world.publish("a", b"x", 1)
    other = world.connected("other", expiry=1000)
    other.send_subscribe("$share/g/a", qos=1)
    world.commit()
    world.pass_time(11)
    names = [type(record).__name__ for record in world.records()]
    assert names.index("SessionForgotten") > max(index for index, name in enumerate(names) if name == "Enqueued")
    assert names.count("Enqueued") == 2
