from myna.core.delivery import Delivery
from myna.core.journal import Journal, Settling
from myna.core.message import Message, Origin
from myna.core.records import Enqueued, Queued, Record, SessionForgotten
from myna.testing import CommitsOnCommand, KeepsNothing


def message(topic: str) -> Message:
    return Message(topic, b"", 1, False, Origin("api", "t"), 0.0)


def queue(journal: Journal, message: Message, name: str) -> Delivery:
    delivery = Delivery(message, 0x32, None, 1)
    journal.queued(message, Queued(("t", "", name), 1, 0x32, None, 0), delivery)
    return delivery


def names(record: object) -> list[str]:
    assert isinstance(record, Enqueued)
    return [record.message.topic, *(queued.key[2] for queued in record.receivers)]


def test_where_nothing_is_kept_nothing_is_noted() -> None:
    journal = Journal(KeepsNothing())
    assert not journal.durable
    assert journal.note(SessionForgotten(("t", "", "c"))) == 0
    assert journal.close() == 0


def test_a_note_says_what_to_await() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    assert journal.note(SessionForgotten(("t", "", "c"))) == 1
    assert journal.note(SessionForgotten(("t", "", "d"))) == 2
    assert len(store.records) == 2


def test_all_who_queue_a_message_become_one_record() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    one = message("one")
    queue(journal, one, "a")
    queue(journal, one, "b")
    assert store.records == []
    assert journal.close() == 1
    assert [names(record) for record in store.records] == [["one", "a", "b"]]
    assert journal.close() == 0


def test_a_message_published_while_another_is_routed_has_a_record_of_its_own() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    outer, inner = message("outer"), message("inner")
    queue(journal, outer, "a")
    assert journal.next_for(outer) == 1
    assert journal.next_for(inner) == 2
    queue(journal, inner, "b")
    journal.close()
    queue(journal, outer, "c")
    journal.close()
    assert [names(record) for record in store.records] == [["outer", "a"], ["inner", "b"], ["outer", "c"]]


def test_the_store_hears_of_everything_in_its_order() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    queue(journal, message("one"), "a")
    journal.note(SessionForgotten(("t", "", "a")))
    assert [type(record) for record in store.records] == [Enqueued, SessionForgotten]


def test_a_delivery_knows_where_the_store_has_it_even_if_the_message_is_stored_again() -> None:
    class Places(CommitsOnCommand):
        def append(self, record: Record) -> int:
            if isinstance(record, Enqueued):
                record.message.place = self.sequence + 70
            return super().append(record)

    journal = Journal(Places())
    one = message("one")
    first = queue(journal, one, "a")
    journal.close()
    second = queue(journal, one, "b")
    journal.close()
    assert (first.place, second.place) == (70, 71)


def test_who_made_room_for_a_message_reports_it_once_that_is_stored() -> None:
    class Reports(Settling):
        def flush_settled(self) -> None:
            reported.append(store.sequence)

    reported: list[int] = []
    store = CommitsOnCommand()
    journal = Journal(store)
    queue(journal, message("one"), "a")
    journal.settle_later(Reports())
    assert reported == []
    journal.close()
    journal.close()
    assert reported == [1]
