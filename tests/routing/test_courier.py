"""Batches, attempts, order, and leaving a destination alone that fails."""

import asyncio

import pytest

from myna.core.records import Settled
from myna.routing.deadletters import ATTEMPTS, EXPIRED, REFUSED
from myna.routing.verdict import DELIVERED, again, never
from tests.routing.harness import Depot, FakeDestination, until


async def test_an_event_is_delivered_and_then_settled() -> None:
    depot = Depot()
    await depot.start()
    depot.put(b"1")
    await depot.idle()
    assert depot.destination.batches == [[b"1"]]
    assert (depot.line.delivered, depot.line.attempts) == (1, 1)
    assert any(isinstance(record, Settled) for record in depot.world.records())


async def test_events_go_in_batches_up_to_their_size_and_bytes() -> None:
    depot = Depot(max_events_per_batch=3, preferred_batch_size=1024, concurrency=1)
    depot.put(*[b"%d" % number for number in range(5)], b"." * 2000, b"x")
    await depot.start()
    await depot.idle()
    assert depot.destination.batches == [[b"0", b"1", b"2"], [b"3", b"4"], [b"." * 2000], [b"x"]]


@pytest.mark.parametrize("ordered", [False, True])
async def test_no_batch_is_larger_than_preferred_whatever_it_is_made_of(ordered: bool) -> None:
    depot = Depot(
        max_events_per_batch=5, preferred_batch_size=1024, concurrency=1, retry=(10.0,), ordered=ordered,
        max_delivery_count=0,
    )  # fmt: skip
    depot.destination.verdicts.extend([again("no", hold=0.0)] * 4)
    for number, size in enumerate((300, 300, 600, 900, 20, 2000, 600)):
        depot.put(b"%d" % number * size, topic=f"t/{number % 2}")
    courier = await depot.start()
    for _ in range(20):
        await depot.turns()
        depot.pass_time(11)
    await depot.idle()
    assert {sum(map(len, batch)) for batch in depot.destination.batches if len(batch) > 1} <= set(range(1025))
    assert {body[:1] for body in depot.destination.sent} == {b"%d" % number for number in range(7)}
    if ordered:
        firsts = list(dict.fromkeys(int(body[:1]) for body in depot.destination.sent))
        assert [number for number in firsts if number % 2] == [1, 3, 5]
        assert [number for number in firsts if not number % 2] == [0, 2, 4, 6]
    await courier.stop(0)


async def test_what_was_parked_behind_another_does_not_outlive_its_time() -> None:
    depot = Depot(ordered=True, retry=(100.0,), event_time_to_live=50.0)
    depot.put(b"1", b"2")
    depot.destination.verdicts.append(again("no"))
    courier = await depot.start()
    await until(lambda: courier.state()["retrying"] == 1)
    depot.pass_time(60)
    await depot.idle()
    assert depot.destination.sent == [b"1"]
    assert depot.line.buried == {"TimeToLiveExceeded": 2}
    await courier.stop(0)


async def test_no_more_deliveries_are_under_way_than_allowed() -> None:
    depot = Depot(concurrency=4)
    depot.destination.gate = asyncio.Event()
    depot.put(*[b"%d" % number for number in range(20)])
    await depot.start()
    await until(lambda: depot.destination.underway == 4)
    await depot.turns()
    assert depot.destination.most_underway == 4
    depot.destination.gate.set()
    await depot.idle()
    assert depot.destination.most_underway == 4
    assert sorted(depot.destination.sent) == sorted(b"%d" % number for number in range(20))


async def test_what_fails_is_tried_again_by_the_schedule_while_others_go_on() -> None:
    depot = Depot(retry=(10, 30), concurrency=1)
    depot.destination.verdicts += [again("busy"), DELIVERED, again("busy"), DELIVERED]
    depot.put(b"1", b"2")
    await depot.start()
    await until(lambda: depot.destination.sent == [b"1", b"2"])
    depot.pass_time(9.9)
    await depot.turns()
    assert depot.destination.sent == [b"1", b"2"]
    depot.pass_time(1.2)
    await until(lambda: depot.destination.sent == [b"1", b"2", b"1"])
    depot.pass_time(29)
    await depot.turns()
    assert len(depot.outbox) == 1
    depot.pass_time(5)
    await depot.idle()
    assert depot.line.failed == {"ServiceError": 2}
    assert depot.line.last_error == "busy"


async def test_a_verdict_may_ask_for_a_longer_wait() -> None:
    depot = Depot(retry=(1,))
    depot.destination.verdicts.append(again("later", after=100))
    depot.put(b"1")
    await depot.start()
    await until(lambda: depot.line.attempts == 1)
    depot.pass_time(99)
    await depot.turns()
    assert len(depot.destination.batches) == 1
    depot.pass_time(12)
    await depot.idle()


