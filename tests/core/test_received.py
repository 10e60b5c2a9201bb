from myna.core.journal import Journal
from myna.core.received import ReceivedIds
from myna.core.records import Received
from myna.testing import CommitsOnCommand, KeepsNothing

KEY = ("t", "", "c")


def test_an_id_is_open_from_publish_to_pubrel() -> None:
    received = ReceivedIds(KEY, Journal(KeepsNothing()))
    assert not received.is_open(7)
    assert (received.count(), received.open_ids()) == (0, [])
    assert not received.release(7, False)
    assert received.begin(7, False) == 0
    assert received.is_open(7)
    assert (received.count(), received.open_ids()) == (1, [7])
    assert not received.release(8, False)
    assert received.release(7, False)
    assert not received.is_open(7)
    assert not received.release(7, False)


def test_a_durable_session_tells_the_store_of_both_ends() -> None:
    store = CommitsOnCommand()
    received = ReceivedIds(KEY, Journal(store))
    assert received.begin(7, True) == 1
    assert received.release(7, True)
    assert [(r.packet_id, r.open) for r in store.records if isinstance(r, Received)] == [(7, True), (7, False)]


def test_a_session_that_is_not_durable_tells_it_nothing() -> None:
    store = CommitsOnCommand()
    received = ReceivedIds(KEY, Journal(store))
    assert received.begin(7, False) == 0
    assert received.release(7, False)
    assert store.records == []
