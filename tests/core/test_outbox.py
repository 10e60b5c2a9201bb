"""What waits to be carried elsewhere: in order, bounded, and the store's until it is settled."""

from collections import deque

from myna.core.delivery import WARM_MESSAGES, Delivery
from myna.core.journal import Journal
from myna.core.limits import DROP_OLDEST, Limits
from myna.core.message import Message, Origin
from myna.core.outbox import OUTBOXES, Carrier, Outbox, Outboxes
from myna.core.records import Enqueued, Record, SessionForgotten, SessionSaved, Settled
from myna.testing import CommitsOnCommand, KeepsNothing

ORIGIN = Origin("api", "t")


class Shelf(CommitsOnCommand):
    """Gives each message a place and finds it again, unless it is `closed`."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[int, Message] = {}
        self.closed = False

    def append(self, record: Record) -> int:
        if isinstance(record, Enqueued):
            record.message.place = len(self.kept) + 1
            self.kept[record.message.place] = record.message
        return super().append(record)

    def fetch(self, places: list[int]) -> list[Message | None]:
        return [None if self.closed else self.kept[place] for place in places]


class Noted(Carrier):
    def __init__(self) -> None:
        self.told = 0

    def has_more(self) -> None:
        self.told += 1


def message(payload: bytes, expires_at: float = 0.0) -> Message:
    return Message("a", payload, 1, False, ORIGIN, 0.0, expires_at)


def filled(store: CommitsOnCommand, *payloads: bytes) -> tuple[Outbox, Journal]:
    journal = Journal(store)
    outbox = Outboxes(journal).open("d", Limits(), 1.0)
    for payload in payloads:
        assert outbox.put(message(payload))
        journal.close()
    return outbox, journal


def payloads(deliveries: list[Delivery]) -> list[bytes]:
    return [held.message.payload for held in deliveries if held.message is not None]


def test_what_is_put_is_taken_in_order_and_forgotten_once_it_is_settled() -> None:
    store = CommitsOnCommand()
    outbox, _ = filled(store, b"1", b"2", b"3")
    taken = outbox.take(2, 10_000)
    assert (payloads(taken), len(outbox), len(outbox.queue)) == ([b"1", b"2"], 3, 1)
    assert outbox.settle(taken) == store.sequence
    assert outbox.settle(taken) == store.sequence  # again is once
    assert len(outbox) == 1
    saved, *queued, settled = store.records
    assert isinstance(saved, SessionSaved)
    assert saved.key == (OUTBOXES, "", "d")
    assert [type(record) for record in queued] == [Enqueued] * 3
    assert isinstance(settled, Settled)
    assert settled.numbers == [1, 2]


def test_a_message_for_several_outboxes_is_stored_once() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    boxes = Outboxes(journal)
    event = message(b"x")
    for outbox in [boxes.open(name, Limits(), 1.0) for name in ("d", "e")]:
        outbox.put(event)
    journal.close()
    found = [record for record in store.records if isinstance(record, Enqueued)]
    assert [[part.key[2] for part in record.receivers] for record in found] == [["d", "e"]]


def test_a_batch_ends_at_its_bytes_but_holds_at_least_one() -> None:
    outbox, _ = filled(CommitsOnCommand(), b"." * 5000, b"." * 5000, b".")
    assert len(outbox.take(10, 100)) == 1
    assert len(outbox.take(10, 100_000)) == 2
    assert outbox.take(10, 100_000) == []


def test_what_is_given_back_comes_first_again() -> None:
    outbox, _ = filled(CommitsOnCommand(), b"1", b"2", b"3")
    taken = outbox.take(2, 10_000)
    outbox.give_back([taken[1], taken[0]])
    outbox.give_back(taken)  # again is once
    assert payloads(outbox.take(9, 10_000)) == [b"1", b"2", b"3"]


def test_the_newest_is_refused_or_the_oldest_goes_when_there_is_no_room() -> None:
    outbox, journal = filled(store := CommitsOnCommand())
    outbox.bounds.queue_messages = 2
    assert [outbox.put(message(b"%d" % number)) for number in range(3)] == [True, True, False]
    journal.close()
    assert (outbox.overflowed, len(outbox)) == (1, 2)
    outbox.bounds.queue_policy = DROP_OLDEST
    assert outbox.put(message(b"new"))
    journal.close()
    assert payloads(outbox.take(9, 10_000)) == [b"1", b"new"]
    assert outbox.overflowed == 2
    last = store.records[-1]
    assert isinstance(last, Settled)
    assert last.numbers == [1]


def test_what_is_far_back_lies_in_the_store_alone_and_is_read_in_pages() -> None:
    store = Shelf()
    outbox, _ = filled(store, *[b"%d" % number for number in range(WARM_MESSAGES + 300)])
    assert sum(held.message is None for held in outbox.queue.deliveries) == 300
    assert len(outbox.take(WARM_MESSAGES + 300, 1 << 30)) == WARM_MESSAGES - 1  # without a page
    store.closed = True
    assert outbox.take(9999, 1 << 30) == []
    store.closed = False
    page = outbox.take(9999, 1 << 30)
    assert payloads(page)[0] == b"%d" % (WARM_MESSAGES - 1)
    assert len(page) == 256
    assert outbox.message_of(page[0]) is page[0].message
    page[0].message = None
    found = outbox.message_of(page[0])
    assert found is not None
    assert found.payload == b"%d" % (WARM_MESSAGES - 1)


def test_the_carrier_is_told_when_there_is_something_after_nothing() -> None:
    outbox, _ = filled(CommitsOnCommand())
    outbox.carrier = noted = Noted()
    outbox.put(message(b"1"))
    outbox.put(message(b"2"))
    assert noted.told == 1
    taken = outbox.take(2, 10_000)
    outbox.give_back(taken)
    assert noted.told == 2


def test_clearing_leaves_what_has_been_taken() -> None:
    outbox, _ = filled(store := CommitsOnCommand(), b"1", b"2", b"3")
    taken = outbox.take(1, 10_000)
    assert (outbox.clear(), len(outbox)) == (2, 1)
    last = store.records[-1]
    assert isinstance(last, Settled)
    assert last.numbers == [2, 3]
    outbox.settle(taken)
    assert len(outbox) == 0


def test_a_broker_that_keeps_nothing_keeps_them_in_memory() -> None:
    journal = Journal(KeepsNothing())
    outbox = Outboxes(journal).open("d", Limits(), 1.0)
    outbox.bounds.queue_messages = 1
    outbox.bounds.queue_policy = DROP_OLDEST
    assert outbox.put(message(b"1"))
    assert outbox.put(message(b"2"))
    journal.close()
    taken = outbox.take(9, 10_000)
    assert (payloads(taken), outbox.settle(taken), len(outbox)) == ([b"2"], 0, 0)
    assert outbox.stored(0) == []


def test_one_that_is_removed_is_forgotten_with_all_that_is_in_it() -> None:
    store = Shelf()
    journal = Journal(store)
    boxes = Outboxes(journal)
    outbox = boxes.open("d", Limits(), 1.0)
    outbox.put(message(b"1"))
    assert boxes.remove("d") == store.sequence
    assert (boxes.remove("d"), boxes.find("d"), boxes.names()) == (0, None, [])
    last = store.records[-1]
    assert isinstance(last, SessionForgotten)
    assert last.places == [1]


def test_a_restored_one_goes_on_where_it_was_and_takes_new_bounds() -> None:
    boxes = Outboxes(Journal(store := CommitsOnCommand()))
    boxes.restore("d", deque([Delivery(message(b"1"), 0x32, None, 7)]), 7)
    bounds = Limits()
    bounds.queue_messages = 2
    outbox = boxes.open("d", bounds, 1.0)
    assert store.records == []
    assert outbox.put(message(b"2"))
    assert not outbox.put(message(b"3"))
    assert [held.number for held in outbox.take(9, 10_000)] == [7, 8]
