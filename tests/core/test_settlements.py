from myna.core.delivery import Delivery
from myna.core.journal import Journal
from myna.core.message import Message, Origin
from myna.core.records import Enqueued, Queued, Settled
from myna.core.settlements import Settlements
from myna.testing import CommitsOnCommand

KEY = ("t", "", "c")


def message() -> Message:
    return Message("a", b"", 1, False, Origin("api", "t"), 0.0)


def test_a_batch_is_one_record_and_what_is_not_stored_is_not_in_it() -> None:
    store = CommitsOnCommand()
    settlements = Settlements(KEY, Journal(store))
    for number in (1, 0, 2):
        delivery = Delivery(message(), 0x32, None, number)
        delivery.place = number * 10
        settlements.add(delivery)
    settlements.flush_settled()
    settlements.flush_settled()
    (settled,) = store.records
    assert isinstance(settled, Settled)
    assert (settled.key, settled.numbers, settled.places) == (KEY, [1, 2], [10, 20])


def test_what_is_done_while_a_message_is_routed_follows_that() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    settlements = Settlements(KEY, journal)
    settlements.flush_later()
    held = message()
    delivery = Delivery(held, 0x32, None, 1)
    journal.queued(held, Queued(KEY, 1, 0x32, None, 0), delivery)
    settlements.add(delivery)
    settlements.flush_later()
    journal.close()
    assert [type(record) for record in store.records] == [Enqueued, Settled]
