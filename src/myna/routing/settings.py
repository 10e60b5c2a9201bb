"""What can be set of every destination, whatever its kind; each kind adds its own."""

from typing import Annotated, Literal

from msgspec import Meta

from myna.config import Duration, Section, Size
from myna.wire.topics import check_topic


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
