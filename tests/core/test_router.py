import pytest

from myna.core import router as module
from myna.core.limits import Limits
from myna.core.receiver import Receiver, Subscription
from myna.core.router import Router, merged
from myna.testing import FakeGuard, FakeReceiver


def subscription(filter: str, receiver: Receiver | None = None, qos: int = 0) -> Subscription:
    return Subscription(FakeReceiver() if receiver is None else receiver, filter, filter, qos)


def reached(router: Router, topic: str) -> list[Subscription]:
    route = router.route(topic.encode())
    assert route is not None
    return route.subscriptions


def test_a_topic_finds_exact_and_wildcard_subscriptions() -> None:
    router = Router(Limits())
    exact, wild, other = subscription("a/b"), subscription("a/#"), subscription("c")
    for held in (exact, wild, other):
        router.add(held)
    assert reached(router, "a/b") == [exact, wild]
    assert reached(router, "c") == [other]
    assert reached(router, "d") == []


def test_what_is_no_topic_has_no_route() -> None:
    router = Router(Limits())
    assert router.route(b"a/+") is None
    assert router.route(b"") is None
    assert router.route(b"\xff") is None


@pytest.mark.parametrize("filter", ["a/b", "a/+"])
def test_a_remembered_route_learns_of_every_change(filter: str) -> None:
    router = Router(Limits())
    route = router.route(b"a/b")
    held = subscription(filter)
    assert route is not None
    router.add(held)
    assert router.route(b"a/b") is route
    assert route.subscriptions == [held]
    router.remove(held)
    router.refresh(route)
    router.refresh(route)
    assert route.subscriptions == []
    router.remove(held)


@pytest.mark.parametrize("filter", ["a/b", "a/+"])
def test_a_subscription_changed_in_place_is_looked_at_again(filter: str) -> None:
    router = Router(Limits())
    held = subscription(filter)
    router.add(held)
    route = router.route(b"a/b")
    assert route is not None
    assert route.plain
    held.plain = False
    held.dormant = True
    router.touch(held)
    router.refresh(route)
    assert route.subscriptions == []
    held.dormant = False
    router.touch(held)
    router.refresh(route)
    assert route.subscriptions == [held]
    assert not route.plain


def test_a_change_of_an_exact_filter_costs_other_topics_nothing() -> None:
    router = Router(Limits())
    route = router.route(b"other")
    assert route is not None
    before = route.subscriptions
    router.add(subscription("a"))
    assert router.route(b"other") is route
    assert route.generation == router.generation
    assert route.subscriptions is before


def test_overlapping_subscriptions_of_one_receiver_become_one() -> None:
    router = Router(Limits())
    one, other = FakeReceiver("one"), FakeReceiver("other")
    low = Subscription(one, "a/+", "a/+", 0, identifiers=[7], retain_as_published=True)
    high = Subscription(one, "a/b", "a/b", 2, identifiers=[5])
    alone = subscription("a/#", other, 1)
    for held in (low, alone, high):
        router.add(held)
    found = reached(router, "a/b")  # [MQTT-3.3.4-2], [MQTT-3.3.4-4]; 311: [MQTT-3.3.5-1]
    assert [(held.receiver, held.qos) for held in found] == [(one, 2), (other, 1)]
    assert sorted(found[0].identifiers or []) == [5, 7]
    assert found[0].retain_as_published
    assert found[1] is alone
    assert low in reached(router, "a/c")


def test_merged_subscriptions_without_identifiers_have_none() -> None:
    receiver = FakeReceiver()
    whole = merged([subscription("a/+", receiver), subscription("a/b", receiver)])
    assert whole.identifiers is None
    assert whole.without_local is None
    assert whole.plain


def test_of_merged_subscriptions_those_that_want_local_messages_are_left_for_them() -> None:
    receiver = FakeReceiver()
    local = Subscription(receiver, "a/b", "a/b", 1, identifiers=[1])
    also = Subscription(receiver, "a/#", "a/#", 0, identifiers=[2])
    remote = Subscription(receiver, "a/+", "a/+", 2, no_local=True, identifiers=[3])
    whole = merged([local, remote])  # [MQTT-3.8.3-3]
    assert (whole.qos, whole.no_local) == (2, True)
    assert whole.without_local is local
    both = merged([local, remote, also]).without_local
    assert both is not None
    assert (both.qos, both.no_local, both.identifiers) == (1, False, [1, 2])
    assert merged([remote, remote]).without_local is None


