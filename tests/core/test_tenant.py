from myna.core.census import Census
from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.receiver import Receiver
from myna.core.tenant import MANY_TENANTS, Index, Tenant
from myna.testing import FakeReceiver, OpenGate, World


def receiver(name: str, user: str = "u", scope: str = "") -> Receiver:
    made = FakeReceiver(name)
    made.key = ("t", scope, name)
    made.identity = Identity("t", user)
    return made


def test_a_session_is_found_by_scope_and_client_id_by_client_id_and_by_user() -> None:
    tenant = Tenant("t", Limits(), Census())
    one, other = receiver("c", "alice", "alice"), receiver("c", "bob", "bob")
    tenant.enter(one)
    tenant.enter(other)
    assert tenant.session("alice", "c") is one
    assert tenant.session("bob", "c") is other
    assert tenant.session("", "c") is None
    assert tenant.sessions_of_client("c") == [one, other]
    assert tenant.sessions_of_user("alice") == [one]
    assert tenant.sessions() == [one, other]
    assert tenant.session_count() == 2


def test_who_leaves_is_found_no_more() -> None:
    tenant = Tenant("t", Limits(), Census())
    one, other = receiver("c", "alice", "alice"), receiver("c", "bob", "bob")
    tenant.enter(one)
    tenant.enter(other)
    tenant.leave(one)
    tenant.leave(one)
    assert tenant.session("alice", "c") is None
    assert tenant.sessions_of_client("c") == [other]
    assert tenant.sessions_of_user("alice") == []
    tenant.leave(other)
    assert tenant.sessions() == []


def test_a_session_that_was_replaced_cannot_take_its_successor_out() -> None:
    tenant = Tenant("t", Limits(), Census())
    old, new = receiver("c"), receiver("c")
    tenant.enter(old)
    tenant.leave(old)
    tenant.enter(new)
    tenant.leave(old)
    assert tenant.session("", "c") is new


def test_a_session_that_changes_its_user_is_found_under_the_new_one() -> None:
    tenant = Tenant("t", Limits(), Census())
    session = receiver("c", "alice")
    tenant.enter(session)
    session.identity = Identity("t", "bob")
    tenant.change_identity(session, "alice")
    assert tenant.sessions_of_user("alice") == []
    assert tenant.sessions_of_user("bob") == [session]
    tenant.change_identity(session, "bob")
    assert tenant.sessions_of_user("bob") == [session]


def test_an_index_holds_one_as_it_is_and_several_together() -> None:
    index = Index()
    a, b, c = receiver("a"), receiver("b"), receiver("c")
    index.remove("n", a)
    index.add("n", a)
    index.add("n", a)
    assert index.find("n") == [a]
    index.add("n", b)
    index.add("n", c)
    assert index.find("n") == [a, b, c]
    assert len(index) == 1
    index.remove("n", receiver("stranger"))
    index.remove("n", b)
    index.remove("n", a)
    index.remove("n", c)
    assert index.find("n") == []
    assert len(index) == 0


def test_tenants_that_hold_nothing_are_forgotten_after_a_while_and_come_back_when_used() -> None:
    world = World()
    broker = world.broker
    client = world.connected("c", gate=OpenGate("lives"))
    broker.tenant("held").is_held = True
    broker.retain(broker.tenant("retains"), message(), world.now)
    for number in range(50):
        publish(world, f"passing {number}")
    names = {"lives", "held", "retains"}
    assert broker.forget_idle_tenants(world.now) == 0
    publish(world, "passing 7")  # it is in use
    world.now += 299
    assert broker.forget_idle_tenants(world.now) == 0
    world.now += 1
    assert broker.forget_idle_tenants(world.now) == 49
    assert set(broker.tenants) == names | {"passing 7"}
    client.disconnect()
    for _ in range(2):
        world.now += 300
        broker.forget_idle_tenants(world.now)
    assert set(broker.tenants) == names - {"lives"}
    publish(world, "passing 7")
    world.connected("c", gate=OpenGate("lives"))
    assert set(broker.tenants) == names | {"passing 7"}


def test_where_somebody_makes_them_up_empty_tenants_go_at_the_second_look() -> None:
    world = World()
    for number in range(MANY_TENANTS + 1):
        world.broker.tenant(f"made up {number}")
    assert world.broker.forget_idle_tenants(world.now) == 0
    world.now += 10
    assert world.broker.forget_idle_tenants(world.now) == MANY_TENANTS + 1


def test_a_user_s_share_is_forgotten_with_his_last_session() -> None:
    limits = Limits()
    limits.user_publishes_per_second = 5.0
    tenant = Tenant("t", limits, Census())
    one, two = FakeReceiver("one", "t"), FakeReceiver("two", "t")
    two.identity = one.identity
    tenant.enter(one)
    tenant.enter(two)
    share = tenant.throughput_of("one")
    tenant.leave(one)
    assert tenant.throughput_of("one") is share
    tenant.leave(two)
    assert tenant.throughput_of("one") is not share
    assert tenant.is_metered


def publish(world: World, tenant: str) -> None:
    world.broker.publish(world.broker.tenant(tenant), message(), world.now)


def message() -> Message:
    return Message("a", b"x", 0, False, Origin("api", ""), 0.0)
