"""How many calls are under way at once: for a hub, and for a destination that hubs may share. Others wait in a row.

What a newcomer gets wrong: the hub's own turn is taken first. So at a destination that hubs share, a busy hub has no
more calls waiting than it may have under way, and another one's next call is not behind all of its clients.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

PER_DESTINATION: Final = 48  # more than a hub's, unless it wants so; less than the client for calls allows
REMEMBERED: Final = 4096


class NoTurn(Exception):
    """It has waited long enough."""


class Turns:
    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], _Row] = {}

    @asynccontextmanager
    async def turn(self, hub: str, calls: int, url: str, patience: float) -> AsyncIterator[None]:
        """Raises NoTurn."""
        destination, own = self._row(destination_of(url), PER_DESTINATION), self._row(hub, calls)
        try:
            async with asyncio.timeout(patience):
                await own.free.acquire()
                try:
                    await destination.free.acquire()
                except BaseException:
                    own.free.release()
                    raise
        except TimeoutError:
            raise NoTurn from None
        try:
            yield
        finally:
            own.free.release()
            destination.free.release()

    def _row(self, name: str, size: int) -> "_Row":
        row = self._rows.get((name, size))
        if row is None:
            if len(self._rows) >= REMEMBERED:
                self._rows = {key: one for key, one in self._rows.items() if one.is_in_use()}
            row = self._rows[(name, size)] = _Row(size)
        return row


class _Row:
    __slots__ = ("_size", "free")

    def __init__(self, size: int) -> None:
        self._size = size
        self.free = asyncio.Semaphore(size)

    def is_in_use(self) -> bool:
        return self.free.locked() or self.free._value < self._size


def destination_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
