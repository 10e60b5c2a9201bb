"""What an authenticator may say besides Identity and Refusal, which is what most of them ever say.

    Challenge    ask the client for more, and judge what it answers by `judge`     (an exchange of AUTH packets, §4.12)
    Proved       this identity, with last words for the client
    Unclaimed    not mine; but where nobody else knows the client either, refuse by `refuse`

What a newcomer gets wrong: "not mine" must not tell a stranger more than a refusal would. Whoever keeps names answers
Unclaimed, so that an unknown name is refused in the words and in the time of a wrong password.
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket


@final
class Challenge:
    """`judge` is asked, with the same ticket, once the client's answer is in `ticket.data`."""

    __slots__ = ("data", "judge")

    def __init__(self, data: bytes, judge: Callable[[Ticket, float], "Answer"]) -> None:
        self.data = data
        self.judge: Final = judge


@final
class Proved:
    """`data` ends the exchange: it goes into CONNACK, or into the AUTH that ends a re-authentication."""

    __slots__ = ("data", "identity")

    def __init__(self, identity: Identity, data: bytes) -> None:
        self.identity = identity
        self.data = data


@final
class Unclaimed:
    """`refuse` takes as long as refusing somebody who is known would."""

    __slots__ = ("refuse",)

    def __init__(self, refuse: Callable[[], Refusal | Awaitable[Refusal]]) -> None:
        self.refuse: Final = refuse


Verdict = Identity | Refusal | Challenge | Proved | Unclaimed | None
Answer = Verdict | Awaitable[Verdict]