async def test_too_many_attempts_make_a_dead_letter() -> None:
    depot = Depot(retry=(1,), max_delivery_count=2)
    depot.destination.verdicts += [again("no", result="Timeout")] * 2
    depot.put(b'{"id":"1"}')
    await depot.start()
    await until(lambda: depot.line.attempts == 1)
    depot.pass_time(2)
    await depot.idle()
    assert depot.line.buried == {ATTEMPTS: 1}
    (letter,) = depot.kept.show(0)
    said = letter["deadLetterProperties"]
    assert (said["deadletterreason"], said["deliveryattempts"], said["deliveryresult"]) == (ATTEMPTS, 2, "Timeout")
    assert bytes(letter["event"]) == b'{"id":"1"}'


async def test_what_can_never_succeed_is_not_repeated() -> None:
    depot = Depot()
    depot.destination.verdicts.append(never("404"))
    depot.put(b"1", b"2")
    await depot.start()
    await depot.idle()
    assert depot.line.buried == {REFUSED: 1}
    assert depot.destination.sent == [b"1", b"2"]


async def test_events_whose_time_has_passed_are_not_sent() -> None:
    depot = Depot(retry=(30,), event_time_to_live=20)
    depot.destination.verdicts.append(again("no"))
    depot.put(b"1")
    await depot.start()
    await until(lambda: depot.line.attempts == 1)
    depot.pass_time(40)
    await depot.idle()
    assert depot.line.buried == {EXPIRED: 1}
    assert depot.destination.sent == [b"1"]


async def test_each_event_of_a_batch_may_have_a_verdict_of_its_own() -> None:
    depot = Depot(max_events_per_batch=3, retry=(1,))
    depot.destination.verdicts.append([DELIVERED, again("no"), never("no")])
    depot.put(b"1", b"2", b"3")
    await depot.start()
    await until(lambda: len(depot.outbox) == 1)
    depot.pass_time(2)
    await depot.idle()
    assert depot.destination.batches == [[b"1", b"2", b"3"], [b"2"]]


async def test_a_destination_that_keeps_failing_is_left_alone_and_then_tried_by_one() -> None:
    depot = Depot(retry=(1,), concurrency=8)
    depot.destination.verdicts += [again("down", hold=60)] * 11
    depot.put(*[b"%d" % number for number in range(100)])
    await depot.start()
    await until(
        lambda: depot.line.attempts == 10
    )  # two had failed before the third, and others were sent in their place
    depot.pass_time(50)
    await depot.turns()
    assert depot.line.attempts == 10
    depot.destination.gate = asyncio.Event()
    depot.pass_time(17)
    await until(lambda: depot.destination.underway == 1)
    await depot.turns()
    assert depot.destination.underway == 1
    depot.destination.gate.set()
    await until(lambda: depot.line.attempts == 11)
    assert depot.courier.state()["heldBackSeconds"] > 55
    depot.pass_time(70)
    await depot.idle()
    assert sorted(set(depot.destination.sent)) == sorted(b"%d" % number for number in range(100))


async def test_a_connection_that_fails_again_and_again_is_made_anew_where_that_helps() -> None:
    depot = Depot(retry=(1.0,), max_delivery_count=0, concurrency=2)
    depot.destination = made = Renewed()
    made.verdicts.extend([again("lost", result="SocketError", hold=10.0)] * 4)
    depot.put(b"1", b"2")
    courier = await depot.start()
    for _ in range(8):
        await depot.turns()
        depot.pass_time(12)
    await depot.idle()
    assert (made.starts, made.renewed_underway) == (2, 0)
    await courier.stop(0)


class Renewed(FakeDestination):
    RENEWS = True
    starts = renewed_underway = 0

    async def start(self) -> None:
        self.starts += 1
        self.renewed_underway += self.underway


async def test_what_was_not_even_tried_counts_as_no_attempt() -> None:
    depot = Depot(max_delivery_count=1)
    depot.destination.verdicts.append(again("held back", untried=True, after=5))
    depot.put(b"1")
    await depot.start()
    await until(lambda: depot.destination.batches == [[b"1"]])
    depot.pass_time(7)
    await depot.idle()
    assert (depot.line.delivered, depot.line.attempts, depot.line.buried) == (1, 1, {})


async def test_a_bug_in_a_destination_is_a_failure_like_others(caplog: pytest.LogCaptureFixture) -> None:
    depot = Depot(retry=(1,))
    depot.destination.verdicts.append(RuntimeError("oops"))
    depot.put(b"1")
    await depot.start()
    await until(lambda: depot.line.attempts == 1)
    assert "oops" in caplog.text
    depot.pass_time(2)
    await depot.idle()


