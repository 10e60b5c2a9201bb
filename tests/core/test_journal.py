from myna.core.journal import Journal
from myna.core.message import Message, Origin
from myna.core.records import Enqueued, Queued, SessionForgotten
from myna.testing import CommitsOnCommand, KeepsNothing


def message(topic: str) -> Message:
    return Message(topic, b"", 1, False, Origin("api", "t"), 0.0)


def part(name: str) -> Queued:
    return Queued(("t", "", name), 1, 0x32, None, 0)


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
    journal.queued(one, part("a"))
    journal.queued(one, part("b"))
    assert store.records == []
    assert journal.close() == 1
    assert [names(record) for record in store.records] == [["one", "a", "b"]]
    assert journal.close() == 0


def test_a_message_published_while_another_is_routed_has_a_record_of_its_own() -> None:
    store = CommitsOnCommand()
    journal = Journal(store)
    outer, inner = message("outer"), message("inner")
    journal.queued(outer, part("a"))
    journal.queued(inner, part("b"))
    journal.close()
    journal.queued(outer, part("c"))
    journal.close()
    assert [names(record) for record in store.records] == [["outer", "a"], ["inner", "b"], ["outer", "c"]]
