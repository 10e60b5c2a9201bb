"""Authenticators in a row, asked until one of them has an answer. A gate has one such row, the callers of an API, too.

    None, None, Identity          the third one knows them
    None, Refusal                 nobody else is asked
    None, None                    nobody knows them
    None, Unclaimed, None         nobody knows them, and the second one has a say in how they are refused

What a newcomer gets wrong: an authenticator that takes its time answers with an awaitable, and only then does the
rest of the row wait for the loop. Most answers never leave this call.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Answer, Unclaimed, Verdict
from myna.formats.certificates import is_trusted
from myna.wire import reasons

log = logging.getLogger("myna.access")


class Judge(Protocol):
    """The part of an authenticator that is needed here; the ones faces bring have it, too."""

    def judge(self, ticket: Ticket, now: float) -> Answer: ...


class Judges:
    """`use` replaces the authenticators. An authenticator's bug refuses, and is logged."""

    def __init__(self, judges: Sequence[Judge], now: Callable[[], float]) -> None:
        self._judges = tuple(judges)
        self._now = now

    def use(self, judges: Sequence[Judge]) -> None:
        self._judges = tuple(judges)

    def are_none(self) -> bool:
        return not self._judges

    def judge(self, ticket: Ticket, now: float) -> Answer:
        """None or Unclaimed where nobody knows them."""
        if not is_trusted(ticket.peer.certificate):
            return Refusal(reasons.NOT_AUTHORIZED, "the certificate is no longer trusted")
        return self._ask(ticket, iter(self._judges), None, now)

    def _ask(self, ticket: Ticket, rest: Iterator[Judge], unclaimed: Unclaimed | None, now: float) -> Answer:
        try:
            for judge in rest:
                answer = judge.judge(ticket, now)
                if inspect.isawaitable(answer):
                    return self._wait(ticket, answer, rest, unclaimed)
                if isinstance(answer, Unclaimed):
                    unclaimed = unclaimed or answer  # the first one's words
                elif answer is not None:
                    return answer
        except Exception:
            return failed()
        return unclaimed

    async def _wait(
        self, ticket: Ticket, answer: Awaitable[Verdict], rest: Iterator[Judge], unclaimed: Unclaimed | None
    ) -> Verdict:
        try:
            verdict = await answer
        except Exception:
            return failed()
        if isinstance(verdict, Unclaimed):
            unclaimed = unclaimed or verdict
        elif verdict is not None:
            return verdict
        others = self._ask(ticket, rest, unclaimed, self._now())
        return await others if inspect.isawaitable(others) else others


def failed() -> Refusal:
    log.exception("an authenticator failed by a bug of ours; the client is refused")
    return Refusal(reasons.UNSPECIFIED_ERROR)
