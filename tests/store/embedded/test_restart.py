"""What is there again after a crash: all that was acknowledged, and what it takes to go on."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from myna.store.embedded import inspection
from myna.wire.packets import (
    Disconnect,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Unsubscribe,
    Will,
)
from myna.wire.properties import Properties
from tests.store.harness import Client, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def persistent(machine: Machine, name: str, filter: str = "a", qos: int = 1) -> Client:
    client = machine.client(name)
    client.connect()
    client.subscribe(filter, qos)
    return client


def kinds(packets: Sequence[object]) -> list[str]:
    return [type(packet).__name__ for packet in packets]


def test_a_publish_is_acknowledged_only_when_it_is_safe(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    machine.commit()
    publisher.publish("a", b"1")
    assert publisher.receive() == []
    machine.commit()
    assert kinds(publisher.receive()) == ["Puback"]


def test_a_publish_that_nobody_keeps_waits_for_nothing(machine: Machine) -> None:
    live = machine.client("live")
    live.connect(expiry=0)
    live.subscribe("b")
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("b", b"1")
    publisher.publish("c", b"1", packet_id=2)
    assert kinds(publisher.receive()) == ["Puback", "Puback"]


def test_clean_sessions_write_nothing(machine: Machine) -> None:
    for _ in range(3):
        client = machine.client("x")
        client.connect(expiry=0, clean=True)
        client.subscribe("b")
        client.lose()
    assert machine.store.sequence == 0


def test_acks_leave_in_order_when_an_early_one_waits(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"1", packet_id=1)
    publisher.publish("nobody", b"1", packet_id=2)
    assert publisher.receive() == []
    machine.commit()
    assert [packet.packet_id for packet in publisher.receive() if isinstance(packet, Puback)] == [1, 2]


def test_queued_messages_are_there_again_in_order(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for number in range(300):
        publisher.publish("a", b"%d" % number, packet_id=number + 1)
        if number % 7 == 0:
            machine.commit()
    machine.commit()
    machine.crash()
    sub = machine.client("sub")
    assert sub.connect().session_present
    assert sub.messages() == [b"%d" % number for number in range(300)]
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == []


def test_what_was_not_committed_was_not_acknowledged_and_is_gone(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"1")
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == []


def test_sent_messages_are_repeated_with_their_ids_and_dup(machine: Machine) -> None:
    sub = persistent(machine, "sub")
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for number in range(3):
        publisher.publish("a", b"%d" % number, packet_id=number + 1)
    machine.commit()
    sent = [packet for packet in sub.receive() if isinstance(packet, Publish)]
    assert not any(packet.dup for packet in sent)
    sub.send(Puback(sent[1].packet_id))
    machine.commit()
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    again = [packet for packet in sub.receive() if isinstance(packet, Publish)]
    assert [(packet.packet_id, packet.payload, packet.dup) for packet in again] == [
        (sent[0].packet_id, b"0", True),
        (sent[2].packet_id, b"2", True),
    ]


def test_the_window_of_a_long_queue_keeps_its_ids(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for number in range(20):
        publisher.publish("a", b"%d" % number, packet_id=number + 1)
    machine.commit()
    sub = machine.client("sub")
    sub.connect(receive_maximum=5)
    sent = [packet for packet in sub.receive() if isinstance(packet, Publish)]
    assert len(sent) == 5
    machine.commit()
    machine.crash()
    sub = machine.client("sub")
    sub.connect(receive_maximum=5)
    again = [packet for packet in sub.receive() if isinstance(packet, Publish)]
    assert [(packet.packet_id, packet.payload) for packet in again] == [
        (packet.packet_id, packet.payload) for packet in sent
    ]
    assert all(packet.dup for packet in again)


def test_a_qos_2_message_leaves_only_when_its_id_is_safe(machine: Machine) -> None:
    sub = persistent(machine, "sub", qos=2)
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"1", qos=2)
    assert sub.receive() == []
    machine.commit()
    assert kinds(sub.receive()) == ["Publish"]


def test_qos_2_towards_a_subscriber_goes_on_where_it_was(machine: Machine) -> None:
    sub = persistent(machine, "sub", qos=2)
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"1", qos=2, packet_id=1)
    publisher.publish("a", b"2", qos=2, packet_id=2)
    machine.commit()
    first, second = (packet for packet in sub.receive() if isinstance(packet, Publish))
    sub.send(Pubrec(first.packet_id))
    assert sub.receive() == []  # PUBREL frees the id, so it waits
    machine.commit()
    assert kinds(sub.receive()) == ["Pubrel"]
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    machine.commit()  # that the session is in use again
    again = sub.receive()
    assert kinds(again) == ["Pubrel", "Publish"]
    assert isinstance(again[1], Publish)
    assert again[1].payload == b"2"
    assert again[1].packet_id == second.packet_id
    sub.send(Pubcomp(first.packet_id))
    machine.commit()
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    machine.commit()
    assert kinds(sub.receive()) == ["Publish"]


def test_qos_2_from_a_publisher_is_routed_once_across_a_crash(machine: Machine) -> None:
    sub = persistent(machine, "sub", qos=1)
    publisher = machine.client("pub")
    publisher.connect()
    publisher.publish("a", b"1", qos=2, packet_id=7)
    machine.commit()
    assert kinds(publisher.receive()) == ["Pubrec"]
    assert sub.messages() == [b"1"]
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    publisher = machine.client("pub")
    assert publisher.connect().session_present
    publisher.publish("a", b"1", qos=2, packet_id=7, dup=True)
    machine.commit()
    assert kinds(publisher.receive()) == ["Pubrec"]
    assert sub.messages() == []
    publisher.send(Pubrel(7))
    assert publisher.receive() == []  # PUBCOMP gives the id back, so it waits
    machine.commit()
    assert kinds(publisher.receive()) == ["Pubcomp"]
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    publisher = machine.client("pub")
    publisher.connect()
    publisher.publish("a", b"2", qos=2, packet_id=7)
    machine.commit()
    assert sub.messages() == [b"2"]


def test_an_unsubscribed_filter_stays_unsubscribed(machine: Machine) -> None:
    sub = persistent(machine, "sub")
    sub.subscribe("b")
    sub.send(Unsubscribe(3, ["a"]))
    machine.commit()
    machine.crash()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"1", packet_id=1)
    publisher.publish("b", b"2", packet_id=2)
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == [b"2"]


def test_a_session_that_ended_is_not_there_and_its_name_starts_anew(machine: Machine) -> None:
    sub = persistent(machine, "sub")
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"old")
    machine.commit()
    sub.lose()
    sub = machine.client("sub")
    sub.connect(clean=True)
    sub.subscribe("b")
    machine.commit()
    machine.crash()
    sub = machine.client("sub")
    assert sub.connect().session_present
    assert sub.messages() == []


def test_a_session_resumed_without_expiry_ends_with_the_crash(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    sub = machine.client("sub")
    sub.connect(expiry=0)
    machine.commit()
    machine.crash()
    machine.tick()
    sub = machine.client("sub")
    assert not sub.connect().session_present


def test_session_expiry_runs_on_while_the_broker_is_down(machine: Machine) -> None:
    sub = machine.client("sub")
    sub.connect(expiry=100)
    sub.subscribe("a")
    sub.lose()
    machine.commit()
    machine.now += 101
    machine.crash()
    machine.tick()
    assert not machine.client("sub").connect().session_present


def test_retained_messages_come_back_with_properties_and_what_is_left_of_their_life(machine: Machine) -> None:
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    properties = Properties()
    properties.message_expiry = 100
    properties.content_type = "text/x"
    properties.user_properties = [("k", "v")]
    publisher.publish("r", b"kept", packet_id=1, retain=True, properties=properties)
    publisher.publish("gone", b"x", packet_id=2, retain=True)
    publisher.publish("gone", b"", packet_id=3, retain=True)
    machine.commit()
    assert len(publisher.receive()) == 3
    machine.now += 40
    machine.crash()
    reader = machine.client("reader")
    reader.connect(expiry=0)
    reader.subscribe("#")
    machine.commit()
    found = [packet for packet in reader.receive() if isinstance(packet, Publish)] or reader.unread
    reader = machine.client("reader2")
    reader.connect(expiry=0)
    from myna.wire.packets import Subscribe, SubscriptionRequest

    reader.send(Subscribe(1, [SubscriptionRequest("#", 1)]))
    found = [packet for packet in reader.receive() if isinstance(packet, Publish)]
    assert [(packet.topic, packet.payload) for packet in found] == [("r", b"kept")]
    held = found[0].properties
    assert held is not None
    assert held.message_expiry == 60
    assert held.content_type == "text/x"
    assert held.user_properties == [("k", "v")]


def test_a_will_whose_delay_runs_is_published_when_it_is_due(machine: Machine) -> None:
    persistent(machine, "sub", "w").lose()
    properties = Properties()
    properties.will_delay = 30
    dying = machine.client("dying")
    dying.connect(will=Will("w", b"bye", 1, False, properties))
    dying.lose()
    machine.commit()
    machine.now += 10
    machine.crash()
    machine.tick()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == []
    machine.now += 21
    machine.tick()
    assert sub.messages() == [b"bye"]
    machine.now += 100
    machine.commit()
    machine.crash()
    machine.tick()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == []


def test_the_will_of_a_client_that_was_connected_is_published_after_the_crash(machine: Machine) -> None:
    persistent(machine, "sub", "w").lose()
    dying = machine.client("dying")
    dying.connect(will=Will("w", b"bye", 1, False))
    machine.commit()
    machine.crash()
    machine.tick()
    machine.commit()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == [b"bye"]


def test_a_will_called_off_by_disconnect_stays_so(machine: Machine) -> None:
    persistent(machine, "sub", "w").lose()
    leaving = machine.client("leaving")
    leaving.connect(will=Will("w", b"bye", 1, False))
    leaving.send(Disconnect(0))
    machine.commit()
    machine.crash()
    machine.tick()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == []


def test_a_will_published_after_its_delay_is_not_published_again_when_the_session_ends(machine: Machine) -> None:
    persistent(machine, "sub", "w").lose()
    properties = Properties()
    properties.will_delay = 5
    dying = machine.client("dying")
    dying.connect(expiry=20, will=Will("w", b"bye", 1, False, properties))
    dying.lose()
    machine.now += 6
    machine.tick()
    machine.now += 20
    machine.tick()
    sub = machine.client("sub")
    sub.connect()
    assert sub.messages() == [b"bye"]


def test_small_settings_last(machine: Machine) -> None:
    machine.broker.kept.keep("bans", "t/u", b"until tomorrow")
    machine.broker.kept.keep("bans", "t/v", b"x")
    machine.commit()
    machine.broker.kept.keep("bans", "t/v", None)
    machine.commit()
    machine.crash()
    assert machine.broker.kept.of("bans") == {"t/u": b"until tomorrow"}


def test_a_long_queue_is_read_back_from_the_file(machine: Machine) -> None:
    persistent(machine, "sub").lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for number in range(5000):
        publisher.publish("a", b"%d" % number, packet_id=number + 1)
        if number % 1000 == 999:
            machine.commit()
            publisher.receive()
    session = machine.broker.session("t", "", "sub")
    assert session is not None
    assert sum(delivery.message is not None for delivery in session.outbound.queue.deliveries) <= 1002  # type: ignore[attr-defined]
    sub = machine.client("sub")
    sub.connect(receive_maximum=100)
    assert sub.messages() == [b"%d" % number for number in range(5000)]
    machine.commit()
    assert not machine.engine.ledger.rows


def test_a_retained_message_queued_for_two_sessions_at_two_times_is_kept_for_both(machine: Machine) -> None:
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"r", retain=True)
    machine.commit()
    one = persistent(machine, "one")
    machine.commit()
    two = persistent(machine, "two")
    machine.commit()
    sent = [packet for packet in one.receive() if isinstance(packet, Publish)]
    one.send(Puback(sent[0].packet_id)) if sent else None
    machine.commit()
    del two
    machine.crash()
    two = machine.client("two")
    two.connect()
    assert two.messages() == [b"r"]


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_run_of_packets_is_acknowledged_when_all_of_it_is_safe(machine: Machine, qos: int, others: int) -> None:
    live = machine.client("live")
    live.connect(expiry=0)
    live.subscribe("a", qos)
    for number in range(others):
        persistent(machine, f"sub{number}", qos=qos).lose()
    publisher = machine.client("pub")
    publisher.connect()
    publisher.publish("a", b"first", qos=qos, packet_id=99)  # so that the topic is known
    machine.commit()
    publisher.receive()
    run = [Publish("a", b"%02d" % number, qos, packet_id=number) for number in range(10, 60)]
    publisher.send(*run)
    if others or qos == 2:
        assert publisher.receive() == []
    machine.commit()
    assert len(publisher.receive()) == 50
    assert live.messages() == [b"first", *[b"%02d" % number for number in range(10, 60)]]
    machine.crash()
    publisher = machine.client("pub")
    publisher.connect()
    if qos == 2:  # all of them are open
        publisher.send(*[Publish("a", b"again", 2, dup=True, packet_id=number) for number in range(10, 60)])
    machine.commit()
    for number in range(others):
        sub = machine.client(f"sub{number}")
        sub.connect()
        machine.commit()  # at QoS 2 they leave when their ids are stored
        assert sub.messages() == [b"first", *[b"%02d" % number for number in range(10, 60)]]
    machine.commit()
    assert machine.engine.ledger.live == 0


def test_a_retained_message_that_expires_leaves_memory_and_file_after_a_restart_too(machine: Machine) -> None:
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for topic, expiry in (("soon", 50), ("later", 100)):
        properties = Properties()
        properties.message_expiry = expiry
        publisher.publish(topic, b"kept", packet_id=1, retain=True, properties=properties)
    machine.commit()
    machine.now += 60
    machine.crash()
    machine.tick()
    machine.commit()
    assert machine.broker.tenant("t").retained.topics() == ["later"]
    assert inspection.stats(machine.folder).rows["retained"] == 1
    machine.now += 60
    machine.tick()
    machine.commit()
    assert inspection.stats(machine.folder).rows["retained"] == 0


def test_the_time_of_a_session_does_not_begin_again_with_each_restart(machine: Machine) -> None:
    persistent(machine, "sub")
    machine.commit()
    machine.crash()
    for _ in range(3):
        machine.commit()
        machine.now += 1300
        machine.crash()
        machine.tick()
    assert machine.broker.session("t", "", "sub") is None


def test_what_may_have_been_sent_before_two_crashes_still_bears_dup(machine: Machine) -> None:
    sub = machine.client("sub")
    sub.connect(receive_maximum=1)
    sub.subscribe("a")
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    publisher.publish("a", b"1", packet_id=1)
    publisher.publish("a", b"2", packet_id=2)
    machine.commit()
    (first,) = (packet for packet in sub.receive() if isinstance(packet, Publish))
    sub.send(Puback(first.packet_id))
    assert len([packet for packet in sub.receive() if isinstance(packet, Publish)]) == 1
    machine.crash()  # before that the second one was sent could be stored
    machine.commit()
    machine.crash()
    sub = machine.client("sub")
    sub.connect()
    found = [packet for packet in sub.receive() if isinstance(packet, Publish)]
    assert [(packet.payload, packet.dup) for packet in found] == [(b"1", True), (b"2", True)]


def test_what_comes_behind_a_message_that_waits_does_not_overtake_it(machine: Machine) -> None:
    sub = persistent(machine, "sub", qos=2)
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    machine.commit()
    publisher.publish("a", b"1", qos=2, packet_id=1)
    publisher.publish("a", b"2", qos=1, packet_id=2)
    assert sub.receive() == []
    machine.commit()
    assert [packet.payload for packet in sub.receive() if isinstance(packet, Publish)] == [b"1", b"2"]


def test_bans_hold_after_a_restart_until_they_end_or_are_lifted(machine: Machine) -> None:
    bans = machine.broker.bans
    bans.ban(None, "address", "198.51.100.0/24", machine.now, reason="flood")
    bans.ban("t", "user", "alice", machine.now)
    bans.ban("t", "client_id", "soon", machine.now, expires_at=machine.now + 1)
    bans.unban("t", "user", "alice")
    machine.commit()
    machine.now += 5
    machine.crash()
    held = machine.broker.bans.listed(machine.now)
    assert [(one.tenant, one.kind, one.what, one.reason) for one in held] == [
        (None, "address", "198.51.100.0/24", "flood")
    ]
    assert machine.broker.bans.banned_everywhere("198.51.100.7:1", machine.now) is not None
