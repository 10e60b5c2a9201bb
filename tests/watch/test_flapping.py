"""Clients that come and go too often."""

from myna.core.bans import CLIENT_ID, CLIENT_OF_USER
from myna.testing import TENANT, OpenGate, World
from myna.watch import flapping as module
from myna.watch.flapping import Flapping
from myna.watch.watchers import Watchers


def flapping(world: World, connects: int = 3) -> Flapping:
    made = Flapping(world.broker)
    made.connects = connects
    watchers = Watchers()
    watchers.add(made)
    world.broker.watcher = watchers
    return made


def test_a_client_that_flaps_is_banned_for_a_while() -> None:
    world = World()
    flapping(world)
    for _ in range(3):
        world.connected("c").drop()
        world.pass_time(10)
    world.client("c").expect_connack(0x8A)
    world.connected("d")
    assert world.refused("flapping") == 1
    world.pass_time(300)
    world.connected("c")


def test_who_comes_and_goes_at_leisure_is_not() -> None:
    world = World()
    flapping(world)
    for _ in range(10):
        world.connected("c").drop()
        world.pass_time(31)
    world.connected("c")


def test_two_that_fight_for_a_name_are_banned_and_the_rest_stays() -> None:
    world = World()
    flapping(world)
    clients = [world.connected("c", expiry=60) for _ in range(4)]
    assert [client.is_closed() for client in clients] == [True, True, True, False]
    world.client("c").expect_connack(0x8A)


def test_where_client_ids_are_per_user_nobody_can_have_another_s_banned() -> None:
    world = World(gate=OpenGate(client_ids_per_user=True))
    flapping(world)
    for _ in range(3):
        world.connected("phone", user="mallory").drop()
    world.client("phone", user="mallory").expect_connack(0x8A)
    world.connected("phone", user="alice")
    held = world.broker.bans.listed(world.now)
    assert [(one.tenant, one.kind, one.what) for one in held] == [(TENANT, CLIENT_OF_USER, '["mallory", "phone"]')]
    assert world.broker.bans.unban(TENANT, CLIENT_OF_USER, held[0].what)
    world.connected("phone", user="mallory")


def test_it_is_off_unless_somebody_says_how_often_is_too_often() -> None:
    world = World()
    flapping(world, 0)
    for _ in range(100):
        world.connected("c").drop()
    world.connected("c")


def test_what_is_remembered_is_bounded() -> None:
    world = World()
    watching = flapping(world)
    receiver = world.connected("c").session
    for number in range(module.REMEMBERED + 10):
        receiver.key = (TENANT, "", str(number))
        watching.disconnected(receiver, 0, True, world.now)
    assert len(watching._counts) == module.REMEMBERED


def test_a_ban_that_an_administrator_makes_is_not_cut_short_by_the_client_s_going() -> None:
    world = World()
    flapping(world)
    for _ in range(2):
        world.connected("c").drop()
    world.connected("c")
    world.broker.bans.ban(TENANT, CLIENT_ID, "c", world.now)
    (held,) = world.broker.bans.listed(world.now)
    assert held.expires_at == 0.0
    assert world.refused("flapping") == 0
