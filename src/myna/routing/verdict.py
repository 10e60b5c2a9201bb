"""What became of a delivery, as a destination says it.

`result` is one of the words by which failures are counted and dead letters explained. What a newcomer gets wrong:
`hold` speaks of the destination, `after` of the events that failed.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

# The contract's classes of failures of routing.
AUTHENTICATION: Final = "AuthenticationError"
NOT_FOUND: Final = "TopicNotFoundError"
BUSY: Final = "TooManyRequests"
SERVICE: Final = "ServiceError"


class Fate(IntEnum):
    DELIVERED = 0
    AGAIN = 1
    NEVER = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """`after`: seconds to wait at least before these events are tried again. `hold`: seconds to leave the whole
    destination alone, should it go on failing. `untried`: nothing was sent, so it counts as no attempt. `asked`: it is
    the destination that asks for this wait.
    """

    fate: Fate
    cause: str = ""
    result: str = ""
    error: str = ""
    after: float = 0.0
    hold: float = 0.0
    untried: bool = False
    asked: bool = False


DELIVERED: Final = Verdict(Fate.DELIVERED)


def again(
    cause: str,
    *,
    result: str = "Unknown",
    error: str = SERVICE,
    after: float = 0.0,
    hold: float = 10.0,
    untried: bool = False,
) -> Verdict:
    """It failed, and may succeed another time. `cause` is for people."""
    return Verdict(Fate.AGAIN, cause, result, error, after, hold, untried)


def never(cause: str, *, result: str = "Unknown", error: str = SERVICE, hold: float = 0.0) -> Verdict:
    """It failed, and would again: the events are dead."""
    return Verdict(Fate.NEVER, cause, result, error, 0.0, hold)
