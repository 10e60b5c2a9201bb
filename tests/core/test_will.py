"""Last wills: once, on every end of a connection but a clean one, at once or after their delay."""

from typing import Any

import pytest

from myna.core.identity import Identity
from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.records import RetainedSet, SessionForgotten, WillSet
from myna.core.restoring import restore_session, restore_will
from myna.core.will import PendingWill
from myna.testing import (
    FOREVER,
    TENANT,
    Client,
    CommitsOnCommand,
    FakeGuard,
    FakeRules,
    OpenGate,
    World,
    assert_received,
    properties,
)
from myna.wire.packets import Connect, Pingreq, Publish, Will


def watched(world: World) -> Client:
    watcher = world.connected("watcher")
    watcher.subscribe("will", 2, as_published=True)
    return watcher


def will(payload: bytes = b"gone", qos: int = 0, retain: bool = False, **fields: Any) -> Will:
    return Will("will", payload, qos, retain, properties(**fields) if fields else None)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_a_clean_goodbye_deletes_the_will(level: int) -> None:
    world = World()  # [MQTT-3.14.4-3]; 311: [MQTT-3.1.2-10]
    watcher = watched(world)
    world.connected("c", level, will=will()).disconnect()
    assert watcher.messages() == []


@pytest.mark.parametrize("code", [0x04, 0x80, 0x81, 0x82, 0x93, 0x98, 0x8E])
def test_any_other_goodbye_does_not(code: int) -> None:
    world = World()  # [MQTT-3.1.2-8], [MQTT-3.14.4-3]
    watcher = watched(world)
    world.connected("c", will=will()).disconnect(code)
    assert watcher.payloads() == [b"gone"]


def test_a_reserved_code_does_not_either() -> None:
    world = World()
    watcher = watched(world)
    client = world.connected("c", will=will())
    client.send_bytes(b"\xe0\x01\xff")
    assert client.is_closed()
    client.drop()
    assert watcher.payloads() == [b"gone"]


@pytest.mark.parametrize("level", [3, 4, 5])
def test_a_lost_connection_publishes_the_will_once(level: int) -> None:
    world = World()
    watcher = watched(world)
    client = world.connected("c", level, will=will())
    client.drop()
    client.connection.lost(world.now)
    world.pass_time(1e6)
    assert watcher.payloads() == [b"gone"]
    assert world.broker.counters.wills_published == 1


@pytest.mark.parametrize("level", [3, 4, 5])
def test_a_protocol_error_a_second_connect_and_a_kick_publish_it(level: int) -> None:
    world = World()
    watcher = watched(world)
    world.connected("a", level, will=will(b"error")).send_bytes(b"\x00\x00")
    world.connected("b", level, will=will(b"connect")).send(Connect(level, "b", True, 0))  # [MQTT-3.1.0-2]
    world.connected("c", level, will=will(b"kick"))
    world.broker.disconnect(world.broker.sessions("tenant", client_id="c"), 0x98, world.now)
    assert watcher.payloads() == [b"error", b"connect", b"kick"]


def test_a_will_has_its_qos_its_retain_flag_and_its_properties() -> None:
    world = World()  # [MQTT-3.1.2-14], [MQTT-3.1.2-15], [MQTT-3.1.3-10]
    watcher = watched(world)
    pairs = [("a", "1"), ("a", "2")]
    fields: dict[str, Any] = {
        "payload_format": 1,
        "content_type": "text",
        "response_topic": "r",
        "correlation_data": b"c",
        "user_properties": pairs,
    }
    world.connected("c", will=will(b"gone", 2, True, message_expiry=30, **fields)).drop()
    expected = properties(message_expiry=30, **fields)
    assert_received(watcher, Publish("will", b"gone", 2, True, packet_id=1, properties=expected))
    late = world.connected("late")
    late.subscribe("will", 1)
    assert_received(late, Publish("will", b"gone", 1, True, packet_id=1, properties=expected))


def test_its_lifetime_starts_when_it_is_published() -> None:
    world = World()
    watcher = watched(world)
    client = world.connected("c", will=will(message_expiry=10))
    world.pass_time(1000)
    client.drop()
    assert_received(watcher, Publish("will", b"gone", properties=properties(message_expiry=10)))


