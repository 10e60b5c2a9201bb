from myna.core.outcome import MATCHED, UNMATCHED, Outcome, Refusal
from myna.core.ports import CARRIED, LEFT, NOT_CARRIED
from myna.testing import CommitsOnCommand, FakeTap, World


def test_an_outcome_says_whether_anybody_wanted_it_and_what_to_await() -> None:
    outcome = Outcome(True, 7)
    assert (outcome.matched, outcome.sequence) == (True, 7)
    assert (MATCHED.matched, MATCHED.sequence) == (True, 0)
    assert (UNMATCHED.matched, UNMATCHED.sequence) == (False, 0)


def test_a_refusal_has_words_for_its_reason_unless_it_brings_its_own() -> None:
    assert Refusal(0x87).text == "not authorized"
    assert Refusal(0x87, "not on Sundays").text == "not on Sundays"
    assert (Refusal(0x87).reason, Refusal(0x87).wait) == (0x87, 0.0)
    assert Refusal(0x9F, "slowly", 2.5).wait == 2.5


def test_an_outcome_says_what_the_tap_made_of_it() -> None:
    assert MATCHED.carried == LEFT
    world = World()
    tap = FakeTap()
    tap.wanted.add("a")
    tap.failing.add("f")
    world.broker.carry(tap)
    taken, left, failed = world.publish("a", b"x"), world.publish("b", b"x"), world.publish("f", b"x")
    assert isinstance(taken, Outcome)
    assert isinstance(left, Outcome)
    assert isinstance(failed, Outcome)
    assert (taken.carried, taken.matched, taken.sequence) == (CARRIED, True, 0)
    assert (left.carried, left.matched) == (LEFT, False)
    assert (failed.carried, failed.matched) == (NOT_CARRIED, False)
    stored = World(store=CommitsOnCommand())
    stored.broker.carry(tap)
    kept = stored.publish("a", b"x", 1, retain=True)
    assert isinstance(kept, Outcome)
    assert (kept.carried, kept.sequence) == (CARRIED, stored.store.sequence)
