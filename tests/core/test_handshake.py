"""CONNECT to CONNACK: who is let in, under which name, with which session, and what CONNACK says."""

import pytest

from myna.core.handshake import check_connect
from myna.core.limits import NEVER, Limits
from myna.core.records import SessionForgotten, SessionSaved
from myna.testing import (
    FOREVER,
    TENANT,
    Client,
    ClosedGate,
    CommitsOnCommand,
    FakePeers,
    FakeReceiver,
    OpenGate,
    World,
    assert_closed,
    assert_received,
    properties,
)
from myna.wire import reasons
from myna.wire.packets import Connack, Connect, Publish, Will
from myna.wire.properties import Properties

LEVELS = (3, 4, 5)


def limited(**bounds: object) -> World:
    limits = Limits()
    for name, value in bounds.items():
        setattr(limits, name, value)
    return World(limits=limits)


def said(client: Client) -> Properties:
    answer = client.expect_connack().properties
    assert answer is not None
    return answer


# Client ids


@pytest.mark.parametrize(
    ("level", "clean", "code"), [(3, True, 2), (3, False, 2), (4, False, 2), (4, True, 0), (5, True, 0), (5, False, 0)]
)
def test_an_empty_client_id_is_accepted_as_each_version_has_it(level: int, clean: bool, code: int) -> None:
    world = World()  # [MQTT-3.1.3-6]; 311: [MQTT-3.1.3-7], [MQTT-3.1.3-8]
    client = world.client("", level, clean=clean)
    client.expect_connack(code)
    assert client.is_closed() == (code != 0)


def test_a_client_without_an_id_is_told_the_one_it_was_given() -> None:
    world = World()  # [MQTT-3.1.3-7], [MQTT-3.2.2-16]
    clients = [world.client(""), world.client("", clean=False)]
    names = [said(client).assigned_client_id for client in clients]
    assert len({*names, None, ""}) == 4
    assert [client.session.key[2] for client in clients] == names
    older = world.client("", 4)
    older.expect_connack()
    assert older.session.key[2] not in (*names, "")
    assert said(world.client("named")).assigned_client_id is None


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("client_id", ["a", "0123456789ABCDEFGHIJKLM", "x" * 65_535, "ünïcode"])
def test_client_ids_of_every_length_work(level: int, client_id: str) -> None:
    world = World()  # [MQTT-3.1.3-5]
    assert world.connected(client_id, level).session.key[2] == client_id


def test_client_ids_are_per_tenant_or_per_user() -> None:
    world = World(gate=OpenGate(client_ids_per_user=True))
    alice, bob = world.connected("c", user="alice"), world.connected("c", user="bob")
    assert not alice.is_closed()
    assert alice.session is not bob.session
    assert world.broker.sessions("tenant", client_id="c") == [alice.session, bob.session]
    assert world.broker.session("tenant", "alice", "c") is alice.session
    world = World()
    alice, bob = world.connected("c", user="alice"), world.connected("c", user="bob")
    assert alice.is_closed()


# Refusals


def test_authentication_data_needs_a_method() -> None:
    world = World()  # §3.1.2.11.10
    refused = check_connect(Connect(5, "c", True, 0, properties=properties(authentication_data=b"x")))
    assert refused is not None
    assert refused.reason == 0x82
    client = world.client("c", authentication_data=b"x")
    client.expect_connack(0x82)
    assert client.is_closed()


@pytest.mark.parametrize(("level", "code"), [(5, 0x84), (4, 1), (3, 1)])
def test_a_version_the_tenant_does_not_speak_is_refused(level: int, code: int) -> None:
    world = limited(levels=tuple({3, 4, 5} - {level}))
    client = world.client("c", level)
    client.expect_connack(code)
    assert client.is_closed()
    assert world.watcher.lines == ["c refused CONNECT: unsupported protocol version"]


