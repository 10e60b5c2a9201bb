"""Authenticators in a row."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from myna.access.chain import Chain, Judge
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Challenge, Proved, Unclaimed, Verdict
from tests.access.tickets import FakeTicket


class Says:
    """An authenticator with one answer."""

    def __init__(self, answer: Callable[[], Verdict | Awaitable[Verdict]]) -> None:
        self._answer = answer
        self.asked = 0

    def judge(self, ticket: Ticket, now: float) -> Verdict | Awaitable[Verdict]:
        self.asked += 1
        return self._answer()


def later(verdict: Verdict) -> Callable[[], Awaitable[Verdict]]:
    async def answer() -> Verdict:
        return verdict

    return answer


def fail() -> Verdict:
    raise LookupError("a bug")


async def fail_later() -> Verdict:
    raise LookupError("a bug")


def ask(*authenticators: Judge) -> list[str]:
    """What the chain answers, once everything that takes time has come."""

    async def run() -> list[str]:
        ticket = FakeTicket()
        chain = Chain(authenticators, lambda: 2.0)
        chain.admit(ticket, 1.0)
        while chain._pending:
            await asyncio.gather(*chain._pending)
        return ticket.answers

    return asyncio.run(run())


ALICE = Identity("acme", "alice")
NOBODY = "refused 0x87 at {}: no authenticator knows this client"


def test_the_first_who_knows_a_client_admits_it() -> None:
    behind = Says(lambda: Identity("acme", "somebody else"))
    assert ask(Says(lambda: None), Says(lambda: ALICE), behind) == ["admitted alice at 1"]
    assert behind.asked == 0


def test_a_refusal_ends_the_search() -> None:
    behind = Says(lambda: ALICE)
    assert ask(Says(lambda: Refusal(0x86, "wrong")), behind) == ["refused 0x86 at 1: wrong"]
    assert behind.asked == 0


def test_whom_nobody_knows_is_refused() -> None:
    assert ask(Says(lambda: None)) == [NOBODY.format(1)]


def test_an_endpoint_without_authenticators_refuses_everybody_and_says_why() -> None:
    assert ask() == ["refused 0x87 at 1: nobody may connect here: this endpoint has no authenticators"]


def test_an_answer_may_come_later() -> None:
    assert ask(Says(later(ALICE))) == ["admitted alice at 2"]
    assert ask(Says(later(Refusal(0x86, "wrong")))) == ["refused 0x86 at 2: wrong"]


def test_who_is_not_known_after_a_while_is_passed_on() -> None:
    assert ask(Says(later(None)), Says(later(None)), Says(lambda: ALICE)) == ["admitted alice at 2"]
    assert ask(Says(later(None))) == [NOBODY.format(2)]


@pytest.mark.parametrize("broken", [fail, fail_later])
def test_a_bug_refuses_and_is_logged(broken: Callable[[], Verdict], caplog: pytest.LogCaptureFixture) -> None:
    (answer,) = ask(Says(broken), Says(lambda: ALICE))
    assert answer.startswith("refused 0x80")
    assert "a bug" in caplog.text


def test_authenticators_can_be_exchanged() -> None:
    chain = Chain([], lambda: 0.0)
    chain.use([Says(lambda: ALICE)])
    ticket = FakeTicket()
    chain.admit(ticket, 3.0)
    assert ticket.answers == ["admitted alice at 3"]


def test_who_challenges_is_answered_and_nobody_else_is_asked() -> None:
    def judge(ticket: Ticket, now: float) -> Verdict:
        return Proved(ALICE, b"welcome") if ticket.data == b"yes" else Challenge(b"really?", judge)

    others = Says(lambda: None)
    chain = Chain([others, Says(lambda: Challenge(b"is it you?", judge))], lambda: 0.0)
    ticket = FakeTicket()
    chain.admit(ticket, 1.0)
    assert ticket.answers.pop() == "refused 0x8C at 1: this takes a method of authentication"
    ticket.method = "QUIZ"
    chain.admit(ticket, 1.0)
    for said in (b"perhaps", b"yes"):
        ticket.data = said
        chain.answered(ticket, 2.0)
    assert ticket.answers == [
        "challenged with is it you?",
        "challenged with really?",
        "admitted alice at 2 with welcome",
    ]
    assert others.asked == 2


def test_a_bug_in_judging_an_answer_refuses() -> None:
    chain = Chain([Says(lambda: Challenge(b"is it you?", lambda _ticket, _now: fail()))], lambda: 0.0)
    ticket = FakeTicket()
    ticket.method = "QUIZ"
    chain.admit(ticket, 1.0)
    chain.answered(ticket, 2.0)
    assert ticket.answers[1].startswith("refused 0x80")


def test_whom_nobody_knows_is_refused_in_the_words_of_the_first_who_could_have() -> None:
    def unclaimed(text: str) -> Callable[[], Verdict]:
        return lambda: Unclaimed(lambda: Refusal(0x86, text))

    async def slow() -> Refusal:
        return Refusal(0x86, "slowly")

    assert ask(Says(unclaimed("first")), Says(unclaimed("second"))) == ["refused 0x86 at 1: first"]
    assert ask(Says(lambda: Unclaimed(slow)), Says(lambda: None)) == ["refused 0x86 at 2: slowly"]
    assert ask(Says(unclaimed("first")), Says(lambda: ALICE)) == ["admitted alice at 1"]
    assert ask(Says(later(Unclaimed(slow))), Says(lambda: ALICE)) == ["admitted alice at 2"]
