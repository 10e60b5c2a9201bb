"""HTTP callers at the gates of MQTT clients."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

from myna.access.callers import Callers
from myna.core.bans import USER
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Challenge, Proved, Unclaimed, Verdict
from myna.testing import World
from tests.access.calls import basic, bearer, scope

ALICE = Identity("acme", "alice")


class Says:
    def __init__(self, answer: Callable[[Ticket], Verdict | Awaitable[Verdict]]) -> None:
        self._answer = answer

    def judge(self, ticket: Ticket, now: float) -> Verdict | Awaitable[Verdict]:
        return self._answer(ticket)


def later(verdict: Verdict) -> Callable[[Ticket], Awaitable[Verdict]]:
    async def answer() -> Verdict:
        return verdict

    return lambda _: answer()


def call(*answers: Callable[[Ticket], Verdict | Awaitable[Verdict]], header: tuple[str, str] | None = None) -> str:
    """What becomes of a call, in words; refused ones are counted."""

    async def run() -> str:
        world = World()
        callers = Callers(world.broker, lambda: world.now)
        callers.use([Says(answer) for answer in answers])
        judged = callers.call(scope(*filter(None, [header])), world.now)
        if inspect.isawaitable(judged):
            judged = await judged
        refused = dict(world.broker.counters.refused)
        if isinstance(judged, Refusal):
            assert sum(count for cause, count in refused.items() if cause.startswith("call:")) == 1
            return f"0x{judged.reason:02X} {judged.text}"
        assert not refused
        return judged.user

    return asyncio.run(run())


def by_password(ticket: Ticket) -> Verdict:
    return ALICE if (ticket.user_name, ticket.password) == ("alice", b"secret") else None


def test_the_log_names_the_user_whose_call_is_refused() -> None:
    world = World()
    callers = Callers(world.broker, lambda: world.now)
    for header in (basic("alice", "wrong"), bearer("secret")):
        callers.call(scope(header), world.now)
    assert world.watcher.refused_users == ["alice", ""]


def test_who_is_known_is_let_in_at_once_or_later() -> None:
    assert call(by_password, header=basic("alice", "secret")) == "alice"
    assert call(later(None), later(ALICE)) == "alice"
    assert call(lambda _: Proved(ALICE, b"")) == "alice"


def test_who_is_not_is_refused_with_the_cause() -> None:
    assert call(by_password, header=basic("alice", "wrong")) == "0x87 no authenticator knows this caller"
    assert call(by_password).startswith("0x87 the call shows no credentials")
    assert call(later(Refusal(0x8A, "disabled")), header=bearer("t")) == "0x8A disabled"
    assert call(by_password, header=("authorization", "Digest x")).startswith("0x86 the header Authorization")


def test_unclaimed_callers_are_refused_in_the_words_of_who_could_have_known_them() -> None:
    async def slow() -> Refusal:
        return Refusal(0x86, "slowly")

    assert call(lambda _: Unclaimed(lambda: Refusal(0x86, "at once"))) == "0x86 at once"
    assert call(later(Unclaimed(slow))) == "0x86 slowly"
    assert call(lambda _: Unclaimed(slow), lambda _: ALICE) == "alice"


def test_what_asks_back_is_refused() -> None:
    assert call(lambda _: Challenge(b"?", lambda _ticket, _now: ALICE)).startswith("0x8C")


def test_a_bug_refuses() -> None:
    def fail(_: Ticket) -> Verdict:
        raise LookupError("a bug")

    assert call(fail).startswith("0x80")


def claim(*answers: Callable[[Ticket], Verdict | Awaitable[Verdict]], header: tuple[str, str] | None = None) -> str:
    async def run() -> str:
        world = World()
        callers = Callers(world.broker, lambda: world.now)
        callers.use([Says(answer) for answer in answers])
        judged = callers.claim(scope(*filter(None, [header])), world.now)
        if inspect.isawaitable(judged):
            judged = await judged
        assert bool(world.broker.counters.refused) == isinstance(judged, Refusal)
        if isinstance(judged, Refusal):
            return f"0x{judged.reason:02X}"
        return "nobody" if judged is None else judged.user

    return asyncio.run(run())


def test_a_face_may_ask_whether_anybody_knows_a_caller_before_it_asks_elsewhere() -> None:
    assert claim(by_password, header=basic("alice", "secret")) == "alice"
    assert claim(later(ALICE)) == "alice"
    assert claim(by_password, header=basic("bob", "x")) == "nobody"
    assert claim(later(Unclaimed(lambda: Refusal(0x86)))) == "nobody"
    assert claim(later(Refusal(0x86))) == "0x86"
    assert claim(by_password, header=("authorization", "Digest x")) == "0x86"


def test_who_guesses_has_to_wait_and_who_knows_the_password_does_not() -> None:
    async def run() -> None:
        world = World()
        world.broker.logins.failures = 3
        callers = Callers(world.broker, lambda: world.now)
        callers.use([Says(by_password)])

        def told(name: str, password: str, client: object = ("192.0.2.1", 1)) -> int:
            judged = callers.call(scope(basic(name, password), client=client), world.now)
            assert not inspect.isawaitable(judged)
            return judged.reason if isinstance(judged, Refusal) else 0

        assert [told("bob", "guess") for _ in range(4)] == [0x87, 0x87, 0x87, 0x9F]
        assert told("alice", "secret", ("192.0.2.2", 1)) == 0
        assert told("bob", "guess", ("192.0.2.2", 1)) == 0x87
        judged = callers.claim(scope(basic("bob", "guess")), world.now)
        assert isinstance(judged, Refusal)
        assert judged.wait == 1.0

    asyncio.run(run())


def test_a_name_that_many_guess_at_is_answered_late() -> None:
    async def run() -> str:
        world = World()
        world.broker.logins.failures_per_name = 1
        callers = Callers(world.broker, lambda: world.now)
        callers.use([Says(by_password)])
        refused = callers.call(scope(basic("alice", "guess"), client=("192.0.2.9", 1)), world.now)
        assert isinstance(refused, Refusal)
        judged = callers.call(scope(basic("alice", "secret")), world.now)
        assert inspect.isawaitable(judged)
        known = await judged
        assert isinstance(known, Identity)
        return known.user

    assert asyncio.run(run()) == "alice"


def test_a_token_that_has_run_out_makes_no_other_token_wait() -> None:
    async def scenario() -> None:
        world = World()
        world.broker.logins.failures = 3
        callers = Callers(world.broker, lambda: world.now)
        callers.use([Says(lambda ticket: ALICE if ticket.password == b"good" else None)])
        judged = [callers.call(scope(bearer("old")), world.now) for _ in range(5)]
        reasons = [one.reason for one in judged if isinstance(one, Refusal)]
        assert reasons == [0x87] * 3 + [0x9F] * 2
        assert callers.call(scope(bearer("good")), world.now) is ALICE

    asyncio.run(scenario())


def test_a_user_who_is_banned_is_kept_out_here_too() -> None:
    world = World()
    callers = Callers(world.broker, lambda: world.now)
    callers.use([Says(by_password)])
    world.broker.bans.ban("acme", USER, "alice", world.now, reason="too loud")
    judged = callers.call(scope(basic("alice", "secret")), world.now)
    assert isinstance(judged, Refusal)
    assert (judged.reason, "too loud" in judged.text) == (0x8A, True)
