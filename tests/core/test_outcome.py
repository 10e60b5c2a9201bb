from myna.core.outcome import MATCHED, UNMATCHED, Outcome, Refusal


def test_an_outcome_says_whether_anybody_wanted_it_and_what_to_await() -> None:
    outcome = Outcome(True, 7)
    assert (outcome.matched, outcome.sequence) == (True, 7)
    assert (MATCHED.matched, MATCHED.sequence) == (True, 0)
    assert (UNMATCHED.matched, UNMATCHED.sequence) == (False, 0)


def test_a_refusal_has_words_for_its_reason_unless_it_brings_its_own() -> None:
    assert Refusal(0x87).text == "not authorized"
    assert Refusal(0x87, "not on Sundays").text == "not on Sundays"
    assert Refusal(0x87).reason == 0x87
