from collections import Counter

from myna.core.message import Message, Origin
from myna.core.receiver import MISSED, TAKEN, Subscription
from myna.core.shared import ORDERED, PUBLISHERS_REMEMBERED, SHARED, ShareGroup
from myna.testing import FakeGuard, FakeReceiver


def message(publisher: str = "p") -> Message:
    return Message("a", b"", 1, False, Origin("mqtt", "t", client_id=publisher), 0.0)


def group(kind: str, *receivers: FakeReceiver) -> tuple[ShareGroup, list[Subscription]]:
    made = ShareGroup("t", kind, "g", "a")
    members = [Subscription(receiver, f"{kind}/g/a", "a", 1) for receiver in receivers]
    for member in members:
        made.join(member)
    return made, members


def give(made: ShareGroup, count: int = 1, publisher: str = "p") -> list[int]:
    return [made.deliver(message(publisher), made.subscription, 1.0) for _ in range(count)]


def test_each_message_goes_to_one_member_and_all_members_get_some() -> None:
    receivers = [FakeReceiver(str(number)) for number in range(4)]
    made, _ = group(SHARED, *receivers)
    assert give(made, 400) == [TAKEN] * 400  # §4.8.2
    counts = [len(receiver.messages) for receiver in receivers]
    assert sum(counts) == 400
    assert min(counts) > 50


def test_a_member_that_is_away_or_behind_is_passed_over() -> None:
    ready, busy, away = FakeReceiver("ready"), FakeReceiver("busy"), FakeReceiver("away")
    busy.ready = False
    away.ready = away.online = False
    away.persistent = True
    made, _ = group(SHARED, away, busy, ready)
    give(made, 20)
    assert len(ready.messages) == 20
    ready.ready = ready.online = False
    give(made, 20)
    assert len(busy.messages) == 20
    busy.online = False
    give(made, 20)
    assert len(ready.messages) + len(busy.messages) + len(away.messages) == 60


def test_a_refusal_is_final() -> None:
    receivers = [FakeReceiver("a"), FakeReceiver("b")]
    for receiver in receivers:
        receiver.verdict = MISSED
    made, _ = group(SHARED, *receivers)
    assert give(made) == [MISSED]  # [MQTT-4.8.2-5]
    assert len(receivers[0].messages) + len(receivers[1].messages) == 1


def test_a_group_of_none_or_of_sleepers_takes_nothing() -> None:
    for kind in (SHARED, ORDERED):
        receiver = FakeReceiver()
        made, members = group(kind, receiver)
        members[0].dormant = True
        assert give(made) == [MISSED]
        made.leave(members[0])
        assert give(made) == [MISSED]
        assert receiver.messages == []


def test_ordered_messages_of_one_publisher_stay_with_one_member() -> None:
    receivers = [FakeReceiver(str(number)) for number in range(5)]
    made, _ = group(ORDERED, *receivers)
    for publisher in range(60):
        give(made, 3, str(publisher))
    owners = Counter[str]()
    for receiver in receivers:
        seen = Counter(held.origin.client_id for held in receiver.messages)
        assert set(seen.values()) <= {3}
        owners.update(seen.keys())
    assert len(owners) == 60
    assert sum(1 for receiver in receivers if receiver.messages) >= 2


def test_ordered_messages_stay_with_a_member_that_is_away() -> None:
    receivers = [FakeReceiver(str(number)) for number in range(5)]
    made, _ = group(ORDERED, *receivers)
    give(made)
    owner = next(receiver for receiver in receivers if receiver.messages)
    owner.online = owner.ready = False
    give(made, 9)
    assert len(owner.messages) == 10


def test_a_new_or_a_lost_member_moves_few_publishers() -> None:
    receivers = [FakeReceiver(str(number)) for number in range(6)]
    made, members = group(ORDERED, *receivers[:5])
    made.leave(Subscription(receivers[5], "x", "a", 1))

    def owner(publisher: int) -> str:
        for receiver in receivers:
            receiver.messages.clear()
        give(made, 1, str(publisher))
        return next(receiver.key[2] for receiver in receivers if receiver.messages)

    before = [owner(publisher) for publisher in range(40)]
    made.join(Subscription(receivers[5], "$oshare/g/a", "a", 1))
    joined = [owner(publisher) for publisher in range(40)]
    assert all(new in (old, "5") for old, new in zip(before, joined, strict=True))
    made.leave(members[1])
    left = [owner(publisher) for publisher in range(40)]
    assert all(new == old for old, new in zip(joined, left, strict=True) if old != "1")
    assert "1" not in left


def test_an_owner_that_falls_asleep_is_replaced() -> None:
    receivers = [FakeReceiver("a"), FakeReceiver("b")]
    made, members = group(ORDERED, *receivers)
    give(made)
    chosen = 0 if receivers[0].messages else 1
    members[chosen].dormant = True
    give(made)
    assert len(receivers[1 - chosen].messages) == 1


def test_publishers_are_not_remembered_without_end() -> None:
    made, _ = group(ORDERED, FakeReceiver())
    for publisher in range(PUBLISHERS_REMEMBERED + 5):
        made.deliver(message(str(publisher)), made.subscription, 1.0)
    assert len(made._chosen) == 5


def test_a_guard_chooses_who_may_be_chosen() -> None:
    guard = FakeGuard("a")
    guard.barred = {"barred"}
    for kind in (SHARED, ORDERED):
        barred, allowed = FakeReceiver("barred"), FakeReceiver("allowed")
        made, _ = group(kind, barred, allowed)
        for _ in range(10):
            made.deliver_chosen(message(), guard, None, 1.0)
        assert len(allowed.messages) == 10
        assert barred.messages == []


def test_members_leave_in_any_order() -> None:
    receivers = [FakeReceiver(str(number)) for number in range(5)]
    made, members = group(SHARED, *receivers)
    for place in (0, 3, 4, 1, 2):
        made.leave(members[place])
        made.leave(members[place])
        assert members[place] not in made.members
    assert made.members == []
