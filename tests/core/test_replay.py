"""What is left of a journal after all that happened in it."""

import pytest

from myna.core.delivery import DUP, WARM_MESSAGES
from myna.core.message import Message, Origin
from myna.core.record_codec import DamagedRecord, RecordEncoder, encode_message, encode_part, enqueued_of, frame
from myna.core.records import Enqueued, Queued, Released, Sent, Settled
from myna.core.replay import Replay, Waiting

KEY = ("t", "", "c")


class Journal:
    """Rows in the making, read as they are added."""

    def __init__(self, online: bool = False) -> None:
        self.encoder = RecordEncoder(0.0)
        self.encoder.numbers[KEY] = 1
        self.replay = Replay(0.0)
        self.waiting = Waiting("t", online)
        self.replay.sessions[1] = self.waiting
        self.row = 0

    def add(self, *records: bytes) -> None:
        self.row += 1
        self.replay.blob(self.row, b"HEAD" + b"".join(records), 4)

    def queued(self, number: int, packet_id: int = 0, qos: int = 1, expires_at: float = 0.0) -> bytes:
        message = Message("a", b"%d" % number, qos, False, Origin("api", "t"), 0.0, expires_at)
        return self.encoder.enqueued(Enqueued("t", message, [Queued(KEY, number, 0x30 | qos << 1, [4], packet_id)]))

    def settled(self, *numbers: int) -> bytes:
        return self.encoder.settled(Settled(KEY, list(numbers), []))

    def payloads(self) -> list[bytes | None]:
        return [None if held.message is None else held.message.payload for held in self.waiting.queue()]


def test_what_was_queued_and_not_settled_waits() -> None:
    journal = Journal()
    journal.add(journal.queued(1), journal.queued(2), journal.queued(3))
    journal.add(journal.settled(2))
    assert journal.payloads() == [b"1", b"3"]
    assert journal.waiting.last_number == 3
    assert journal.replay.live == {1: 2, 2: 0}
    assert journal.replay.parts == {1: 3, 2: 0}
    assert journal.replay.refers == {1: set(), 2: {1}}
    assert [held.identifiers for held in journal.waiting.queue()] == [[4], [4]]


def test_what_was_sent_has_its_id_and_is_no_longer_in_the_queue() -> None:
    journal = Journal()
    journal.add(journal.queued(1, packet_id=9), journal.queued(2), journal.queued(3))
    journal.add(journal.encoder.sent(Sent(KEY, [2], [700], [])))
    assert {packet_id: held.number for packet_id, held in journal.waiting.window().items()} == {9: 1, 700: 2}
    assert journal.payloads() == [b"3"]
    journal.add(journal.settled(1, 2))
    assert journal.waiting.window() == {}


def test_a_released_one_needs_its_message_no_more() -> None:
    journal = Journal()
    journal.add(journal.queued(1, packet_id=9, qos=2), journal.queued(2, packet_id=8))
    journal.add(journal.encoder.released(Released(KEY, 1, 0)), journal.encoder.released(Released(KEY, 2, 0)))
    window = journal.waiting.window()
    assert (window[9].released, window[9].message) == (True, None)
    assert not window[8].released
    assert journal.replay.refers[2] == {1}


def test_one_that_was_written_again_counts_where_it_is_now() -> None:
    journal = Journal()
    journal.add(journal.queued(1), journal.queued(2))
    message = Message("a", b"1", 2, False, Origin("api", "t"), 0.0)
    part = encode_part(1, 1, 0x34, None, 5, True)
    journal.add(enqueued_of(part, encode_message(message, 0.0, False)))
    assert journal.replay.live == {1: 1, 2: 1}
    assert journal.waiting.window()[5].released
    assert journal.waiting.window()[5].place == 2 << 32 | 4


def test_the_queue_of_a_client_that_was_connected_may_have_been_sent() -> None:
    journal = Journal(online=True)
    journal.add(journal.queued(1))
    assert journal.waiting.queue()[0].flags == 0x32 | DUP


def test_a_long_queue_keeps_its_first_messages_and_knows_of_the_others_what_it_must() -> None:
    journal = Journal()
    journal.add(*[journal.queued(number, expires_at=50.0) for number in range(1, 3 * WARM_MESSAGES)])
    queue = journal.waiting.queue()
    assert len(queue) == 3 * WARM_MESSAGES - 1
    warm = [held for held in queue if held.message is not None]
    assert len(warm) == WARM_MESSAGES
    assert warm == list(queue)[:WARM_MESSAGES]
    assert all(held.expires_at == 50.0 and held.size > 200 and held.place for held in queue)


def test_what_concerns_sessions_that_are_over_is_passed_by() -> None:
    journal = Journal()
    records = (
        journal.queued(1),
        journal.encoder.sent(Sent(KEY, [1], [1], [])),
        journal.encoder.released(Released(KEY, 1, 0)),
        journal.settled(1),
    )
    journal.replay.sessions.clear()
    journal.add(*records)
    assert journal.replay.live == {1: 0}


def test_answers_to_deliveries_that_are_gone_are_no_error() -> None:
    journal = Journal()
    journal.add(
        journal.settled(5), journal.encoder.sent(Sent(KEY, [6], [1], [])), journal.encoder.released(Released(KEY, 7, 0))
    )
    assert journal.waiting.last_number == 5
    assert journal.waiting.window() == {}


@pytest.mark.parametrize(
    "record",
    [
        b"\x01",
        b"\x01\0\0\0\x09abc",
        frame(9, b""),
        frame(1, b"\x02\x01\x01"),
        frame(2, b"\x01\x01\x01\x00"),
        frame(4, b"\x01\x02\x01"),
    ],
)
def test_damage_is_named(record: bytes) -> None:
    with pytest.raises(DamagedRecord):
        Journal().add(record)