@pytest.mark.parametrize(
    ("delay", "expiry", "after"),
    [(3, 100, 3.0), (3, FOREVER, 3.0), (5, 2, 2.0), (5, 0, 0.0), (0, 100, 0.0), (5, 5, 5.0)],
)
def test_a_will_waits_for_its_delay_but_no_longer_than_its_session(delay: int, expiry: int, after: float) -> None:
    world = World()  # §3.1.3.2.2
    watcher = watched(world)
    world.connected("c", will=will(will_delay=delay), expiry=expiry).drop()
    if after:
        world.pass_time(after - 0.1)
        assert watcher.messages() == []
        world.pass_time(0.2)
    assert watcher.payloads() == [b"gone"]
    world.pass_time(1000)
    assert watcher.messages() == []


@pytest.mark.parametrize("comes_back_with", [None, will(b"new", will_delay=3)])
def test_who_is_back_in_time_has_called_it_off(comes_back_with: Will | None) -> None:
    world = World()  # [MQTT-3.1.3-9]
    watcher = watched(world)
    world.connected("c", will=will(b"old", will_delay=3), expiry=100).drop()
    world.pass_time(2)
    client = world.connected("c", clean=False, expiry=100, will=comes_back_with)
    world.pass_time(50)
    assert watcher.messages() == []
    client.drop()
    world.pass_time(4)
    assert watcher.payloads() == ([] if comes_back_with is None else [b"new"])
    world.pass_time(1000)
    assert watcher.messages() == []


def test_who_starts_clean_ends_the_session_and_with_it_the_wait() -> None:
    world = World()  # [MQTT-3.1.2-8]
    watcher = watched(world)
    world.connected("c", will=will(will_delay=30), expiry=100).drop()
    world.connected("c", clean=True)
    assert watcher.payloads() == [b"gone"]
    world.pass_time(1000)
    assert watcher.messages() == []


def test_a_take_over_publishes_a_will_without_delay() -> None:
    world = World()  # [MQTT-3.1.2-8]; 311: [MQTT-3.1.2-8]
    watcher = watched(world)
    world.connected("c", will=will(b"one"), expiry=100)
    world.connected("c", clean=False, will=will(b"two", will_delay=10), expiry=100)
    assert watcher.payloads() == [b"one"]
    world.connected("c", clean=False, expiry=100)
    world.pass_time(50)
    assert watcher.messages() == []


def test_a_take_over_with_a_clean_start_publishes_a_delayed_one_as_well() -> None:
    world = World()
    watcher = watched(world)
    world.connected("c", will=will(will_delay=10), expiry=100)
    world.connected("c", clean=True)
    assert watcher.payloads() == [b"gone"]


def test_a_session_set_to_expire_by_its_disconnect_takes_its_will_along() -> None:
    world = World()
    watcher = watched(world)
    world.connected("c", will=will(will_delay=10), expiry=100).disconnect(0x04, session_expiry=0)
    assert watcher.payloads() == [b"gone"]


def test_what_is_forbidden_by_then_is_not_published() -> None:
    world, gate, rules = World(), OpenGate(), FakeRules()
    watcher = watched(world)
    gate.rules = rules
    client = world.client("c", gate=gate, will=will())
    client.expect_connack()
    rules.forbidden["will"] = 0x87
    client.drop()
    assert watcher.messages() == []
    assert world.dropped("not_permitted") == 1
    assert world.watcher.lines[-2:] == ["c refused will on 'will': not authorized", "c ended 0x00"]


@pytest.mark.parametrize(("verdict", "seen"), [(0, [b"gone"]), (1, []), (0x87, [])])
def test_a_guard_stands_before_wills(verdict: int, seen: list[bytes]) -> None:
    world = World()
    guard = FakeGuard("will")
    guard.publish_verdict = verdict
    world.broker.guard(guard)
    watcher = watched(world)
    world.connected("c", will=will()).drop()
    assert watcher.payloads() == seen
    assert [message.payload for message in guard.published] == [b"gone"]


def test_a_will_reaches_its_own_session_when_that_comes_back() -> None:
    world = World()
    client = world.connected("c", will=will(qos=1), expiry=100)
    client.subscribe("will", 1)
    client.drop()
    client = world.connected("c", clean=False, expiry=100)
    assert client.payloads() == [b"gone"]


