"""What an authenticator may say besides yes and no."""

from collections.abc import Awaitable

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Challenge, Proved, Unclaimed, Verdict
from tests.access.tickets import FakeTicket


def test_a_challenge_carries_the_question_and_who_judges_the_answer() -> None:
    def judge(ticket: Ticket, now: float) -> Verdict:
        return Refusal(0x86, f"{ticket.user_name} at {now:g}")

    challenge = Challenge(b"what is it?", judge)
    verdict = challenge.judge(FakeTicket(user_name="alice"), 2.0)
    assert challenge.data == b"what is it?"
    assert isinstance(verdict, Refusal)
    assert verdict.text == "alice at 2"


def test_who_is_proved_gets_last_words() -> None:
    proved = Proved(Identity("acme", "alice"), b"v=1")
    assert (proved.identity.user, proved.data) == ("alice", b"v=1")


def test_who_is_unclaimed_is_refused_now_or_later() -> None:
    def refuse() -> Refusal | Awaitable[Refusal]:
        return Refusal(0x86)

    refusal = Unclaimed(refuse).refuse()
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 0x86
