"""What an authenticator is: it looks at a CONNECT and says who that is, that it must not come in, or that it is not for
it to say.

    Identity    admitted as this
    Refusal     not admitted, with an MQTT reason code; nobody else is asked
    None        not mine: ask the next
    awaitable   one of the above, later

What a newcomer gets wrong: a wrong password is a Refusal, an unknown user name is None, and the chain's end refuses.
Nothing slow (hashing, files, network) runs in `judge` itself; that is what the awaitable is for.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.formats.outgoing import HttpCaller

Verdict = Identity | Refusal | None
Answer = Verdict | Awaitable[Verdict]


class NoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """For an authenticator without any."""


@dataclass(frozen=True, slots=True)
class AccessContext:
    """What an authenticator is given.

    data        the folder for what must survive, None where nothing is kept
    http        for asking somebody else
    broker      sessions, counters, and `kept` for small values that last
    secret      a key by name: made on first use, kept in the data folder
    """

    now: Callable[[], float]
    data: Path | None
    http: HttpCaller
    broker: Broker
    secret: Callable[[str], str]


class Authenticator(ABC):
    """One way of proving who one is. `SETTINGS` is what its table [access.NAME] decodes to."""

    SETTINGS: ClassVar[type[Struct]] = NoSettings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        return

    @abstractmethod
    def judge(self, ticket: Ticket, now: float) -> Answer:
        """A CONNECT, or a re-authentication by AUTH."""

    def tick(self, now: float) -> None:
        """Called once a second: the place to notice that a file has changed."""
        return