@pytest.mark.parametrize(
    ("bound", "value", "code"),
    [
        ("maximum_qos", 0, 0x9B),  # [MQTT-3.2.2-12]
        ("retain_available", False, 0x9A),  # [MQTT-3.2.2-13]
        ("will_size", 3, 0x95),
        ("topic_length", 3, 0x90),
    ],
)
def test_a_will_beyond_what_the_tenant_offers_is_refused_at_connect(bound: str, value: object, code: int) -> None:
    limits = Limits()
    setattr(limits, bound, value)
    world = World(limits=limits)
    world.client("c", will=will(b"gone", 1, True)).expect_connack(code)
    world.client("d", will=Will("w", b"ok", 0, False)).expect_connack()


def test_a_will_that_nobody_signed_is_published_all_the_same() -> None:
    world = World()
    watcher = watched(world)
    message = Message("will", b"gone", 0, False, Origin("store", "tenant"), world.now)
    restored = PendingWill(world.broker, ("tenant", "", "c"), message, 5, 0.0)
    assert not restored.connection_ended(10.0, False, world.now)
    world.pass_time(6)
    assert watcher.payloads() == [b"gone"]


def test_the_store_learns_of_a_will_of_its_delay_and_of_its_end() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", will=will(will_delay=3), expiry=100)
    set_at_first = [record for record in world.records() if isinstance(record, WillSet)]
    assert [(record.message is None, record.delay, record.due) for record in set_at_first] == [(False, 3, 0.0)]
    client.drop()
    waiting = [record for record in world.records() if isinstance(record, WillSet)]
    assert [(record.message is None, record.due) for record in waiting] == [(False, world.now + 3)]
    world.pass_time(4)
    done = [record for record in world.records() if isinstance(record, WillSet)]
    assert [record.message for record in done] == [None]
    world.pass_time(1000)
    assert any(isinstance(record, SessionForgotten) for record in world.records())


@pytest.mark.parametrize("goodbye", [0x00, 0x04])
def test_the_store_forgets_a_will_that_is_done_with(goodbye: int) -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", will=will(retain=True), expiry=100)
    client.disconnect(goodbye)
    records = world.records()
    assert [record.message for record in records if isinstance(record, WillSet)][-1] is None
    assert any(isinstance(record, RetainedSet) for record in records) == (goodbye == 0x04)


def test_a_session_without_a_will_writes_nothing_about_it() -> None:
    world = World(store=CommitsOnCommand())
    client = world.connected("c", expiry=100)
    client.send(Pingreq())
    client.drop()
    world.connected("c", clean=False, expiry=100)
    assert [record for record in world.records() if isinstance(record, WillSet)] == []


def test_a_new_connection_without_a_will_clears_the_stored_one() -> None:
    world = World(store=CommitsOnCommand())
    world.connected("c", will=will(will_delay=50), expiry=100).drop()
    world.records()
    world.connected("c", clean=False, expiry=100)
    assert [record.message for record in world.records() if isinstance(record, WillSet)] == [None]


def test_a_delay_longer_than_the_tenant_allows_is_cut() -> None:
    limits = Limits()
    limits.will_delay_maximum = 10
    world = World(limits=limits)
    reader = world.connected("reader")
    reader.subscribe("#")
    world.connected("c", will=Will("w", b"p", 0, False, properties(will_delay=100)), expiry=1000).drop()
    world.pass_time(9)
    assert reader.messages() == []
    world.pass_time(2)
    assert len(reader.messages()) == 1


def test_a_will_that_may_not_be_published_is_not_kept_by_the_store() -> None:
    world = World(store=CommitsOnCommand())
    rules = FakeRules()
    rules.forbidden["will"] = 0x87
    world.broker.rules = rules
    world.connected("c", will=will(), expiry=60)
    assert not [record for record in world.records() if isinstance(record, WillSet)]


def test_a_will_from_the_store_is_judged_as_its_session() -> None:
    world = World(store=CommitsOnCommand())
    watcher = watched(world)
    rules = FakeRules()
    rules.forbidden["will"] = 0x87
    world.broker.rules = rules
    session = restore_session(world.broker, (TENANT, "", "c"), Identity(TENANT, "alice"), 60, 900.0, world.now)
    message = Message("will", b"gone", 0, False, Origin("mqtt", TENANT), world.now)
    restore_will(world.broker, session, message, 0, 1000.0, 0.0, world.now)
    world.pass_time(1)
    assert watcher.messages() == []
    assert world.dropped("not_permitted") == 1
