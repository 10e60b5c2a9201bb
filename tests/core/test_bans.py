"""Bans: whom they fit, how long they hold, what becomes of those who are connected, and what survives a restart."""

import pytest

from myna.core.bans import ADDRESS, CLIENT_ID, USER, Ban
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.records import Kept
from myna.testing import TENANT, CommitsOnCommand, FakeReceiver, SlowGate, World, assert_closed
from myna.wire import reasons
from myna.wire.packets import Connect

HERE = "192.0.2.1:4711"  # where the clients of these tests are


def ban(world: World, kind: str, what: str, tenant: str | None = TENANT, **more: object) -> Ban:
    made = world.broker.bans.ban(tenant, kind, what, world.now, **more)  # type: ignore[arg-type]  # a test's short cut
    assert isinstance(made, Ban)
    return made


@pytest.mark.parametrize(
    ("kind", "what", "fits"),
    [
        (USER, "alice", True),
        (USER, "bob", False),
        (CLIENT_ID, "c", True),
        (CLIENT_ID, "alice", False),
        (ADDRESS, "192.0.2.1", True),
        (ADDRESS, "192.0.2.0/24", True),
        (ADDRESS, "::ffff:192.0.2.1", True),
        (ADDRESS, "192.0.2.2", False),
        (ADDRESS, "::/0", False),
    ],
)
@pytest.mark.parametrize(("level", "code"), [(4, 5), (5, 0x8A)])
@pytest.mark.parametrize("tenant", [TENANT, None])
def test_a_ban_refuses_whom_it_fits(
    kind: str, what: str, fits: bool, level: int, code: int, tenant: str | None
) -> None:
    world = World()
    ban(world, kind, what, tenant)
    client = world.client("c", level, user="alice")
    client.expect_connack(code if fits else 0)
    assert client.is_closed() == fits
    assert world.refused("connect:banned") == int(fits)


@pytest.mark.parametrize(("kind", "what"), [(USER, "alice"), (CLIENT_ID, "c"), (ADDRESS, "192.0.2.0/30")])
@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("tenant", [TENANT, None])
def test_those_who_are_connected_are_cut_off_and_others_stay(
    kind: str, what: str, level: int, tenant: str | None
) -> None:
    world = World()
    client = world.connected("c", level, user="alice")
    other = FakeReceiver("d")
    world.tenant.enter(other)
    ban(world, kind, what, tenant, reason="spam")
    assert_closed(client, reasons.ADMINISTRATIVE_ACTION if level == 5 else None)
    assert other.ended == []
    assert world.refused("banned") == 1


def test_a_client_that_is_named_by_its_gate_is_banned_by_that_name() -> None:
    world, gate = World(), SlowGate()
    ban(world, CLIENT_ID, "given")
    client = world.stranger(gate=gate)
    client.send(Connect(5, "", True, 0))
    gate.asked[0].assigned_id = "given"
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    client.expect_connack(0x8A)


def test_a_ban_of_one_tenant_does_not_reach_another() -> None:
    world = World()
    client = world.connected("c", user="alice")
    for kind, what in ((USER, "alice"), (CLIENT_ID, "c"), (ADDRESS, "192.0.2.1")):
        ban(world, kind, what, "elsewhere")
    world.connected("d", user="alice")
    assert not client.is_closed()
    assert world.broker.bans.banned_everywhere(HERE, world.now, client_id="c") is None
    assert world.broker.bans.banned("elsewhere", "x", "y", HERE, world.now) is not None


def test_the_client_is_told_the_reason() -> None:
    world = World()
    ban(world, USER, "alice", reason="spam")
    answer = world.client("c", user="alice").expect_connack(reasons.BANNED)
    assert answer.properties is not None
    assert answer.properties.reason_string == "banned: spam"


