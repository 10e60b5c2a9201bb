"""What a connection remembers of its topics, and that nothing outlives what it was remembered for."""

import pytest

from myna.core.remembered import ROUTES_KEPT, RememberedRoutes
from myna.core.router import Route
from myna.core.session import Session
from myna.testing import Client, FakeRules, OpenGate, World
from myna.wire.packets import Publish

LEVELS = (3, 4, 5)


def remembering() -> tuple[World, RememberedRoutes]:
    world = World()
    session = world.connected("c").session
    assert isinstance(session, Session)
    return world, RememberedRoutes(world.broker, session)


def route_of(world: World, topic: bytes) -> Route:
    route = world.tenant.router.route(topic)
    assert route is not None
    return route


def judged() -> tuple[World, FakeRules, Client, Client]:
    gate, rules = OpenGate(), FakeRules()
    gate.rules = rules
    world = World()
    world.gate = gate
    seen = world.connected("seen")
    seen.subscribe("#")
    return world, rules, seen, world.connected("c")


def publish_alone(client: Client, topic: str, *payloads: bytes) -> None:
    """Each in a chunk of its own."""
    for payload in payloads:
        client.send(Publish(topic, payload))


def test_a_route_is_found_at_its_qos_or_at_any_where_the_rules_do_not_care() -> None:
    world, remembered = remembering()
    route = route_of(world, b"a")
    assert remembered.of(0x30) is None
    remembered.remember(b"a", route, 1)
    for header in (0x30, 0x32, 0x34):
        routes = remembered.of(header)
        assert routes is not None
        assert routes[b"a"] is route


def test_a_head_is_kept_once_two_in_a_row_went_the_same_way() -> None:
    world, remembered = remembering()
    one, other = route_of(world, b"a"), route_of(world, b"b")
    heads = []
    for head, route in ((b"0\3\0\1a", one), (b"0\3\0\1a", one), (b"0\3\0\1b", other), (b"0\4\0\1b", other)):
        remembered.note_head(head, route)
        heads.append(remembered.head)
    assert heads == [b"", b"0\3\0\1a", b"", b"0\4\0\1b"]


def test_a_route_holds_until_it_is_retired_or_the_rules_change() -> None:
    world, remembered = remembering()
    route = route_of(world, b"a")
    assert remembered.holds(route)
    world.tenant.router.retire()
    assert not remembered.holds(route)
    again = route_of(world, b"a")
    assert remembered.holds(again)
    world.broker.rules_changed()
    assert not remembered.holds(again)


def test_everything_is_forgotten_at_once_and_when_it_has_become_too_much() -> None:
    world, remembered = remembering()
    for number in range(ROUTES_KEPT + 1):
        remembered.remember(b"%d" % number, route_of(world, b"%d" % number), 0)
    routes = remembered.of(0x30)
    assert routes is not None
    assert len(routes) == 1
    remembered.forget()
    assert remembered.of(0x30) is None


@pytest.mark.parametrize("level", LEVELS)
def test_messages_that_begin_alike_in_chunks_of_their_own_all_arrive(level: int) -> None:
    world = World()
    seen, client = world.connected("seen", level), world.connected("c", level)
    seen.subscribe("a")
    publish_alone(client, "a", b"0", b"1", b"2", b"333", b"4", b"5", b"6")
    client.send(Publish("a", b"7"), Publish("a", b"8"), Publish("b", b"9"), Publish("a", b"0"))
    assert seen.payloads() == [b"0", b"1", b"2", b"333", b"4", b"5", b"6", b"7", b"8", b"0"]


def test_topics_in_turns_reach_whom_they_are_for() -> None:
    world = World()
    a, b, client = world.connected("a"), world.connected("b"), world.connected("c")
    a.subscribe("a")
    b.subscribe("b")
    for topic in ("a", "a", "a", "b", "a", "b", "b", "b", "a"):
        publish_alone(client, topic, b"x")
    assert (len(a.payloads()), len(b.payloads())) == (5, 4)


def test_who_subscribes_or_leaves_meanwhile_is_heeded() -> None:
    world = World()
    seen, client = world.connected("seen"), world.connected("c")
    publish_alone(client, "a", b"0", b"1", b"2")
    seen.subscribe("+")
    publish_alone(client, "a", b"3", b"4")
    seen.unsubscribe("+")
    seen.subscribe("a")
    publish_alone(client, "a", b"5")
    seen.unsubscribe("a")
    publish_alone(client, "a", b"6")
    assert seen.payloads() == [b"3", b"4", b"5"]


def test_what_is_forbidden_from_now_on_is_refused_though_it_goes_on_as_before() -> None:
    world, rules, seen, client = judged()
    publish_alone(client, "a", b"0", b"1", b"2")
    rules.forbidden["a"] = 0x87
    publish_alone(client, "a", b"3")  # nobody has said yet that the rules have changed
    world.broker.rules_changed()
    publish_alone(client, "a", b"4", b"5")
    assert seen.payloads() == [b"0", b"1", b"2", b"3"]


def test_a_topic_judged_by_new_rules_vouches_for_no_other() -> None:
    world, rules, seen, client = judged()
    publish_alone(client, "a", b"0", b"1", b"2")
    rules.forbidden["a"] = 0x87
    world.broker.rules_changed()
    publish_alone(client, "b", b"b", b"b")
    publish_alone(client, "a", b"3")
    assert seen.payloads() == [b"0", b"1", b"2", b"b", b"b"]
