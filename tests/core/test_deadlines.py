from typing import final

from myna.core.deadlines import Deadlines, Timed


@final
class Bell(Timed):
    def __init__(self, rung: list[str], name: str) -> None:
        self.rung = rung
        self.name = name

    def due(self, now: float) -> None:
        self.rung.append(f"{self.name}@{now:g}")


@final
class Snooze(Timed):
    """Wants to be called again at once, each time."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        self.calls = 0

    def due(self, now: float) -> None:
        self.calls += 1
        self.deadlines.add(now, self)


def test_deadlines_fire_in_the_order_of_their_times_and_then_of_their_coming() -> None:
    deadlines, rung = Deadlines(), list[str]()
    for at, name in ((3.0, "c"), (1.0, "a"), (2.0, "b"), (2.0, "bb"), (9.0, "z")):
        deadlines.add(at, Bell(rung, name))
    assert deadlines.next() == 1.0
    deadlines.expire(0.5)
    assert rung == []
    deadlines.expire(5.0)
    assert rung == ["a@5", "b@5", "bb@5", "c@5"]
    assert deadlines.next() == 9.0


def test_where_nothing_is_due_next_is_zero() -> None:
    deadlines = Deadlines()
    assert deadlines.next() == 0.0
    deadlines.expire(100.0)
    assert len(deadlines) == 0


def test_a_cancelled_deadline_neither_fires_nor_counts_as_next() -> None:
    deadlines, rung = Deadlines(), list[str]()
    first = deadlines.add(1.0, Bell(rung, "first"))
    second = deadlines.add(2.0, Bell(rung, "second"))
    deadlines.add(3.0, Bell(rung, "third"))
    first.cancel()
    first.cancel()
    assert deadlines.next() == 2.0
    second.cancel()
    deadlines.expire(9.0)
    assert rung == ["third@9"]


def test_one_that_has_fired_can_be_cancelled_without_harm() -> None:
    deadlines, rung = Deadlines(), list[str]()
    fired = deadlines.add(1.0, Bell(rung, "a"))
    deadlines.expire(1.0)
    fired.cancel()
    assert rung == ["a@1"]
    assert deadlines.next() == 0.0


def test_what_is_added_while_firing_waits_for_the_next_call() -> None:
    deadlines = Deadlines()
    snooze = Snooze(deadlines)
    deadlines.add(1.0, snooze)
    deadlines.expire(1.0)
    assert snooze.calls == 1
    assert deadlines.next() == 1.0
    deadlines.expire(1.0)
    assert snooze.calls == 2


def test_far_away_deadlines_that_were_cancelled_do_not_pile_up() -> None:
    deadlines, rung = Deadlines(), list[str]()
    kept = [deadlines.add(1e9 + number, Bell(rung, str(number))) for number in range(10)]
    for _ in range(20_000):
        deadlines.add(1e8, Bell(rung, "gone")).cancel()
    assert len(deadlines) < 2_100
    deadlines.expire(1e9 + 4)
    assert rung == [f"{number}@1e+09" for number in range(5)]
    assert kept[9].target is not None
