"""HTTP callers at the same gates as MQTT clients: the authenticators of a list, asked about a request.

    call(scope, now)       a whole request: Identity or Refusal, at once or later
    claim(scope, now)      the same, but None where nobody knows the caller: somebody else may
    judge(ticket, now)     the same list about anybody's ticket, for a face that judges its own clients by it
    look_after(…)          those who stay: see `revocation`

Failed logins count here as they do for MQTT clients, so whoever guesses has to wait. What a newcomer gets wrong:
nothing is remembered here. An authenticator that is slow remembers what it has checked, so who comes again is known
at once.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence

from myna.access.credentials import CallerTicket, Scope, address_of, read_ticket
from myna.access.judges import Judge, Judges
from myna.core.authentication import FAILED
from myna.core.bans import words_of
from myna.core.broker import Broker
from myna.core.handshake import public_name
from myna.core.identity import Identity
from myna.core.logins import login_name, must_wait
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.receiver import Receiver
from myna.core.verdict import Answer, Challenge, Proved, Unclaimed, Verdict
from myna.wire import reasons

Judged = Identity | Refusal
LookAfter = Callable[[Callable[[], Iterable[Receiver]]], None]


class Callers:
    """`use` replaces the authenticators. Who is refused is counted and reported here, for every face alike."""

    def __init__(
        self, broker: Broker, now: Callable[[], float], look_after: LookAfter = lambda receivers: None
    ) -> None:
        self._broker = broker
        self.look_after = look_after
        self._judges = Judges((), now)
        self._now = now

    def use(self, authenticators: Sequence[Judge]) -> None:
        self._judges.use(authenticators)

    def judge(self, ticket: Ticket, now: float) -> Answer:
        return self._judges.judge(ticket, now)

    def call(self, scope: Scope, now: float) -> Judged | Awaitable[Judged]:
        ticket = self._admit_to_judges(scope, now)
        if isinstance(ticket, Refusal):
            return ticket
        answer = self._ask(ticket, now)
        if inspect.isawaitable(answer):
            return self._wait(answer, ticket)
        return self._settle(answer, ticket, now)

    def claim(self, scope: Scope, now: float) -> Judged | Awaitable[Judged | None] | None:
        ticket = self._admit_to_judges(scope, now)
        if isinstance(ticket, Refusal):
            return ticket
        answer = self._ask(ticket, now)
        if inspect.isawaitable(answer):
            return self._wait_claim(answer, ticket)
        return self._claimed(answer, ticket, now)

    def _admit_to_judges(self, scope: Scope, now: float) -> CallerTicket | Refusal:
        """Unless its header says nothing, or whoever calls from there has to wait after failed logins."""
        ticket = read_ticket(scope)
        if isinstance(ticket, Refusal):
            return self._refused(ticket, address_of(scope), "", now)
        if ticket.password is not None:
            wait = self._broker.logins.wait(ticket.peer.address, _name(ticket), now)
            if wait > 0.0:
                refusal = Refusal(reasons.CONNECTION_RATE_EXCEEDED, must_wait(wait), wait)
                return self._refused(refusal, ticket.peer.address, _shown(ticket), now)
        return ticket

    def _ask(self, ticket: Ticket, now: float) -> Answer:
        if ticket.password is not None:
            late = self._broker.logins.delay(ticket.peer.address, _name(ticket), now)
            if late > 0.0:  # the name is being guessed, from many addresses
                return self._ask_late(ticket, late)
        return self._judges.judge(ticket, now)

    async def _ask_late(self, ticket: Ticket, late: float) -> Verdict:
        await asyncio.sleep(late)
        answer = self._judges.judge(ticket, self._now())
        return await answer if inspect.isawaitable(answer) else answer

    async def _wait_claim(self, answer: Awaitable[Verdict], ticket: Ticket) -> Judged | None:
        return self._claimed(await answer, ticket, self._now())

    def _claimed(self, verdict: Verdict, ticket: Ticket, now: float) -> Judged | None:
        if verdict is None or isinstance(verdict, Unclaimed):
            return None
        settled = self._settle(verdict, ticket, now)
        assert not inspect.isawaitable(settled)  # only whom nobody claims is refused later
        return settled

    async def _wait(self, answer: Awaitable[Verdict], ticket: Ticket) -> Judged:
        settled = self._settle(await answer, ticket, self._now())
        return await settled if inspect.isawaitable(settled) else settled

    def _settle(self, verdict: Verdict, ticket: Ticket, now: float) -> Judged | Awaitable[Judged]:
        if isinstance(verdict, Proved):
            verdict = verdict.identity
        if isinstance(verdict, Identity):
            if ticket.password is not None and ticket.counts:
                self._broker.logins.succeeded(ticket.peer.address, _name(ticket))
            ban = self._broker.bans.banned(verdict.tenant, verdict.user, "", ticket.peer.address, now)
            if ban is not None:
                return self._refused(Refusal(reasons.BANNED, words_of(ban)), ticket.peer.address, verdict.user, now)
            return verdict
        if isinstance(verdict, Unclaimed):
            refusal = verdict.refuse()
            return self._later(refusal, ticket) if inspect.isawaitable(refusal) else self._failed(refusal, ticket, now)
        if isinstance(verdict, Challenge):
            verdict = Refusal(reasons.BAD_AUTHENTICATION_METHOD, "what asks back cannot be used over HTTP")
        return self._failed(verdict or _nobody(ticket), ticket, now)

    async def _later(self, refusal: Awaitable[Refusal], ticket: Ticket) -> Refusal:
        return self._failed(await refusal, ticket, self._now())

    def _failed(self, refusal: Refusal, ticket: Ticket, now: float) -> Refusal:
        address = ticket.peer.address
        if refusal.reason in FAILED and ticket.password is not None and ticket.counts:
            self._broker.logins.failed(address, _name(ticket), now)
        return self._refused(refusal, address, _shown(ticket), now)

    def _refused(self, refusal: Refusal, address: str, user: str, now: float) -> Refusal:
        self._broker.counters.refuse(f"call:{reasons.reason_name(refusal.reason)}")
        self._broker.watcher.refused("an HTTP call", "", "", address, refusal.text, now, user)
        return refusal


def _name(ticket: Ticket) -> str:
    """What failed calls are counted by, beside the address."""
    return login_name(ticket.user_name, ticket.password)


def _shown(ticket: Ticket) -> str:
    return public_name(ticket.user_name)


def _nobody(ticket: Ticket) -> Refusal:
    if ticket.password is None and ticket.peer.certificate is None:
        text = "the call shows no credentials: send Authorization: Basic or Bearer, or x-api-key"
        return Refusal(reasons.NOT_AUTHORIZED, text)
    return Refusal(reasons.NOT_AUTHORIZED, "no authenticator knows this caller")
