"""The gate of an endpoint: what its authenticators say of a CONNECT becomes the answer to its ticket.

What a newcomer gets wrong: while an authenticator takes its time the client may go. The core ignores an answer that
comes too late, so nothing here has to know.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence

from myna.access.judges import Judge, Judges, failed
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Gate, Ticket
from myna.core.verdict import Answer, Challenge, Proved, Unclaimed, Verdict
from myna.wire import reasons

__all__ = ["Chain", "Judge"]


class Entrance:
    """Where somebody came in, and by whose word; `certificate` is that of the connection, whoever let him in."""

    __slots__ = ("authenticator", "certificate", "gate")

    def __init__(self, gate: "Chain", ticket: Ticket) -> None:
        self.gate = gate
        self.authenticator = ticket.authenticator
        self.certificate = ticket.peer.certificate

    def is_listed(self) -> bool:
        return self.gate.lists(self.authenticator)


class Chain(Gate):
    """`use` replaces the authenticators. Who is inside by one that is gone has to leave: see `revocation`."""

    def __init__(self, authenticators: Sequence[Judge], now: Callable[[], float]) -> None:
        self._judges = Judges(authenticators, now)
        self._names: frozenset[str] = frozenset()
        self._now = now
        self._pending: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    def use(self, authenticators: Sequence[Judge], names: Iterable[str] = ()) -> None:
        """`names` are those of the authenticators, where somebody may have to leave with one."""
        self._judges.use(authenticators)
        self._names = frozenset(names)

    def lists(self, name: str) -> bool:
        """Is an authenticator of this name, if it has one, among those who are asked?"""
        return not self._names or name in self._names

    def admit(self, ticket: Ticket, now: float) -> None:
        self._settle(ticket, self._judges.judge(ticket, now), now)

    def answered(self, ticket: Ticket, now: float) -> None:
        """The client answers whoever has challenged it, and nobody else is asked any more."""
        challenge = ticket.exchange
        assert isinstance(challenge, Challenge)  # the core lets only those answer who have been asked
        ticket.exchange = None
        try:
            answer = challenge.judge(ticket, now)
        except Exception:
            answer = failed()
        self._settle(ticket, answer, now)

    def _settle(self, ticket: Ticket, answer: Answer, now: float) -> None:
        if inspect.isawaitable(answer):
            task = asyncio.ensure_future(self._wait(ticket, answer))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)
            return
        if isinstance(answer, Identity):
            answer.entrance = Entrance(self, ticket)
            ticket.admit(answer, now)
        elif isinstance(answer, Proved):
            answer.identity.entrance = Entrance(self, ticket)
            ticket.admit(answer.identity, now, answer.data)
        elif isinstance(answer, Refusal):
            ticket.refuse(answer.reason, now, answer.text)
        elif isinstance(answer, Challenge) and ticket.method is None:  # AUTH is for who has named a method (§4.12)
            ticket.refuse(reasons.BAD_AUTHENTICATION_METHOD, now, "this takes a method of authentication")
        elif isinstance(answer, Challenge):
            ticket.exchange = answer
            ticket.challenge(answer.data, now)
        elif isinstance(answer, Unclaimed):
            self._settle(ticket, answer.refuse(), now)
        else:
            self._settle(ticket, self._nobody(ticket), now)

    async def _wait(self, ticket: Ticket, answer: Awaitable[Verdict]) -> None:
        try:
            verdict = await answer
        except Exception:
            verdict = failed()
        self._settle(ticket, verdict, self._now())

    def _nobody(self, ticket: Ticket) -> Refusal:
        if self._judges.are_none():
            return Refusal(reasons.NOT_AUTHORIZED, "nobody may connect here: this endpoint has no authenticators")
        if ticket.method is not None:  # [MQTT-4.12.0-1]
            return Refusal(reasons.BAD_AUTHENTICATION_METHOD, "no authenticator here knows this authentication method")
        return Refusal(reasons.NOT_AUTHORIZED, "no authenticator knows this client")
