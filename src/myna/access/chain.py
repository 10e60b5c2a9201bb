"""The gate of an endpoint: its authenticators, asked in order until one has an answer.

    judge -> None, None, Identity        the third one knows them
    judge -> None, Refusal               nobody else is asked
    judge -> None, None, None            nobody knows them: refused

What a newcomer gets wrong: while an authenticator takes its time the client may go. The core ignores an answer that
comes too late, so nothing here has to know.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Gate, Ticket
from myna.wire import reasons

log = logging.getLogger("myna.access")

Verdict = Identity | Refusal | None


class Judge(Protocol):
    """The part of an authenticator that a chain needs; the ones faces bring have it, too."""

    def judge(self, ticket: Ticket, now: float) -> Verdict | Awaitable[Verdict]: ...


class Chain(Gate):
    """`use` replaces the authenticators: those who are inside stay."""

    def __init__(self, authenticators: Sequence[Judge], now: Callable[[], float]) -> None:
        self._authenticators = tuple(authenticators)
        self._now = now
        self._pending: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly

    def use(self, authenticators: Sequence[Judge]) -> None:
        self._authenticators = tuple(authenticators)

    def admit(self, ticket: Ticket, now: float) -> None:
        self._ask(ticket, iter(self._authenticators), now)

    def _ask(self, ticket: Ticket, rest: Iterator[Judge], now: float) -> None:
        try:
            for authenticator in rest:
                answer = authenticator.judge(ticket, now)
                if inspect.isawaitable(answer):
                    task = asyncio.ensure_future(self._wait(ticket, answer, rest))
                    self._pending.add(task)
                    task.add_done_callback(self._pending.discard)
                    return
                if answer is not None:
                    _say(ticket, answer, now)
                    return
        except Exception:
            self._failed(ticket, now)
            return
        _say(ticket, self._nobody(ticket), now)

    async def _wait(self, ticket: Ticket, answer: Awaitable[Verdict], rest: Iterator[Judge]) -> None:
        try:
            verdict = await answer
        except Exception:
            self._failed(ticket, self._now())
            return
        if verdict is None:
            self._ask(ticket, rest, self._now())
        else:
            _say(ticket, verdict, self._now())

    def _nobody(self, ticket: Ticket) -> Refusal:
        if not self._authenticators:
            return Refusal(reasons.NOT_AUTHORIZED, "nobody may connect here: this endpoint has no authenticators")
        if ticket.method is not None:  # [MQTT-4.12.0-1]
            return Refusal(reasons.BAD_AUTHENTICATION_METHOD, "no authenticator here knows this authentication method")
        return Refusal(reasons.NOT_AUTHORIZED, "no authenticator knows this client")

    def _failed(self, ticket: Ticket, now: float) -> None:
        log.exception("an authenticator failed by a bug of ours; the client is refused")
        ticket.refuse(reasons.UNSPECIFIED_ERROR, now)


def _say(ticket: Ticket, verdict: Identity | Refusal, now: float) -> None:
    if isinstance(verdict, Identity):
        ticket.admit(verdict, now)
    else:
        ticket.refuse(verdict.reason, now, verdict.text)
