"""What an authenticator is: it looks at a CONNECT and says who that is, that it must not come in, or that it is not for
it to say.

    Identity    admitted as this
    Refusal     not admitted, with an MQTT reason code; nobody else is asked
    None        not mine: ask the next
    awaitable   one of the above, later

Exchanges of several packets, and names that must not be found out by asking, have words of their own in
`core.verdict`. A ticket of level 0 is an HTTP request: what was sent as a bearer token, or as `x-api-key`, stands in
`peer.token` and, as for clients that have nowhere else to put it, is the password; there is no client id then.

Failed logins are counted by the ticket's user name. Whoever finds that another name is tried puts that there, and
clears `counts` where nothing was tried, or what was shown is genuine and has only run out.

What a newcomer gets wrong: a wrong password is a Refusal, an unknown user name is None, and the chain's end refuses.
Nothing slow (hashing, files, network) runs in `judge` itself; that is what the awaitable is for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Answer, Verdict
from myna.formats.outgoing import HttpCaller

__all__ = ["AccessContext", "Answer", "Authenticator", "NoSettings", "Verdict"]


class NoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """For an authenticator without any."""


@dataclass(frozen=True, slots=True)
class AccessContext:
    """What an authenticator is given.

    data        the folder for what must survive, None where nothing is kept
    http        for asking somebody else
    broker      sessions, counters, and `kept` for small values that last
    secret      a key by name: made on first use, kept in the data folder
    arm         the broker's deadlines may have changed
    review      what lets clients in has changed: those who are inside are judged `again`
    """

    now: Callable[[], float]
    data: Path | None
    http: HttpCaller
    broker: Broker
    secret: Callable[[str], str]
    arm: Callable[[], None] = lambda: None
    review: Callable[[], None] = lambda: None


class Authenticator(ABC):
    """One way of proving who one is. `SETTINGS` is what its table [access.NAME] decodes to.

    One that cannot be made of its settings raises ConfigError. When the configuration is read again, it goes on as it
    is if its settings are the same.
    """

    SETTINGS: ClassVar[type[Struct]] = NoSettings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        return

    @classmethod
    def describe(cls, settings: Struct) -> str:
        """Whom it lets in, for `myna check`; "" where its name says it all."""
        return ""

    @abstractmethod
    def judge(self, ticket: Ticket, now: float) -> Answer:
        """A CONNECT, a re-authentication by AUTH, or an HTTP request."""

    def again(self, shown: object) -> Identity | Refusal | None:
        """What it would say now of somebody it let in by showing this (`revocation.let_in`); None where nothing that it
        knows of has changed.
        """
        return None

    def tick(self, now: float) -> None:
        """Called once a second: the place to notice that a file has changed."""
        return

    def close(self) -> None:
        """Nobody asks it any more."""
        return
