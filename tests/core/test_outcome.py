from myna.core.outcome import MATCHED, UNMATCHED, Outcome, Refusal
from myna.testing import CommitsOnCommand, FakeTap, World


def test_an_outcome_says_whether_anybody_wanted_it_and_what_to_await() -> None:
    outcome = Outcome(True, 7)
    assert (outcome.matched, outcome.sequence) == (True, 7)
    assert (MATCHED.matched, MATCHED.sequence) == (True, 0)
    assert (UNMATCHED.matched, UNMATCHED.sequence) == (False, 0)


def test_a_refusal_has_words_for_its_reason_unless_it_brings_its_own() -> None:
    assert Refusal(0x87).text == "not authorized"
    assert Refusal(0x87, "not on Sundays").text == "not on Sundays"
    assert Refusal(0x87).reason == 0x87


def test_an_outcome_says_whether_a_tap_has_taken_it() -> None:
    assert not MATCHED.tapped
    world = World()
    tap = FakeTap()
    tap.wanted.add("a")
    world.broker.tap = tap
    taken, left = world.publish("a", b"x"), world.publish("b", b"x")
    assert isinstance(taken, Outcome)
    assert isinstance(left, Outcome)
    assert (taken.tapped, taken.matched, taken.sequence) == (True, True, 0)
    assert (left.tapped, left.matched) == (False, False)
    stored = World(store=CommitsOnCommand())
    stored.broker.tap = tap
    kept = stored.publish("a", b"x", 1, retain=True)
    assert isinstance(kept, Outcome)
    assert (kept.tapped, kept.sequence) == (True, stored.store.sequence)