def test_a_ban_ends_with_its_time_or_when_it_is_lifted() -> None:
    world = World(store=CommitsOnCommand())
    bans = world.broker.bans
    ban(world, USER, "alice", expires_at=world.now + 60)
    ban(world, ADDRESS, "192.0.2.9/24")
    assert [one.what for one in bans.listed(world.now)] == ["alice", "192.0.2.0/24"]
    assert bans.unban(TENANT, ADDRESS, "192.0.2.8/24")
    assert not bans.unban(TENANT, ADDRESS, "192.0.2.8/24")
    assert not bans.unban(TENANT, ADDRESS, "nonsense")
    assert bans.banned(TENANT, "bob", "c", HERE, world.now) is None
    assert (
        bans.banned(TENANT, "alice", "c", HERE, world.now + 60) is None
    )  # also before anybody has looked at the clock
    assert bans.listed(world.now + 60) == []
    world.pass_time(60)
    assert len(bans) == 0
    assert world.broker.kept.of("bans") == {}
    world.connected("c", user="alice")


def test_a_ban_made_again_replaces_the_first() -> None:
    world = World()
    ban(world, ADDRESS, "192.0.2.1", expires_at=world.now + 60, reason="a")
    ban(world, ADDRESS, "192.0.2.1", expires_at=world.now + 120, reason="b")
    world.pass_time(90)
    assert [(one.reason, one.expires_at) for one in world.broker.bans.listed(world.now)] == [("b", 1120.0)]
    ban(world, ADDRESS, "192.0.2.1", None)
    assert world.broker.bans.unban(TENANT, ADDRESS, "192.0.2.1")
    assert world.broker.bans.banned_everywhere(HERE, world.now) is not None
    assert world.broker.bans.unban(None, ADDRESS, "192.0.2.1")
    assert world.broker.bans.banned_everywhere(HERE, world.now) is None


@pytest.mark.parametrize(
    ("kind", "what", "expires_at"),
    [("colour", "red", 0.0), (USER, "", 0.0), (ADDRESS, "alice", 0.0), (ADDRESS, "1.2.3.4/77", 0.0), (USER, "a", 9.0)],
)
def test_what_makes_no_sense_is_refused(kind: str, what: str, expires_at: float) -> None:
    world = World()
    assert isinstance(world.broker.bans.ban(TENANT, kind, what, world.now, expires_at=expires_at), Refusal)
    assert len(world.broker.bans) == 0


def test_bans_are_bounded() -> None:
    world = World()
    bans = world.broker.bans
    bans.maximum = 10
    for number in range(10):
        bans.ban(TENANT, CLIENT_ID, str(number), world.now)
    refused = bans.ban(TENANT, CLIENT_ID, "one more", world.now)
    assert isinstance(refused, Refusal)
    assert refused.reason == reasons.QUOTA_EXCEEDED
    assert isinstance(bans.ban(TENANT, CLIENT_ID, "7", world.now, reason="again"), Ban)


def test_bans_come_back_after_a_restart_unless_they_have_ended() -> None:
    store = CommitsOnCommand()
    world = World(store=store)
    ban(world, USER, "älice", reason="spam")
    assert ban(world, ADDRESS, "10.0.0.0/8", None, expires_at=world.now + 3600).sequence == 2
    ban(world, CLIENT_ID, "c", expires_at=world.now + 10)
    values = [record for record in store.records if isinstance(record, Kept)]
    later = World(store=CommitsOnCommand())
    later.now = world.now + 20
    for record in values:
        assert record.value is not None
        later.broker.kept.restore(record.space, record.name, record.value)
    for number, nonsense in enumerate(
        (b"{", b"[]", b"7", b'["t","user","x","",1,0.0]', b'["t","moon","x","",1.0,0.0]')
    ):
        later.broker.kept.restore("bans", f"nonsense {number}", nonsense)
    bans = later.broker.bans
    bans.restore(later.now)
    assert [(one.tenant, one.kind, one.what, one.reason) for one in bans.listed(later.now)] == [
        (TENANT, USER, "älice", "spam"),
        (None, ADDRESS, "10.0.0.0/8", ""),
    ]
    assert bans.banned_everywhere("10.1.2.3:4", later.now) is not None
    assert len(later.broker.kept.of("bans")) == 2 + 5
    later.pass_time(3600)
    assert len(bans) == 1


def test_who_has_no_address_is_not_banned_by_one() -> None:
    world = World()
    ban(world, ADDRESS, "0.0.0.0/0", None)
    assert world.broker.bans.banned_everywhere("unix", world.now) is None
