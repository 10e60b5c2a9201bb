"""One connection as its back end sees it: who it is, and the events it has yet to be told, in their order.

Knows neither handlers nor HTTP. Two rows: `waiting`, the events as they happened, and `late`, notifications that could
not be delivered and are repeated. While there are late ones, notifications that follow wait behind them, so that a
back end never hears of an end before the beginning; events that want an answer go on.

What a newcomer gets wrong: of an MQTT session that is resumed the line goes on, with the new physical connection's id
and count. So it belongs to the session, though identities hand it on.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from myna.faces.webpubsub.events.cloud_event import Happening, Source
from myna.faces.webpubsub.hub_settings import HubSettings
from myna.faces.webpubsub.upstream import Then

OVERHEAD: Final = 1024  # bytes an event takes besides its body
MOST_BYTES: Final = 1024 * 1024  # of one connection that may wait, beyond one event of any size
PAUSE_AT: Final = 64  # events from which the client is not read from
PAUSE_AT_BYTES: Final = 256 * 1024
RESUME_AT: Final = 16

Pause = Callable[[bool], None]


class Pending:
    """An event on its way. `then` is who wants the answer, None for a mere notification. `number` counts from 0."""

    __slots__ = ("attempts", "happening", "number", "settings", "then", "url", "validate")

    def __init__(
        self, happening: Happening, url: str, validate: str, settings: HubSettings, then: Then | None = None
    ) -> None:
        self.happening = happening
        self.url = url
        self.validate = validate
        self.settings = settings
        self.then = then
        self.number = -1
        self.attempts = 0

    @property
    def size(self) -> int:
        return len(self.happening.body) + OVERHEAD


class Ending:
    """How an MQTT session's last connection ended: the client's DISCONNECT or ours, if there was one."""

    __slots__ = ("by_client", "code", "user_properties")

    def __init__(self, by_client: bool, code: int | None, user_properties: list[tuple[str, str]] | None) -> None:
        self.by_client = by_client
        self.code = code
        self.user_properties = user_properties


class Line:
    __slots__ = (
        "_count",
        "address",
        "ending",
        "is_known",
        "is_repeating",
        "is_running",
        "late",
        "paused",
        "size",
        "source",
        "waiting",
    )

    def __init__(self, source: Source, address: str = "") -> None:
        self.source = source
        self.address = address
        self.waiting: deque[Pending] = deque()
        self.late: deque[Pending] = deque()
        self.size = 0  # bytes that wait
        self.is_known = False  # the back end has been told that it is connected, or need not be
        self.is_running = False
        self.is_repeating = False
        self.paused: Pause | None = None  # how to read on from the client
        self.ending: Ending | None = None
        self._count = 1  # 0 is the connect event's

    def has_room(self, size: int) -> bool:
        return not self.waiting or self.size + size <= MOST_BYTES

    def is_full(self) -> bool:
        return len(self.waiting) >= PAUSE_AT or self.size >= PAUSE_AT_BYTES

    def is_free_again(self) -> bool:
        return len(self.waiting) <= RESUME_AT and self.size < PAUSE_AT_BYTES

    def add(self, pending: Pending) -> None:
        self.waiting.append(pending)
        self.size += pending.size

    def next(self) -> Pending:
        pending = self.waiting.popleft()
        self.size -= pending.size
        return pending

    def number(self) -> int:
        number = self._count
        self._count += 1
        return number

    def resumed(self, by: "Line") -> None:
        """The session goes on with another connection, which has got its own connect event."""
        self.source.physical_id = by.source.physical_id
        self.source.user = by.source.user
        self.source.state = by.source.state or self.source.state
        self.address = by.address
        self.ending = None
        self._count = by._count
