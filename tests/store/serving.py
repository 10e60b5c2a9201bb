"""`myna serve` with a journal that is cleaned, cut and copied all the time, so that crashes hit those moments as well.

Run as a program: its arguments are those of `myna serve`.
"""

import sys

from myna.commands import main
from myna.store.embedded import cleaning, engine, writer


def hurry() -> None:
    cleaning.WASTE_FROM = 16 * 1024  # type: ignore[misc]
    engine.ROW_SIZE = 2 * 1024  # type: ignore[misc]
    writer.CHECKPOINT_AFTER = 64 * 1024  # type: ignore[misc]
    writer.WRAP_AFTER = 128 * 1024  # type: ignore[misc]


if __name__ == "__main__":
    hurry()
    sys.exit(main(["serve", *sys.argv[1:]]))
