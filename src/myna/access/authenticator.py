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

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket

Verdict = Identity | Refusal | None
Answer = Verdict | Awaitable[Verdict]


class NoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """For an authenticator without any."""


@dataclass(frozen=True, slots=True)
class AccessContext:
    """What an authenticator is given. `data` is None where nothing is kept."""

    now: Callable[[], float]
    data: Path | None


class Authenticator(ABC):
    """One way of proving who one is. `SETTINGS` is what its table [access.NAME] decodes to."""

    SETTINGS: ClassVar[type[Struct]] = NoSettings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        return

    @abstractmethod
    def judge(self, ticket: Ticket, now: float) -> Answer:
        """A CONNECT, or a re-authentication by AUTH."""
