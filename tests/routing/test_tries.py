"""What has been tried is known after a restart, and forgotten with the event."""

from myna.core.kept import KeptValues
from myna.routing.tries import SPACE
from myna.routing.verdict import again
from tests.routing.harness import Depot, until


def kept(depot: Depot) -> KeptValues:
    return depot.world.broker.kept


async def test_attempts_and_the_time_of_the_next_one_outlast_a_restart() -> None:
    depot = Depot(retry=(100.0,), max_delivery_count=3)
    depot.put(b"{}")
    depot.destination.verdicts.append(again("no", result="Busy"))
    courier = await depot.start()
    await until(lambda: courier.state()["retrying"] == 1)
    await courier.stop(0)
    depot.reopen()
    depot.put(b"2")
    courier = await depot.start()
    await until(lambda: depot.line.delivered == 1)
    assert depot.destination.sent == [b"{}", b"2"]
    assert courier.state()["retrying"] == 1
    depot.destination.verdicts.extend([again("no", result="Busy")] * 2)
    for sent in (3, 4):
        depot.pass_time(111)
        await until(lambda sent=sent: len(depot.destination.sent) == sent)  # type: ignore[misc]
    await depot.idle()
    (letter,) = depot.kept.show(0)
    assert letter["deadLetterProperties"]["deliveryattempts"] == 3
    assert not kept(depot).of(SPACE + "d")
    await courier.stop(0)


async def test_an_ordered_topic_goes_on_where_it_was() -> None:
    depot = Depot(retry=(100.0,), ordered=True)
    depot.put(b"1", b"2")
    depot.put(b"other", topic="b")
    depot.destination.verdicts.append(again("no"))
    courier = await depot.start()
    await until(lambda: depot.line.delivered == 1)
    await courier.stop(0)
    depot.reopen()
    courier = await depot.start()
    await depot.turns()
    assert depot.destination.sent == [b"1", b"other"]
    depot.pass_time(111)
    await depot.idle()
    assert depot.destination.sent == [b"1", b"other", b"1", b"2"]
    await courier.stop(0)


async def test_what_was_not_tried_is_not_written_down() -> None:
    depot = Depot()
    depot.put(b"1")
    depot.destination.verdicts.append(again("held back", untried=True, after=1.0, hold=0.0))
    courier = await depot.start()
    await until(lambda: courier.state()["retrying"] == 1)
    assert not kept(depot).of(SPACE + "d")
    await courier.stop(0)


async def test_a_changed_destination_is_tried_at_once_and_goes_on_counting() -> None:
    depot = Depot(retry=(1000.0,))
    depot.put(b"{}")
    depot.destination.verdicts.append(again("no"))
    courier = await depot.start()
    await until(lambda: courier.state()["retrying"] == 1)
    await courier.stop(0)
    before = depot.line
    depot.reopen().go_on_counting(before)
    courier = await depot.start()
    await depot.idle()
    assert depot.line.delivered == 1
    assert not kept(depot).of(SPACE + "d")
    await courier.stop(0)


async def test_clearing_a_queue_forgets_what_waits_for_another_attempt() -> None:
    for ordered in (False, True):
        depot = Depot(retry=(100.0,), ordered=ordered, concurrency=1)
        depot.put(b"1", b"2")
        depot.destination.verdicts.append(again("no", hold=0.0))
        courier = await depot.start()
        await until(lambda courier=courier: courier.state()["retrying"] == 1)  # type: ignore[misc]
        depot.line.paused = True
        await depot.turns()
        waiting = len(depot.outbox)
        assert depot.line.clear() == waiting
        assert len(depot.outbox) == 0
        assert not kept(depot).of(SPACE + "d")
        depot.line.paused = False
        depot.put(b"3")
        await depot.idle()
        assert depot.destination.sent[-1] == b"3"
        assert courier.state()["retrying"] == 0
        await courier.stop(0)


def test_what_is_said_of_events_that_are_gone_is_forgotten_at_the_start() -> None:
    depot = Depot()
    kept(depot).keep(SPACE + "d", "17", b'[1,2.0,3.0,"Busy"]')
    depot.reopen()
    assert not kept(depot).of(SPACE + "d")
