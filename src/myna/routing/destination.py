"""What a destination is, and what it is given. Whoever writes one reads this file, `verdict` and `event`.

A destination only sends; what waits, how often it is tried and what is given up is settled by its courier. What a
newcomer gets wrong: it is made anew when its settings change, so it keeps nothing that must outlive that.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from myna.config import Duration, Section, Size
from myna.core.broker import Broker
from myna.formats.outgoing import HttpCaller
from myna.routing.event import Event
from myna.routing.verdict import Verdict
from myna.wire.topics import check_topic

if TYPE_CHECKING:
    from myna.routing.line import Line

# Between the attempts of events that go to services as Event Grid's namespace hands them over; the last one repeats.
HAND_OVER: Final = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0)


class DestinationSettings(Section, frozen=True, kw_only=True):
    """What holds for every kind."""

    kind: str
    ordered: bool = False  # events of one topic one after the other, however long the first one takes
    concurrency: Annotated[int, Meta(ge=1, le=256)] = 16  # deliveries under way at once
    max_events_per_batch: Annotated[int, Meta(ge=1, le=5000)] = 1
    preferred_batch_size: Size = Size(64 * 1024)  # a batch ends here, unless one event is larger
    max_delivery_count: Annotated[int, Meta(ge=0, le=1000)] = 10  # attempts; 0 for as many as its life allows
    event_time_to_live: Duration = Duration(7 * 86_400)
    retry: tuple[Duration, ...] = ()  # what to wait after each attempt, the last one repeats; else the kind's own
    hold_back: Duration = Duration(300)  # for at most so long a place is left alone that fails again and again
    dead_letter: str = "keep"  # or "drop", "folder:PATH", "topic:NAME"
    queue_messages: Annotated[int, Meta(ge=1)] = 250_000
    queue_bytes: Size = Size(256 * 1024 * 1024)
    queue_policy: Literal["drop_newest", "drop_oldest"] = "drop_newest"

    def __post_init__(self) -> None:
        where, _, what = self.dead_letter.partition(":")
        if where not in ("keep", "drop", "folder", "topic") or bool(what) != (where in ("folder", "topic")):
            raise ValueError('dead_letter must be "keep", "drop", "folder:PATH" or "topic:NAME"')
        if where == "topic" and (not check_topic(what) or what.startswith("$")):
            raise ValueError(f"dead_letter: {what!r} is no topic to publish to")
        if not 1024 <= self.preferred_batch_size <= 1024 * 1024:
            raise ValueError('preferred_batch_size is from "1 KiB" to "1 MiB"')
        if self.event_time_to_live < 1:
            raise ValueError("event_time_to_live must be a second at least")


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


class LineCarrier(ABC):
    """Whoever empties a line. `wake` comes within a publish and whenever there may be something to do."""

    @abstractmethod
    def wake(self) -> None: ...

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self, patience: float) -> None:
        """Finish what is under way if it takes no longer than this. What is not done is tried after the next start."""

    def let_go(self) -> None:
        """Give back to the line what waits here, and is neither on its way nor in somebody's hands."""
        return

    def state(self) -> dict[str, Any]:
        """For the administrator: what it is doing."""
        return {}


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

    def carrier(self, line: "Line") -> LineCarrier | None:
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
