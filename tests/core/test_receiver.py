import pytest

from myna.core.identity import Identity
from myna.core.message import Message, Origin
from myna.core.receiver import MISSED, TAKEN, Receiver, Subscription


class Taker(Receiver):
    """Takes what has the QoS it wants."""

    def __init__(self) -> None:
        super().__init__(("t", "", "c"), Identity("t", "u", dialect="pigeon"))
        self.taken: list[Message] = []

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        if message.qos < subscription.qos:
            return MISSED
        self.taken.append(message)
        return TAKEN


def message(qos: int = 0) -> Message:
    return Message("a", b"", qos, False, Origin("api", "t"), 0.0)


def test_a_run_is_delivered_one_by_one_unless_the_receiver_knows_better() -> None:
    receiver = Taker()
    subscription = Subscription(receiver, "a", "a", 1)
    assert receiver.deliver_run([message(1), message(0), message(2)], subscription, 1.0) == TAKEN
    assert [taken.qos for taken in receiver.taken] == [1, 2]
    assert receiver.deliver_run([message(0)], subscription, 1.0) == MISSED
    assert receiver.deliver_run([], subscription, 1.0) == MISSED


def test_only_a_receiver_with_a_form_takes_frames() -> None:
    receiver = Taker()
    assert receiver.form == 0
    with pytest.raises(AssertionError, match="without a form"):
        receiver.deliver_frames(b"", 0, 1.0)


def test_a_receiver_may_leave_out_all_but_delivery() -> None:
    receiver = Taker()
    receiver.deliver_retained([], Subscription(receiver, "a", "a", 1), 1.0)
    receiver.settled(5)
    receiver.end(0x98, 1.0, discard=True)
    assert receiver.is_online()
    assert receiver.is_ready()
    assert not receiver.is_persistent()
    assert receiver.dialect() == "pigeon"


def test_a_subscription_is_plain_if_every_packet_at_qos_0_suits_it_as_it_is() -> None:
    receiver = Taker()
    assert Subscription(receiver, "a", "a", 0).plain
    assert Subscription(receiver, "a", "a", 0, retain_as_published=True).plain
    assert not Subscription(receiver, "a", "a", 0, no_local=True).plain
    assert not Subscription(receiver, "a", "a", 0, identifiers=[1]).plain
