"""How a command ends: its exit code, and the line that says why.

The codes are part of the interface: scripts test them. 27 is what mosquitto_sub ends with when its time is up.
"""

import sys
from typing import Final

DONE: Final = 0
USAGE: Final = 1
UNREACHABLE: Final = 2
REFUSED: Final = 3
LOST: Final = 4
TIMED_OUT: Final = 27
INTERRUPTED: Final = 130
CUT_OFF: Final = 141  # nobody reads the output any more: what a shell says of SIGPIPE


def say(code: int, message: str, quiet: bool = False) -> int:
    """The message to standard error, unless nobody wants it; the code back, to be returned."""
    if not quiet:
        print(message, file=sys.stderr, flush=True)
    return code
