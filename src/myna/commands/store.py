"""`myna store`: is it whole, what is in it, give back what is free, make a copy. The broker may run meanwhile.

check     0 and "whole", or 3 with a line for each thing that cannot be read
stats     sizes and numbers
compact   returns free pages to the disk
backup    a copy of one moment, to be put into an empty data folder as messages.db
"""

import argparse
from pathlib import Path
from typing import Final

from myna.commands.exits import DONE, USAGE, say

NAME: Final = "store"
HELP: Final = "check, measure, compact or back up what a broker has stored"
EPILOG: Final = """\
examples:
  myna store check                       is everything in ./myna-data readable?
  myna store stats --data /var/lib/myna
  myna store compact                     return free space to the disk
  myna store backup monday.db            a copy, while the broker runs; restore: put it into an empty data folder
                                         as messages.db

exit codes:
  0  done      1  wrong usage, or no store      3  check has found damage
"""
DAMAGED: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("check", "stats", "compact", "backup"), help="what to do")
    parser.add_argument("target", nargs="?", metavar="FILE", help="where a backup goes")
    parser.add_argument("--data", metavar="DIR", default="myna-data", help="the broker's data folder (./myna-data)")


def run(args: argparse.Namespace) -> int:
    from myna.app import StoreError

    if (args.action == "backup") != (args.target is not None):
        return say(USAGE, "myna store: `backup` takes a file to write to, and nothing else does")
    folder = Path(args.data)
    try:
        if args.action == "check":
            return _check(folder)
        if args.action == "stats":
            return _stats(folder)
        if args.action == "compact":
            return _compact(folder)
        return _backup(folder, Path(args.target))
    except StoreError as error:
        return say(USAGE, f"myna store: {error}")


def _check(folder: Path) -> int:
    from myna.app import inspection

    problems = inspection.check(folder)
    if problems:
        return say(DAMAGED, "\n".join(f"myna store: {problem}" for problem in problems))
    print("whole")
    return DONE


def _stats(folder: Path) -> int:
    from myna.app import inspection

    found = inspection.stats(folder)
    rows = found.rows
    print(f"format         {found.format}")
    print(f"file           {found.file:,} bytes, {found.free:,} of them free; log {found.log:,} bytes")
    print(
        f"sessions       {rows['sessions']:,} with {rows['subscriptions']:,} subscriptions and {rows['wills']:,} wills"
    )
    print(
        f"waiting        {found.waiting:,} deliveries in {rows['journal']:,} commits, about {found.dead:,} bytes dead"
    )
    print(f"QoS 2 open     {rows['received']:,}")
    print(f"retained       {rows['retained']:,}")
    print(f"settings       {rows['kept']:,}")
    return DONE


def _compact(folder: Path) -> int:
    from myna.app import inspection

    print(f"{inspection.compact(folder):,} bytes returned")
    return DONE


def _backup(folder: Path, target: Path) -> int:
    from myna.app import inspection

    print(f"{target}: {inspection.backup(folder, target):,} bytes")
    return DONE
