"""HTTP callers at the same gates as MQTT clients: the authenticators of a list, asked about a request.

    call(scope, now)       a whole request: Identity or Refusal, at once or later
    claim(scope, now)      the same, but None where nobody knows the caller: somebody else may
    judge(ticket, now)     the same list about anybody's ticket, for a face that judges its own clients by it

What a newcomer gets wrong: nothing is remembered here. An authenticator that is slow remembers what it has checked,
so a caller who comes again is known at once.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence

from myna.access.credentials import Scope, read_ticket
from myna.access.judges import Judge, Judges
from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Answer, Challenge, Proved, Unclaimed, Verdict
from myna.wire import reasons

Judged = Identity | Refusal


class Callers:
    """`use` replaces the authenticators. Who is refused is counted and reported here, for every face alike."""

    def __init__(self, broker: Broker, now: Callable[[], float]) -> None:
        self._broker = broker
        self._judges = Judges((), now)
        self._now = now

    def use(self, authenticators: Sequence[Judge]) -> None:
        self._judges.use(authenticators)

    def judge(self, ticket: Ticket, now: float) -> Answer:
        return self._judges.judge(ticket, now)

    def call(self, scope: Scope, now: float) -> Judged | Awaitable[Judged]:
        ticket = read_ticket(scope)
        if isinstance(ticket, Refusal):
            return self._refused(ticket, scope, now)
        answer = self._judges.judge(ticket, now)
        if isinstance(answer, Identity):
            return answer
        if inspect.isawaitable(answer):
            return self._wait(answer, ticket, scope)
        return self._settle(answer, ticket, scope, now)

    def claim(self, scope: Scope, now: float) -> Judged | Awaitable[Judged | None] | None:
        ticket = read_ticket(scope)
        if isinstance(ticket, Refusal):
            return self._refused(ticket, scope, now)
        answer = self._judges.judge(ticket, now)
        return (
            self._wait_claim(answer, ticket, scope)
            if inspect.isawaitable(answer)
            else self._claimed(answer, ticket, scope, now)
        )

    async def _wait_claim(self, answer: Awaitable[Verdict], ticket: Ticket, scope: Scope) -> Judged | None:
        return self._claimed(await answer, ticket, scope, self._now())

    def _claimed(self, verdict: Verdict, ticket: Ticket, scope: Scope, now: float) -> Judged | None:
        if verdict is None or isinstance(verdict, Unclaimed):
            return None
        settled = self._settle(verdict, ticket, scope, now)
        assert not inspect.isawaitable(settled)  # only whom nobody claims is refused later
        return settled

    async def _wait(self, answer: Awaitable[Verdict], ticket: Ticket, scope: Scope) -> Judged:
        settled = self._settle(await answer, ticket, scope, self._now())
        return await settled if inspect.isawaitable(settled) else settled

    def _settle(self, verdict: Verdict, ticket: Ticket, scope: Scope, now: float) -> Judged | Awaitable[Judged]:
        if isinstance(verdict, Identity):
            return verdict
        if isinstance(verdict, Proved):
            return verdict.identity
        if isinstance(verdict, Unclaimed):
            refusal = verdict.refuse()
            return self._later(refusal, scope) if inspect.isawaitable(refusal) else self._refused(refusal, scope, now)
        if isinstance(verdict, Challenge):
            verdict = Refusal(reasons.BAD_AUTHENTICATION_METHOD, "what asks back cannot be used over HTTP")
        return self._refused(verdict or _nobody(ticket), scope, now)

    async def _later(self, refusal: Awaitable[Refusal], scope: Scope) -> Refusal:
        return self._refused(await refusal, scope, self._now())

    def _refused(self, refusal: Refusal, scope: Scope, now: float) -> Refusal:
        client = scope.get("client")
        self._broker.counters.refuse(f"call:{reasons.reason_name(refusal.reason)}")
        self._broker.watcher.refused("an HTTP call", "", "", client[0] if client else "unix", refusal.text, now)
        return refusal


def _nobody(ticket: Ticket) -> Refusal:
    if ticket.password is None and ticket.peer.certificate is None:
        text = "the call shows no credentials: send Authorization: Basic or Bearer, or x-api-key"
        return Refusal(reasons.NOT_AUTHORIZED, text)
    return Refusal(reasons.NOT_AUTHORIZED, "no authenticator knows this caller")
