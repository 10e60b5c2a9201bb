"""`Broker.deliver_to`: a message for chosen subscriptions, as a guard that finds the receivers itself needs it."""

from myna.core.message import Message, Origin
from myna.core.subscribing import Asked, subscribe
from myna.testing import FakeGuard, FakeReceiver, World

ORIGIN = Origin("test", "t")


def test_only_the_chosen_have_it_and_whether_anybody_did_is_said() -> None:
    world = World()
    chosen, other = FakeReceiver("chosen"), FakeReceiver("other")
    subscriptions = []
    for receiver in (chosen, other):
        granted = subscribe(world.broker, receiver, Asked("space/#"), world.now)
        assert granted.subscription is not None
        subscriptions.append(granted.subscription)
    message = Message("space/a", b"x", 0, False, ORIGIN, world.now)
    assert world.broker.deliver_to(world.tenant, message, subscriptions[:1], world.now).matched
    assert not world.broker.deliver_to(world.tenant, message, [], world.now).matched
    assert [len(receiver.messages) for receiver in (chosen, other)] == [1, 0]


def test_a_share_group_asks_the_guard_about_its_members() -> None:
    world = World()
    guard = FakeGuard("space")
    world.broker.guard(guard)
    member = FakeReceiver("member")
    subscribe(world.broker, member, Asked("$share/g/space/a"), world.now)
    route = world.tenant.router.route(b"space/a")
    assert route is not None
    message = Message("space/a", b"x", 0, False, ORIGIN, world.now)
    world.broker.deliver_to(world.tenant, message, route.subscriptions, world.now)
    assert len(member.messages) == 1
    guard.barred = {"member"}
    world.broker.deliver_to(world.tenant, message, route.subscriptions, world.now)
    assert len(member.messages) == 1
