"""The events of one connection that are on their way, in their order.

    waiting    as they happened
    late       notifications that could not be delivered and are being repeated

While there are late ones, notifications that follow wait behind them, so that a back end never hears of an end before
the beginning; events that want an answer go on. What a newcomer gets wrong: a row belongs to a connection id, not to a
connection. An MQTT client that is back under its name stands behind the end of the one that was here before.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from myna.faces.webpubsub.events.cloud_event import Happening
from myna.faces.webpubsub.events.line import Line
from myna.faces.webpubsub.hub_settings import HubSettings
from myna.faces.webpubsub.upstream import Then

OVERHEAD: Final = 1024  # bytes an event takes besides its body
MOST_BYTES: Final = 1024 * 1024  # of one connection that may wait, beyond one event of any size
PAUSE_AT: Final = 64  # events from which the client is not read from
PAUSE_AT_BYTES: Final = 256 * 1024
RESUME_AT: Final = 16
CONNECT_TIMEOUT: Final = 30.0  # whatever else has to be waited for, an upgrade is answered within a minute

Key = tuple[str, str]  # hub, connection id
Pause = Callable[[bool], None]


class Pending:
    """An event on its way. `then` is who wants the answer, None for a mere notification. `number` counts from 0."""

    __slots__ = ("attempts", "happening", "line", "number", "settings", "then", "url", "validate")

    def __init__(
        self, line: Line, happening: Happening, url: str, validate: str, settings: HubSettings, then: Then | None
    ) -> None:
        self.line = line
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

    @property
    def timeout(self) -> float:
        timeout = float(self.settings.timeout)
        return min(timeout, CONNECT_TIMEOUT) if self.number == 0 else timeout


class Row:
    __slots__ = ("is_repeating", "is_running", "key", "late", "paused", "size", "waiting")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.waiting: deque[Pending] = deque()
        self.late: deque[Pending] = deque()
        self.size = 0  # bytes that wait
        self.is_running = False
        self.is_repeating = False
        self.paused: Pause | None = None  # how to read on from the client

    def has_room(self, size: int) -> bool:
        return not self.waiting or self.size + size <= MOST_BYTES

    def is_full(self) -> bool:
        return len(self.waiting) >= PAUSE_AT or self.size >= PAUSE_AT_BYTES

    def is_free_again(self) -> bool:
        return len(self.waiting) <= RESUME_AT and self.size < PAUSE_AT_BYTES

    def is_idle(self) -> bool:
        return not (self.is_running or self.is_repeating)

    def add(self, pending: Pending) -> None:
        self.waiting.append(pending)
        self.size += pending.size

    def next(self) -> Pending:
        pending = self.waiting.popleft()
        self.size -= pending.size
        return pending
