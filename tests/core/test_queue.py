"""What waits, in order, within its limits, and in memory only as far as it must be."""

from collections import deque

from myna.core.delivery import WARM_BYTES, WARM_MESSAGES, Delivery
from myna.core.limits import DROP_NEWEST, DROP_OLDEST, Limits
from myna.core.message import Message, Origin
from myna.core.queue import COLD_BYTES, CROWDED_BYTES, FETCHED, Queue, QueueMemory
from myna.core.records import Record
from myna.testing import CommitsOnCommand


def delivery(number: int, qos: int = 1, size: int = 0, expires_at: float = 0.0, stored: bool = True) -> Delivery:
    message = Message("a", b"%d" % number + b"." * size, qos, False, Origin("api", "t"), 0.0, expires_at)
    held = Delivery(message, 0x30 | qos << 1, None, number if stored else 0)
    held.place = number + 1000 if stored else 0
    return held


def filled(count: int, size: int = 0) -> Queue:
    queue = Queue()
    for number in range(1, count + 1):
        queue.add(delivery(number, size=size))
    return queue


def cold(number: int) -> Delivery:
    held = delivery(number)
    held.message = None
    return held


class Shelf(CommitsOnCommand):
    """Finds any message again; `asked` is how many at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def append(self, record: Record) -> int:
        raise AssertionError("nothing is stored here")

    def fetch(self, places: list[int]) -> list[Message | None]:
        self.asked.append(len(places))
        return [Message("a", b"%d" % (place - 1000), 1, False, Origin("api", "t"), 0.0) for place in places]


def test_first_in_first_out_and_counted() -> None:
    queue = Queue()
    one, two = delivery(1), delivery(2, expires_at=5.0)
    queue.add(one)
    queue.add(two)
    assert (len(queue), queue.size, queue.expiring) == (2, one.size + two.size, 1)
    assert queue.first() is one
    assert [queue.take(), queue.take()] == [one, two]
    assert (len(queue), queue.size, queue.expiring) == (0, 0, 0)


def test_room_is_counted_in_messages_and_in_bytes() -> None:
    limits = Limits()
    limits.queue_messages = 2
    queue = filled(2)
    assert not queue.has_room(1, limits)
    limits.queue_messages = 0
    limits.queue_bytes = queue.size + 10
    assert queue.has_room(10, limits)
    assert not queue.has_room(11, limits)
    limits.queue_bytes = 0
    assert queue.has_room(1 << 30, limits)


def test_the_oldest_makes_way_where_that_is_wanted_and_helps() -> None:
    limits = Limits()
    limits.queue_policy = DROP_NEWEST
    queue = filled(1)
    assert not queue.makes_way(delivery(2), limits)
    limits.queue_policy = DROP_OLDEST
    assert queue.makes_way(delivery(2), limits)
    limits.queue_bytes = 100
    assert not queue.makes_way(delivery(2, size=200), limits)
    assert not Queue().makes_way(delivery(2), limits)


def test_a_message_of_qos_0_takes_the_place_of_its_like_alone() -> None:
    limits = Limits()
    limits.queue_policy = DROP_OLDEST
    limits.queue_qos_0_drops_oldest = True
    assert not filled(1).makes_way(delivery(2, qos=0), limits)
    queue = Queue()
    queue.add(delivery(1, qos=0))
    assert queue.makes_way(delivery(2, qos=0), limits)


def test_a_long_queue_keeps_its_beginning_and_its_newest_in_memory() -> None:
    queue = filled(WARM_MESSAGES + 500)
    warm = [held.number for held in queue.deliveries if held.message is not None]
    assert warm == [*range(1, WARM_MESSAGES), WARM_MESSAGES + 500]
    heavy = filled(500, size=WARM_BYTES // 100)
    assert sum(held.message is not None for held in heavy.deliveries) < 110


def test_what_is_not_stored_stays_in_memory() -> None:
    queue = Queue()
    for number in range(WARM_MESSAGES + 50):
        queue.add(delivery(number, stored=False))
    queue.cool()
    assert all(held.message is not None for held in queue.deliveries)


def test_cold_messages_are_fetched_by_the_page() -> None:
    queue = filled(WARM_MESSAGES + 1000)
    shelf = Shelf()
    for number in range(1, WARM_MESSAGES + 1001):
        message = queue.first().message or queue.fetch(shelf)
        assert message is not None
        assert message.payload == b"%d" % number
        queue.take()
    assert shelf.asked[0] == FETCHED
    assert sum(shelf.asked) == 1000


def test_a_message_that_cannot_be_fetched_stays_where_it_is() -> None:
    queue = filled(3)
    for held in queue.deliveries:
        held.message = None
    assert queue.fetch(CommitsOnCommand()) is None
    assert len(queue) == 3


def test_a_queue_nobody_takes_from_cools() -> None:
    queue = filled(WARM_MESSAGES + 500)
    shelf = Shelf()
    for _ in range(WARM_MESSAGES):
        queue.take()
    queue.fetch(shelf)
    queue.fetch(shelf)
    queue.cool()
    assert sum(held.message is not None for held in queue.deliveries) == FETCHED + 1
    whole = Queue()
    whole.restore(queue.deliveries)
    for held in whole.deliveries:
        held.message = delivery(1).message
    whole.restore(whole.deliveries)
    whole.cool()
    heavy = filled(3)
    for held in heavy.deliveries:
        held.size = WARM_BYTES
    heavy.cool()
    assert [held.message is not None for held in heavy.deliveries] == [True, False, False]


def test_what_has_expired_is_taken_out_and_the_rest_keeps_its_order() -> None:
    queue = Queue()
    for number in range(1, 7):
        queue.add(delivery(number, expires_at=float(number % 3) * 10))
    assert queue.next_expiry() == 10.0
    assert [held.number for held in queue.take_expired(15.0)] == [1, 4]
    assert [held.number for held in queue.deliveries] == [2, 3, 5, 6]
    assert (queue.expiring, queue.next_expiry()) == (2, 20.0)
    assert queue.take_expired(15.0) == []
    assert [held.number for held in queue.take_expired(25.0)] == [2, 5]
    assert (queue.next_expiry(), queue.take_expired(99.0)) == (0.0, [])


def test_what_all_queues_hold_in_memory_is_counted_and_uncounted() -> None:
    memory = QueueMemory(10_000)
    queue = Queue(memory)
    for number in range(1, 4):
        queue.add(delivery(number, size=100, expires_at=5.0 if number == 2 else 0.0))
    held = [one.size for one in queue.deliveries]
    assert (memory.held, queue.warm) == (sum(held), sum(held))
    queue.take_expired(6.0)
    assert memory.held == held[0] + held[2]
    queue.take()
    assert memory.held == held[2]
    queue.abandon()
    assert (memory.held, queue.warm, queue.size, len(queue)) == (0, 0, 0, 0)


def test_cold_messages_are_not_at_hand_until_they_are_fetched() -> None:
    memory = QueueMemory()
    queue = Queue(memory)
    for number in range(1, WARM_MESSAGES + 11):
        queue.add(delivery(number))
    assert memory.held < queue.size
    queue.cool()
    for _ in range(WARM_MESSAGES):
        queue.take()
    assert queue.warm == delivery(1).size + 3  # the newest alone, whose number has more digits
    queue.fetch(Shelf())
    assert queue.warm == queue.size


def test_where_memory_is_short_each_queue_keeps_a_little_and_what_is_stored_goes_cold() -> None:
    memory = QueueMemory(1)
    memory.held = 1
    queue = Queue(memory)
    small, large = delivery(1, size=1000, stored=False), delivery(2, size=CROWDED_BYTES, stored=False)
    assert not queue.is_crowded_out(small)
    assert queue.is_crowded_out(large)
    assert not queue.is_crowded_out(delivery(3, size=CROWDED_BYTES))  # the store has it
    oldest = Limits()
    oldest.queue_policy = DROP_OLDEST
    queue.add(small)
    assert not queue.makes_way(large, oldest)
    for number in range(10, 90):
        queue.add(delivery(number, size=1000))
    assert queue.warm <= CROWDED_BYTES + 3000
    assert queue.size > 80_000


def test_what_lies_in_the_store_alone_counts_for_its_place() -> None:
    memory = QueueMemory()
    queue = Queue(memory)
    for number in range(1, WARM_MESSAGES + 11):
        queue.add(delivery(number))
    assert queue.cold == 10
    assert memory.held == queue.warm + queue.cold * COLD_BYTES
    for _ in range(WARM_MESSAGES):
        queue.take()
    queue.fetch(Shelf())
    assert (queue.cold, memory.held) == (0, queue.warm)
    queue.restore(deque([delivery(1), cold(2)]))
    assert memory.held == queue.warm + COLD_BYTES
    queue.abandon()
    assert (queue.cold, memory.held) == (0, 0)


def test_beyond_twice_the_limit_there_is_room_for_nobody() -> None:
    memory = QueueMemory(1000)
    queue = Queue(memory)
    queue.add(delivery(1, size=1000))
    stored, fleeting = delivery(2), delivery(2, stored=False)
    assert not queue.is_crowded_out(stored)
    memory.held = 2000
    assert queue.is_crowded_out(stored)
    assert Queue(memory).is_crowded_out(fleeting)
    limits = Limits()
    limits.queue_policy = DROP_OLDEST
    assert not queue.makes_way(stored, limits)  # in vain: others hold the most