@pytest.mark.parametrize(("reason", "older"), [(0x86, 4), (0x87, 5), (0x8A, 5), (0x85, 2), (0x89, 3), (0x8C, 4)])
def test_who_is_refused_is_told_in_the_words_of_its_version(reason: int, older: int) -> None:
    world = World()  # 311: [MQTT-3.2.2-6], [MQTT-3.1.4-2]
    gate = ClosedGate(reason)
    watcher = world.connected("watcher")
    watcher.subscribe("#")
    for level, code in ((5, reason), (4, older), (3, older)):
        client = world.client("c", level, gate=gate, will=Will("will", b"", 0, False))
        answer = client.expect_connack(code)
        assert not answer.session_present  # [MQTT-3.2.2-6]
        assert client.is_closed()  # [MQTT-3.2.2-7]; 311: [MQTT-3.2.2-5]
        client.drop()
    assert watcher.messages() == []  # [MQTT-3.1.2-7]
    assert len(world.tenant.sessions()) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_the_log_names_the_user_who_is_refused(level: int) -> None:
    world = World()
    world.client("c", level, user="alice", gate=ClosedGate())
    world.broker.tenant(TENANT).limits.levels = ()
    world.client("c", level, user="bob")
    assert world.watcher.refused_users == ["alice", "bob"]


