"""Events appended to a file, one JSON object a line; a new file is begun when it has grown or a day is over.

What a newcomer gets wrong: an event is delivered when it is on the disk, not when it was written; so a batch is synced
before it is settled. A line cut off by a crash is ended before the next one is begun.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from glob import escape
from io import FileIO
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from myna.config import Size
from myna.routing.destination import Destination, DestinationContext
from myna.routing.event import Event
from myna.routing.folders import sync_folder
from myna.routing.settings import DestinationSettings
from myna.routing.verdict import DELIVERED, Verdict, again

SCHEDULE: Final = (1.0, 5.0, 30.0, 60.0)
DAY: Final = "%Y-%m-%d"


class FileSettings(DestinationSettings, frozen=True, kw_only=True):
    path: str  # "events.jsonl"; a relative one lies in the data folder
    rotate_size: Size = Size(256 * 1024 * 1024)  # a larger file gets the time of its end behind its name
    rotate_daily: bool = False  # so does one of yesterday (UTC)
    keep: Annotated[int, Meta(ge=0)] = 0  # so many ended ones; 0 for all
    max_events_per_batch: Annotated[int, Meta(ge=1, le=5000)] = 1000


class FileDestination(Destination):
    SETTINGS = FileSettings
    SCHEDULE = SCHEDULE

    def __init__(self, context: DestinationContext, settings: FileSettings) -> None:
        path = Path(settings.path)
        if not path.is_absolute() and context.data is None:
            raise ValueError("path: without a data folder the file needs an absolute path")
        self._path = path if path.is_absolute() or context.data is None else context.data / path
        self._settings = settings
        self._now = context.now
        self._writing = asyncio.Lock()

    async def deliver(self, events: Sequence[Event]) -> Verdict:
        data = b"\n".join([event.body for event in events]) + b"\n"
        async with self._writing:
            try:
                await asyncio.to_thread(self._append, data, self._now())
            except OSError as error:
                return again(f"{self._path}: {error.strerror or error}", result="FileError", hold=10.0)
        return DELIVERED

    def _append(self, data: bytes, now: float) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._rotate(now)
        is_new = not self._path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with open(os.open(self._path, flags, 0o600), "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    data = b"\n" + data
            try:
                _write(file, data)
                os.fsync(file.fileno())
            except OSError:  # the disk may be full: what was begun is taken back, for all of it comes again
                file.truncate(size)
                raise
        if is_new:
            sync_folder(self._path.parent)

    def _rotate(self, now: float) -> None:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return
        if not state.st_size:
            return
        old = self._settings.rotate_daily and _day(state.st_mtime) != _day(now)
        if not old and state.st_size < self._settings.rotate_size:
            return
        self._path.rename(self._ended(now))
        if self._settings.keep:
            for gone in sorted(self._path.parent.glob(f"{escape(self._path.name)}.*T*"))[: -self._settings.keep]:
                gone.unlink(missing_ok=True)

    def _ended(self, now: float) -> Path:
        """What the file is called from now on: nothing that is there already."""
        while True:
            stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
            path = self._path.with_name(f"{self._path.name}.{stamp}.{int(now * 1000) % 1000:03d}")
            if not path.exists():
                return path
            now += 0.001


def _write(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _day(now: float) -> str:
    return time.strftime(DAY, time.gmtime(now))
