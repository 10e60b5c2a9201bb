"""What the process costs: processor time, memory, descriptors, and how late its event loop runs."""

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

INTERVAL: Final = 0.5


def cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system


def resident_bytes() -> int:
    """Memory in use now; where that cannot be had, the most there ever was."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def open_descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # without the one that lists them
    except OSError:
        return 0


class LoopLag:
    """How late a timer fires, looked at twice a second. `worst` is the latest since it was last asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._worst = 0.0
        self.last = 0.0

    def start(self) -> None:
        self._due = time.monotonic() + INTERVAL
        self._timer = self._loop.call_later(INTERVAL, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def worst(self) -> float:
        worst, self._worst = self._worst, 0.0
        return max(worst, self.last)

    def _look(self) -> None:
        self.last = max(time.monotonic() - self._due, 0.0)
        self._worst = max(self._worst, self.last)
        self.start()
