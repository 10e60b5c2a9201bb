"""What a destination is, and what it is given. Whoever writes one reads this file, `settings`, `verdict` and `event`.

A destination only sends; what waits, how often it is tried and what is given up is settled by its courier. What a
newcomer gets wrong: it is made anew when its settings change, so it keeps nothing that must outlive that.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from myna.core.broker import Broker
from myna.formats.outgoing import HttpCaller
from myna.routing.event import Event
from myna.routing.line import Line, LineCarrier
from myna.routing.settings import DestinationSettings
from myna.routing.verdict import Verdict

# Between the attempts of events that go to services as Event Grid's namespace hands them over; the last one repeats.
HAND_OVER: Final = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0)


@dataclass(frozen=True, slots=True)
class DestinationContext:
    """What a destination is given.

    name    what it is called in the configuration
    http    for calling others
    now     the broker's time
    broker  for who publishes; what is published here and settled there is kept or lost together
    tenant  where it acts unless it is told otherwise
    origin  who we say we are when we introduce ourselves to others
    data    the folder for what must survive, None where nothing is kept
    safe    returns when all that has been done up to here would survive
    """

    name: str
    http: HttpCaller
    now: Callable[[], float]
    broker: Broker
    tenant: str
    origin: str
    data: Path | None
    safe: Callable[[], Awaitable[None]]


class Destination(ABC):
    """One place events are pushed to."""

    SETTINGS: ClassVar[type[DestinationSettings]] = DestinationSettings
    SCHEDULE: ClassVar[tuple[float, ...]] = HAND_OVER
    PLAIN: ClassVar[bool] = False  # gets messages as they are (`event.message`), to which rules add nothing
    PATIENCE: ClassVar[int] = 3  # failed calls in a row, after which it is held back
    RENEWS: ClassVar[bool] = False  # once the connection fails again and again, it is started anew
    SEPARATE: ClassVar[bool] = False  # events of a batch may fare differently: ordered ones go one at a time

    @abstractmethod
    def __init__(self, context: DestinationContext, settings: Any) -> None:
        """Raises ValueError for settings that cannot be meant."""

    async def start(self) -> None:
        """Before the first delivery; asked again before a later one if it raises NotReady, and if it RENEWS."""
        return

    async def stop(self) -> None:
        """After the last delivery."""
        return

    def carrier(self, line: Line) -> LineCarrier | None:
        """Who empties its line, if it is not to be pushed: a place whose events are fetched answers one here."""
        return None

    async def deliver(self, events: Sequence[Event]) -> Verdict | Sequence[Verdict]:
        """Send a batch: one verdict for all, or one for each. An exception is a failure like `again`, and logged as a
        bug.
        """
        raise AssertionError("whoever has a carrier of its own is not pushed to")


class NotReady(Exception):
    """`start` could not do what it must; the verdict says why and how long to wait."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.cause)
        self.verdict = verdict
