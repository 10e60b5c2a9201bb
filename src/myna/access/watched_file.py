"""A file that is read again when it changes. A broken one is not taken over: what was read last stays in force.

A file that takes the place of another is read at once; one that is written to where it stands only when it has been the
same for two looks, for half of it may be a whole file of fewer entries.

What a newcomer gets wrong: the file is looked at on the loop, once a second, but read on a thread. So `value` may
change between any two turns of the loop, and never within one.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from myna.config import NotUsableHere

log = logging.getLogger("myna.access")

T = TypeVar("T")

LARGEST: Final = 256 * 1024 * 1024  # bytes


class WatchedFile(Generic[T]):
    """`read` makes the value of the file's bytes, or raises ValueError in words for the log; it runs on a thread."""

    def __init__(self, path: str, read: Callable[[bytes], T], changed: Callable[[T], None], hint: str = "") -> None:
        """Reads it at once. Raises NotUsableHere; `hint` says how to make one that is not there."""
        self.path = Path(path)
        self._read = read
        self._changed = changed
        self._reading: asyncio.Task[None] | None = None
        try:
            self._seen = self._loaded = self._look()
            self.value = self._load()
        except FileNotFoundError:
            raise NotUsableHere([f"{path}: no such file{hint and f'; {hint}'}"]) from None
        except (OSError, ValueError) as error:
            raise NotUsableHere([f"{path}: {_explain(error)}"]) from None
        self._warn_of_readers()

    def tick(self) -> None:
        if self._reading is not None:
            return
        try:
            seen = self._look()
        except OSError as error:
            seen = (_explain(error),)
        if seen == self._loaded:
            self._seen = seen
            return
        settled = seen == self._seen or seen[-1] != self._seen[-1]  # left alone since the last look, or put there whole
        self._seen = seen
        if settled:
            self._loaded = seen
            self._reading = asyncio.ensure_future(self._read_again())

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    async def settled(self) -> None:
        """Whatever `tick` has begun is done."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def _read_again(self) -> None:
        try:
            value = await asyncio.to_thread(self._load)
        except (OSError, ValueError) as error:
            log.error("%s: %s. NOT taken over: what was read before stays in force", self.path, _explain(error))
        else:
            self.value = value
            self._changed(value)
            log.info("%s has been read again", self.path)
            self._warn_of_readers()
        finally:
            self._reading = None

    def _look(self) -> tuple[object, ...]:
        status = self.path.stat()
        # The moment of its last change of any kind: one that could not be read may be given other permissions.
        return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino

    def _load(self) -> T:
        with open(self.path, "rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise ValueError(f"larger than {LARGEST} bytes")
            return self._read(file.read(LARGEST + 1))

    def _warn_of_readers(self) -> None:
        try:
            open_to_all = self.path.stat().st_mode & 0o007
        except OSError:
            return  # it has just gone; the next look says so
        if open_to_all:
            log.warning("%s can be read by every user of this machine: chmod 600 it", self.path)


def _explain(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
