"""SCRAM-SHA-256 over AUTH packets: the question, the proof, and the server's own proof in CONNACK or AUTH.

    CONNECT   client-first      ->  AUTH 0x18   server-first
    AUTH 0x18 client-final      ->  CONNACK     server-final      (AUTH 0x00 where the client re-authenticates)

What a newcomer gets wrong: an unknown name is asked, too. Its salt is made up, but always the same, or two questions
would tell that the name does not exist. And what counts as the name of a login that fails is what the exchange says,
not what CONNECT does.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from myna.core.identity import Identity
from myna.core.logins import Logins, must_wait
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Answer, Challenge, Proved
from myna.formats.password_file import Entry
from myna.formats.saslprep import prepare
from myna.formats.scram import ITERATIONS, METHOD, BadExchange, Exchange, First, mock_secret, read_first, read_secret
from myna.wire import reasons

__all__ = ["METHOD", "Provers", "Scram"]


class Provers:
    """The entries that can be proved, by name as SASLprep has it; and how many iterations strangers are told."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_name = {prepare(one.name): (one, read_secret(one.scram)) for one in entries if one.scram}
        counts = Counter(secret.iterations for _, secret in self.by_name.values())
        self.iterations = counts.most_common(1)[0][0] if counts else ITERATIONS


class Scram:
    """`admit` makes the entry's identity, or says that it is disabled; `wrong` is what a wrong proof is told."""

    def __init__(
        self, mock_key: bytes, logins: Logins, admit: Callable[[Entry], Identity | Refusal], wrong: Refusal
    ) -> None:
        self._logins = logins
        self._mock_key = mock_key
        self._admit = admit
        self._wrong = wrong
        self._provers = Provers(())
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def use(self, provers: Provers) -> None:
        self._provers = provers

    def judge(self, ticket: Ticket, now: float) -> Answer:
        if ticket.data is None:
            return Challenge(b"", self._begin)  # SASL lets a client wait to be asked
        return self._begin(ticket, now)

    def _begin(self, ticket: Ticket, now: float) -> Answer:
        try:
            first = read_first(ticket.data or b"")
        except BadExchange as error:
            return _broken(error)
        ticket.user_name = first.name  # whatever else the client calls itself: failures are counted by this
        address = ticket.peer.address
        wait = self._logins.wait(address, first.name, now)
        if wait > 0.0:
            return Refusal(reasons.CONNECTION_RATE_EXCEEDED, must_wait(wait), wait)
        late = self._logins.delay(address, first.name, now)
        return self._ask_late(first, late) if late > 0.0 else self._ask(first)

    async def _ask_late(self, first: First, late: float) -> Challenge:
        await self._sleep(late)
        return self._ask(first)

    def _ask(self, first: First) -> Challenge:
        held = self._provers.by_name.get(first.name)
        secret = mock_secret(first.name, self._mock_key, self._provers.iterations) if held is None else held[1]
        exchange = Exchange(first, secret)
        return Challenge(exchange.question, partial(self._finish, exchange, first.name))

    def _finish(self, exchange: Exchange, name: str, ticket: Ticket, now: float) -> Answer:
        held = self._provers.by_name.get(name)
        try:
            signature = exchange.finish(ticket.data or b"")
        except BadExchange as error:
            return self._wrong if error.wrong else _broken(error)
        if held is None or not exchange.is_about(held[1]):
            return self._wrong  # the entry has changed meanwhile
        identity = self._admit(held[0])
        return identity if isinstance(identity, Refusal) else Proved(identity, signature)


def _broken(error: BadExchange) -> Refusal:
    return Refusal(reasons.NOT_AUTHORIZED, f"{METHOD}: {error}")
