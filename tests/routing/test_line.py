"""A destination's queue: what is taken and how it ends."""

import pytest

from myna.routing.deadletters import EXPIRED
from tests.routing.harness import Depot


def test_events_are_taken_in_order_and_given_back_to_the_front() -> None:
    depot = Depot()
    depot.put(b"1", b"2", b"3")
    taken = depot.line.take(2, 100_000)
    assert [event.body for event in taken] == [b"1", b"2"]
    depot.line.give_back(taken)
    assert [event.body for event in depot.line.take(9, 100_000)] == [b"1", b"2", b"3"]


def test_an_event_knows_its_topic_and_can_be_decoded() -> None:
    depot = Depot()
    depot.put(b'{"id":"7"}', topic="x/y")
    (event,) = depot.line.take(1, 1)
    assert (event.topic, event.number, event.decoded()["id"]) == ("x/y", 1, "7")
    assert event.decoded() is event.decoded()


def test_the_expired_are_buried_when_taken_or_swept() -> None:
    depot = Depot(event_time_to_live=10)
    depot.put(b"1", b"2")
    depot.world.pass_time(11)
    depot.put(b"3")
    assert [event.body for event in depot.line.take(9, 100_000)] == [b"3"]
    depot = Depot(event_time_to_live=10)
    depot.put(b"1", b"2")
    depot.world.pass_time(5)
    depot.put(b"3")
    depot.line.sweep()
    assert len(depot.outbox) == 3
    depot.world.pass_time(6)
    depot.line.sweep()
    assert (len(depot.outbox), depot.line.buried, depot.kept.count()) == (1, {EXPIRED: 2}, 2)
    assert [event.body for event in depot.line.take(9, 100_000)] == [b"3"]


def test_a_full_queue_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    depot = Depot(queue_messages=2)
    depot.put(b"1", b"2", b"3", b"4")
    state = depot.line.state()
    assert (state["queued"], state["accepted"], state["overflowed"]) == (2, 2, 2)
    assert caplog.text.count("queue of the destination d is full") == 1
    depot = Depot(queue_messages=2, queue_policy="drop_oldest")
    depot.put(b"1", b"2", b"3")
    assert [event.body for event in depot.line.take(9, 100_000)] == [b"2", b"3"]


def test_the_lag_is_the_age_of_the_oldest_that_is_not_delivered() -> None:
    depot = Depot()
    assert depot.line.lag() == 0.0
    depot.put(b"1")
    depot.world.pass_time(5)
    depot.put(b"2")
    assert depot.line.lag() == 5.0
    first = depot.line.take(1, 1)
    assert depot.line.lag() == 5.0
    depot.line.done(first)
    assert depot.line.lag() == 0.0


def test_the_same_failure_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    depot = Depot()
    for _ in range(5):
        depot.line.failed_with("refused", "ServiceError", 2)
    assert caplog.text.count("a delivery to d failed: refused") == 1
    depot.world.pass_time(100)
    depot.line.failed_with("refused", "ServiceError", 2)
    assert caplog.text.count("a delivery to d failed: refused") == 2
    assert depot.line.failed == {"ServiceError": 12}