@pytest.mark.parametrize("user", ["eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "x" * 129])
def test_what_may_be_a_secret_in_the_wrong_place_is_not_named(user: str) -> None:
    world = World()
    world.client("c", user=user, gate=ClosedGate())
    assert world.watcher.refused_users == [""]


def test_a_refusal_disturbs_nobody_who_bears_the_name_already() -> None:
    world = World()
    held = world.connected("c", expiry=100)
    world.client("c", gate=ClosedGate()).expect_connack(0x87)
    assert not held.is_closed()


def test_a_tenant_may_hold_only_so_many_sessions() -> None:
    world = limited(sessions=2)
    world.connected("a", expiry=100).drop()
    world.connected("b")
    world.client("c").expect_connack(0x97)
    world.client("d", 4).expect_connack(3)
    world.connected("a", clean=False)
    world.connected("b")


# Take-over


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_client_id_takes_over(level: int) -> None:
    world = World()  # [MQTT-3.1.4-3]; 311: [MQTT-3.1.4-2]
    old = world.connected("c", level)
    new = world.connected("c", level)
    assert_closed(old, 0x8E)
    old.drop()
    assert not new.is_closed()
    assert world.broker.counters.taken_over == 1
    assert world.watcher.lines == ["c connected", "c cut off 0x8e", "c ended 0x8e", "c connected"]
    assert world.tenant.connections == 1


def test_a_clean_start_discards_the_old_session_completely() -> None:
    world = World()  # [MQTT-3.1.2-4], [MQTT-3.2.2-2]; 311: [MQTT-3.1.2-6]
    old = world.connected("c", expiry=100)
    old.subscribe("a", 1)
    world.publish("a", b"unacknowledged", 1)
    old.drop()
    world.publish("a", b"queued", 1)
    world.publish("r", b"kept", retain=True)
    client = world.client("c", clean=True, expiry=100)
    assert not client.expect_connack().session_present
    world.publish("a", b"x", 1)
    assert_received(client)
    client.subscribe("r")
    assert client.payloads() == [b"kept"]  # 311: [MQTT-3.1.2-7]


@pytest.mark.parametrize("online", [True, False])
def test_without_one_the_session_goes_on(online: bool) -> None:
    world = World()  # [MQTT-3.1.2-5], [MQTT-3.2.2-3]
    old = world.connected("c", expiry=100)
    old.subscribe("a", 1)
    if not online:
        old.drop()
    client = world.client("c", clean=False, expiry=100)
    assert client.expect_connack().session_present
    world.publish("a", b"x", 1)
    assert client.payloads() == [b"x"]


def test_where_there_is_none_to_go_on_with_one_is_made() -> None:
    world = World()  # [MQTT-3.1.2-6], [MQTT-3.2.2-2]
    client = world.client("c", clean=False, expiry=100)
    assert not client.expect_connack().session_present


def test_a_session_with_expiry_0_ends_when_it_is_taken_over() -> None:
    world = World()
    old = world.connected("c", clean=False)
    client = world.client("c", clean=False)
    assert not client.expect_connack().session_present
    assert_closed(old, 0x8E)


@pytest.mark.parametrize("level", LEVELS)
def test_session_present_is_said_to_those_whose_version_has_it(level: int) -> None:
    world = World()  # 311: [MQTT-3.2.2-1] to -4
    world.connected("c", level, clean=False, expiry=100 if level == 5 else 0).drop()
    client = world.client("c", level, clean=False, expiry=100 if level == 5 else 0)
    assert client.expect_connack().session_present == (level > 3)
    client.drop()
    raw = world.client("c", level, clean=False, expiry=100 if level == 5 else 0).received_bytes()
    assert raw[2] == (1 if level > 3 else 0)


def test_something_else_that_bears_the_name_is_ended() -> None:
    world = World()
    other = FakeReceiver("c")
    world.tenant.enter(other)
    world.connected("c", clean=False)
    assert other.ended == [(0x8E, True)]


def test_other_nodes_hear_who_has_come_here() -> None:
    peers = FakePeers(alone=False)
    World(peers=peers).connected("c")
    assert peers.claimed == [("tenant", "", "c")]


def test_a_session_resumed_by_another_user_is_found_under_that_one() -> None:
    world = World()
    world.connected("c", user="alice", expiry=100).drop()
    client = world.connected("c", user="bob", clean=False, expiry=100)
    assert world.broker.sessions("tenant", user="alice") == []
    assert world.broker.sessions("tenant", user="bob") == [client.session]


def test_a_session_whose_time_has_passed_is_not_resumed_even_if_nobody_looked_at_the_clock() -> None:
    world = World()  # [MQTT-4.1.0-2]
    world.connected("c", expiry=5).drop()
    world.now += 5
    assert not world.client("c", clean=False, expiry=5).expect_connack().session_present
    assert world.broker.counters.sessions_expired == 1
    world.connected("c", clean=False, expiry=FOREVER).drop()
    world.now += 1e9
    assert world.client("c", clean=False, expiry=5).expect_connack().session_present


# Expiry


@pytest.mark.parametrize(("asked", "lasts"), [(0, 0), (5, 5), (FOREVER - 1, FOREVER - 1)])
def test_a_session_lasts_as_long_as_asked_after_its_connection(asked: int, lasts: int) -> None:
    world = World()  # [MQTT-3.1.2-23], [MQTT-4.1.0-2]
    world.connected("c", expiry=asked).drop()
    if lasts:
        world.pass_time(lasts - 0.1)
        assert len(world.tenant.sessions()) == 1
        world.pass_time(0.2)
    assert world.tenant.sessions() == []


def test_a_session_may_last_for_ever() -> None:
    world = World()
    world.connected("c", expiry=FOREVER).drop()
    world.pass_time(1e10)
    assert len(world.tenant.sessions()) == 1
    assert world.broker.next_deadline() == 0.0


@pytest.mark.parametrize("level", [3, 4])
def test_before_mqtt_5_a_session_lasts_not_at_all_or_as_long_as_the_tenant_says(level: int) -> None:
    world = limited(session_expiry_maximum=60)
    world.connected("clean", level).drop()
    world.connected("kept", level, clean=False).drop()
    assert [session.key[2] for session in world.tenant.sessions()] == ["kept"]
    world.pass_time(61)
    assert world.tenant.sessions() == []


@pytest.mark.parametrize(
    ("asked", "given", "told"),
    [(0, 0, -1), (5, 10, 10), (50, 50, -1), (500, 100, 100), (NEVER, 100, 100)],
)
def test_an_expiry_changed_by_the_tenant_is_told(asked: int, given: int, told: int) -> None:
    world = limited(session_expiry_minimum=10, session_expiry_maximum=100)  # §3.2.2.3.2
    client = world.client("c", expiry=asked)
    assert said(client).session_expiry == told
    assert client.session.expiry == given


def test_a_tenant_may_keep_no_sessions_at_all() -> None:
    world = limited(force_transient=True)
    client = world.client("c", expiry=50)
    assert said(client).session_expiry == 0
    client.drop()
    world.connected("d", 4, clean=False).drop()
    assert world.tenant.sessions() == []


# What CONNACK says


def test_what_is_not_limited_is_not_mentioned() -> None:
    answer = said(World().client("c", keep_alive=60))
    assert (answer.receive_maximum, answer.maximum_qos, answer.retain_available) == (-1, -1, -1)
    assert (answer.wildcard_subscription_available, answer.subscription_identifier_available) == (-1, -1)
    assert (answer.shared_subscription_available, answer.server_keep_alive, answer.session_expiry) == (-1, -1, -1)
    assert (answer.maximum_packet_size, answer.topic_alias_maximum) == (1024 * 1024, 100)
    assert answer.authentication_method is None


def test_every_limit_is_told() -> None:
    world = limited(
        receive_maximum=20,
        maximum_qos=1,
        retain_available=False,
        packet_size=0,
        topic_alias_maximum=0,
        wildcards_available=False,
        identifiers_available=False,
        shared_available=False,
    )  # §3.2.2.3.4, §3.2.2.3.11 to 13
    answer = said(world.client("c"))
    assert (answer.receive_maximum, answer.maximum_qos, answer.retain_available) == (20, 1, 0)
    assert (answer.maximum_packet_size, answer.topic_alias_maximum) == (-1, -1)
    assert (answer.wildcard_subscription_available, answer.subscription_identifier_available) == (0, 0)
    assert answer.shared_subscription_available == 0


@pytest.mark.parametrize(
    ("asked", "told", "ends_after"), [(0, 60, 90), (120, 60, 90), (50, -1, 75), (5, 20, 30), (60, -1, 90), (20, -1, 30)]
)
def test_the_servers_keep_alive_binds_both(asked: int, told: int, ends_after: float) -> None:
    world = limited(keep_alive_minimum=20, keep_alive_maximum=60)  # [MQTT-3.2.2-21], [MQTT-3.2.2-22]
    client = world.client("c", keep_alive=asked)
    assert said(client).server_keep_alive == told
    world.pass_time(ends_after - 1)
    assert not client.is_closed()
    world.pass_time(2)
    assert client.is_closed()


def test_an_older_client_keeps_the_keep_alive_it_asked_for() -> None:
    world = limited(keep_alive_maximum=60)
    client = world.client("c", 4, keep_alive=120)
    client.expect_connack()
    world.pass_time(179)
    assert not client.is_closed()
    world.pass_time(2)
    assert client.is_closed()


def test_before_mqtt_5_connack_has_four_bytes() -> None:
    for level in (3, 4):  # 311: [MQTT-3.2.2-6]
        assert World().client("c", level).received_bytes() == b"\x20\x02\x00\x00"


def test_connack_comes_first() -> None:
    world = World()  # [MQTT-3.2.0-1], [MQTT-3.2.0-2]
    old = world.connected("c", expiry=100)
    old.subscribe("a", 1)
    old.drop()
    world.publish("a", b"x", 1)
    client = world.client("c", clean=False, expiry=100)
    first, second = client.received()
    assert isinstance(first, Connack)
    assert isinstance(second, Publish)


def test_a_client_may_bound_its_own_receive_maximum_and_packets() -> None:
    world = World()
    client = world.connected("c", receive_maximum=7, maximum_packet_size=500, topic_alias_maximum=3)
    link = client.connection
    assert (link.receive_maximum, link.maximum_packet_size, link.plain) == (7, 500, False)
    plain = world.connected("d", request_problem_information=0).connection
    assert (plain.receive_maximum, plain.plain) == (65_535, True)


def test_groups_the_gate_gives_are_joined_once() -> None:
    world, gate = World(), OpenGate()
    gate.groups = ["room/1", "room/2"]
    client = world.client("c", gate=gate, expiry=100)
    client.expect_connack()
    world.publish("room/2", b"x", 1)
    assert client.payloads() == [b"x"]
    client.unsubscribe("room/2")
    client.drop()
    client = world.client("c", gate=gate, clean=False, expiry=100)
    client.expect_connack()
    assert list(client.session.subscriptions) == ["room/1"]


# The store


def test_the_store_learns_of_persistent_sessions_alone() -> None:
    world = World(store=CommitsOnCommand())
    world.connected("t").drop()
    assert world.records() == []
    client = world.connected("c", user="alice", expiry=100)
    client.drop()
    first, second = world.records()
    assert isinstance(first, SessionSaved)
    assert (first.key, first.user, first.expiry, first.offline_since) == (("tenant", "", "c"), "alice", 100, 0.0)
    assert isinstance(second, SessionSaved)
    assert second.offline_since == world.now
    world.pass_time(101)
    (forgotten,) = world.records()
    assert isinstance(forgotten, SessionForgotten)


def test_a_session_that_is_to_end_with_its_new_connection_is_forgotten_by_the_store() -> None:
    world = World(store=CommitsOnCommand())
    world.connected("c", expiry=100).drop()
    world.records()
    client = world.connected("c", clean=False)
    (forgotten,) = world.records()
    assert isinstance(forgotten, SessionForgotten)
    client.drop()
    assert world.records() == []


def test_connect_with_everything_in_it_is_understood() -> None:
    world = World()
    client = world.stranger()
    will = Will("w", b"p", 1, True, properties(will_delay=1))
    everything = properties(session_expiry=9, receive_maximum=8, maximum_packet_size=1000, user_properties=[("a", "b")])
    client.send(Connect(5, "c", False, 30, "alice", b"secret", will, everything))
    client.expect_connack()
    assert client.session.identity.user == "alice"
    held = client.session.will
    assert held is not None
    assert (held.delay, held.message.topic, held.message.qos, held.message.retain) == (1, "w", 1, True)


def test_a_client_that_could_not_be_told_that_it_is_connected_is_not() -> None:
    world = World()  # [MQTT-3.1.2-24]
    client = world.client("c", clean=False, expiry=100, maximum_packet_size=2)
    assert_received(client)
    assert client.is_closed()
    assert world.broker.sessions("tenant") == []


def test_a_will_that_is_declared_as_text_must_be_text() -> None:
    limits = Limits()
    world = World(limits=limits)
    will = Will("w", b"\xff", 0, False, properties(payload_format=1))
    world.client("a", will=will).expect_connack()
    limits.payload_format_checked = True
    world.client("b", will=will).expect_connack(reasons.PAYLOAD_FORMAT_INVALID)
    world.client("c", will=Will("w", b"\xff", 0, False)).expect_connack()
    world.client("d", will=Will("w", b"text", 0, False, properties(payload_format=1))).expect_connack()


@pytest.mark.parametrize(
    ("level", "asked", "code"), [(4, 0, 3), (4, 181, 3), (4, 1, 0), (4, 180, 0), (3, 0, 3), (5, 0, 0), (5, 600, 0)]
)
def test_where_older_clients_cannot_be_told_of_another_keep_alive_they_may_be_refused(
    level: int, asked: int, code: int
) -> None:
    world = limited(keep_alive_maximum=180, keep_alive_refused_3=True)
    world.client("c", level, keep_alive=asked).expect_connack(code)


@pytest.mark.parametrize(("topic", "code"), [(" ", 0x90), ("   ", 0x90), (" a ", 0)])
def test_a_will_on_a_blank_topic_is_refused_where_the_limits_say_so(topic: str, code: int) -> None:
    limited(blank_wills_refused=True).client("c", will=Will(topic, b"", 0, False)).expect_connack(code)
    limited().client("c", will=Will(topic, b"", 0, False)).expect_connack(0)