def test_a_name_held_literally_is_reached_by_that_name_alone() -> None:
    router = Router(Limits())
    room = subscription("room#1")
    wild = subscription("a+b/#")
    router.add_literal(room)
    router.add_literal(wild)
    assert router.route_of_name("room#1").subscriptions == [room]
    assert router.route_of_name("room#1") is router.route_of_name("room#1")
    assert router.route_of_name("a+b/c").subscriptions == []
    assert router.route_of_name("a+b/#").subscriptions == [wild]
    router.remove(room)
    assert router.route_of_name("room#1").subscriptions == []
    assert router.route_of_name("plain") is router.route(b"plain")


def test_a_literal_name_joins_those_who_hold_it_as_an_exact_filter() -> None:
    router = Router(Limits())
    one, other = subscription("room"), subscription("room")
    router.add(one)
    router.add_literal(other)
    assert reached(router, "room") == [one, other]
    assert router.subscribers("room") == [one, other]
    assert router.subscribers("hall") == []


def test_a_share_group_is_one_receiver_and_lasts_as_long_as_it_has_members() -> None:
    router = Router(Limits())
    first, second = subscription("a/+", FakeReceiver("1")), subscription("a/+", FakeReceiver("2"))
    assert router.join_group("t", "$share", "g", first)
    assert router.join_group("t", "$share", "g", second)
    assert router.join_group("t", "$share", "h", first)
    assert router.join_group("t", "$oshare", "g", first)
    assert len(reached(router, "a/b")) == 3
    router.leave_group("$share", "g", first)
    assert len(reached(router, "a/b")) == 3
    router.leave_group("$share", "g", second)
    router.leave_group("$share", "g", second)
    assert len(reached(router, "a/b")) == 2
    assert router.subscribers("a/+") == []


def test_a_group_can_be_full() -> None:
    limits = Limits()
    limits.group_members = 1
    router = Router(limits)
    assert router.join_group("t", "$share", "g", subscription("a"))
    assert not router.join_group("t", "$share", "g", subscription("a"))
    assert router.join_group("t", "$share", "h", subscription("a"))


def test_a_guard_is_found_by_the_first_level_of_a_topic_and_by_every_filter_that_reaches_it() -> None:
    router = Router(Limits())
    assert router.guard_of("dh/a") is None
    dh, web = FakeGuard("dh"), FakeGuard("$web")
    router.guards = {"dh": dh, "$web": web}
    assert router.guard_of("dh/a") is dh
    assert router.guard_of("dhx/a") is None
    assert router.guards_reached("dh/+") == [dh]
    assert router.guards_reached("#") == [dh, web]
    assert router.guards_reached("+/a") == [dh, web]
    assert router.guards_reached("a/#") == []
    router.retire()
    route = router.route(b"dh/a")
    assert route is not None
    assert route.guard is dh
    assert not route.plain


def test_a_route_somebody_keeps_shows_that_it_is_retired() -> None:
    router = Router(Limits())
    kept = router.route(b"a")
    assert kept is not None
    before = kept.retired
    router.retire()
    assert (before, kept.retired) == (False, True)
    assert kept.generation != router.generation
    assert router.route(b"a") is not kept


def test_not_more_than_so_many_routes_are_remembered() -> None:
    router = Router(Limits())
    first = router.route(b"0")
    assert first is not None
    for number in range(1, module.ROUTES_REMEMBERED + 1):
        router.route(str(number).encode())
    assert first.retired
    held = subscription("0")
    router.add(held)
    assert reached(router, "0") == [held]


def test_long_topics_are_not_remembered() -> None:
    router = Router(Limits())
    topic = "x" * module.TOPIC_REMEMBERED
    assert router.route(topic.encode()) is router.route(topic.encode())
    long = topic + "x"
    kept = router.route(long.encode())
    assert kept is not None
    assert kept.retired
    held = subscription(long)
    router.add(held)
    assert reached(router, long) == [held]


def test_routes_to_very_many_are_forgotten_sooner() -> None:
    router = Router(Limits(), heaviest=4000)
    holders = [subscription("#") for _ in range(100)]
    for held in holders:
        router.add(held)
    first = router.route(b"0")
    assert first is not None
    before = first.retired
    for number in range(1, 4):
        assert reached(router, str(number)) == holders
    assert (before, first.retired) == (False, True)
    assert reached(router, "0") == holders


@pytest.mark.parametrize(
    ("name", "bound", "good", "bad"),
    [
        ("topic_length", 5, "ab/cd", "ab/cde"),
        ("topic_levels", 2, "a/b", "a/b/c"),
        ("level_length", 2, "ab/cd/ef", "ab/cde"),
    ],
)
def test_topics_have_sizes(name: str, bound: int, good: str, bad: str) -> None:
    limits = Limits()
    setattr(limits, name, bound)
    router = Router(limits)
    assert router.fits(good)
    assert not router.fits(bad)
    assert router.route(good.encode()) is not None
    assert router.route(bad.encode()) is None
