"""An alarm in the kernel: a descriptor that becomes readable at a time.

A wait with a limit costs more than one without: Python works it out each time, and the kernel sets a timer and takes it
off again. A loop that is woken thousands of times before anything is due sets this once instead. Python offers timerfd
from 3.13 on, the C library of every Linux does. What a newcomer gets wrong: it may not be there, so who sets it asks
whether it is set.
"""

import ctypes
import logging
import os
import struct
from typing import Any, Final, final

log = logging.getLogger("myna.net")

CLOCK_MONOTONIC: Final = 1
TIMES: Final = "@4l"  # interval and time, in seconds and nanoseconds each, where a long is as long as the kernel's


@final
class Alarm:
    def __init__(self) -> None:
        self.fileno = -1
        self._library: Any = None
        if struct.calcsize("l") != 8:
            return
        try:
            self._library = ctypes.CDLL(None)
            self.fileno = self._library.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, AttributeError):
            log.debug("there is no timerfd; waits have limits instead")

    def set(self, delay: float) -> bool:
        """Go off once, so many seconds from now, and not at the time it was set to before. False if it cannot."""
        if self.fileno < 0:
            return False
        seconds = int(delay)
        nanoseconds = max(int((delay - seconds) * 1e9), 1)  # all zero would be never
        times = struct.pack(TIMES, 0, 0, seconds, nanoseconds)
        failed: int = self._library.timerfd_settime(self.fileno, 0, times, None)
        return failed == 0

    def silence(self) -> None:
        """It has gone off."""
        try:
            os.read(self.fileno, 8)
        except BlockingIOError:
            return  # it has been set again meanwhile

    def close(self) -> None:
        if self.fileno >= 0:
            os.close(self.fileno)
            self.fileno = -1