async def test_an_ordered_line_sends_one_topic_in_order_and_others_meanwhile() -> None:
    depot = Depot(retry=(10,), ordered=True, concurrency=4)
    depot.destination.verdicts.append(again("no"))
    depot.put(b"a1", b"a2", topic="a")
    depot.put(b"b1", b"b2", topic="b")
    depot.put(b"a3", topic="a")
    await depot.start()
    await until(lambda: depot.line.delivered == 2)
    await depot.turns()
    assert depot.destination.sent == [b"a1", b"b1", b"b2"]
    depot.pass_time(12)
    await depot.idle()
    assert depot.destination.sent == [b"a1", b"b1", b"b2", b"a1", b"a2", b"a3"]


async def test_an_ordered_batch_that_fails_stays_in_order() -> None:
    depot = Depot(retry=(10,), ordered=True, max_events_per_batch=2, concurrency=4)
    depot.destination.verdicts += [again("no", hold=0.0), again("no", hold=0.0)]
    depot.put(b"a1", topic="a")
    depot.put(b"b1", topic="b")
    depot.put(b"c1", topic="c")
    depot.put(b"a2", b"a3", topic="a")
    depot.put(b"c2", topic="c")
    await depot.start()
    for _ in range(10):
        await depot.turns()
        depot.pass_time(12)
    await depot.idle()
    firsts = {body: depot.destination.sent[::-1].index(body) for body in (b"a1", b"a2", b"a3", b"c1", b"c2")}
    assert firsts[b"a1"] > firsts[b"a2"] > firsts[b"a3"]
    assert firsts[b"c1"] > firsts[b"c2"]


async def test_order_is_kept_whatever_fails() -> None:
    """Per topic, the last delivery of each event comes after those of all before it, and none overtakes."""
    import random

    for seed in range(30):
        dice = random.Random(seed)
        depot = Depot(
            retry=(10,), ordered=True, max_events_per_batch=dice.randint(1, 4), concurrency=3, max_delivery_count=0
        )
        depot.destination.PATIENCE = 10_000  # type: ignore[misc]
        depot.destination.verdicts += [again("no") if dice.random() < 0.5 else DELIVERED for _ in range(60)]
        delivered: list[bytes] = []
        done = depot.line.done
        depot.line.done = lambda events, done=done, delivered=delivered: (  # type: ignore[method-assign,misc,assignment]
            delivered.extend(event.body for event in events),
            done(events),
        )
        for number in range(60):
            depot.put(b"%d" % number, topic=dice.choice("abc"))
        await depot.start()
        while len(depot.outbox):
            await depot.turns(5)
            depot.pass_time(3)
        assert len(delivered) == 60
        topics: dict[str, list[int]] = {}
        dice = random.Random(seed)
        dice.randint(1, 4)
        [dice.random() for _ in range(60)]
        for number in range(60):
            topics.setdefault(dice.choice("abc"), []).append(number)
        for numbers in topics.values():
            assert [int(body) for body in delivered if int(body) in numbers] == numbers


async def test_a_paused_line_sends_nothing_until_it_goes_on() -> None:
    depot = Depot()
    depot.line.paused = True
    depot.put(b"1")
    courier = await depot.start()
    await depot.turns()
    assert depot.destination.batches == []
    depot.line.paused = False
    courier.wake()
    await depot.idle()


async def test_what_waits_for_another_attempt_is_bounded() -> None:
    depot = Depot(retry=(1000,), max_events_per_batch=100, concurrency=1)
    depot.destination.PATIENCE = 10_000  # type: ignore[misc]
    depot.destination.verdicts += [again("no")] * 50
    depot.put(*[b"%d" % number for number in range(3000)])
    await depot.start()
    await depot.turns(200)
    assert depot.courier.state()["retrying"] == 1000
    assert len(depot.outbox.queue) == 2000


async def test_stopping_waits_for_what_is_under_way_and_keeps_the_rest() -> None:
    depot = Depot(concurrency=1)
    depot.destination.gate = asyncio.Event()
    depot.put(b"1", b"2")
    courier = await depot.start()
    await until(lambda: depot.destination.underway == 1)
    stopping = asyncio.create_task(courier.stop(5.0))
    await depot.turns()
    depot.destination.gate.set()
    await stopping
    assert depot.destination.sent == [b"1"]
    assert depot.destination.stopped
    assert len(depot.outbox) == 1


async def test_stopping_ends_what_takes_too_long_and_it_is_not_settled() -> None:
    depot = Depot()
    depot.destination.gate = asyncio.Event()
    depot.put(b"1")
    courier = await depot.start()
    await until(lambda: depot.destination.underway == 1)
    await courier.stop(0.01)
    assert len(depot.outbox) == 1
