"""`myna retained`: look at retained messages, set and remove them."""

import argparse
import sys
from pathlib import Path
from typing import Final

from myna.commands.administration.asking import Administrator, Failed, administrator, quoted
from myna.commands.administration.finding import add_arguments as add_place
from myna.commands.administration.tables import harmless, moment, plural, show_json, show_table, size
from myna.commands.exits import DONE, USAGE, say

NAME: Final = "retained"
HELP: Final = "list, read, set or remove the retained messages of a running broker"
EPILOG: Final = """\
examples:
  myna retained                              the first hundred
  myna retained list 'plant/+/state' --tenant acme
  myna retained get plant/7/state > state    the payload as it is
  myna retained set plant/7/state -m off     nobody is told now; who subscribes later gets it
  myna retained set plant/7/state -f state
  myna retained remove plant/7/state

exit codes:
  0  done      1  wrong usage, or no such message      2  no broker, or no token      3  refused
"""
HEAD: Final = ("TOPIC", "QOS", "SIZE", "PUBLISHED", "EXPIRES", "USER", "CLIENT")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=("list", "get", "set", "remove"), default="list", help="list is usual"
    )
    parser.add_argument("topic", nargs="?", metavar="TOPIC", help="the topic; for `list` a filter")
    parser.add_argument("--tenant", metavar="TENANT", help="the tenant, if there are several")
    parser.add_argument("-n", "--number", metavar="N", type=int, default=100, help="list at most so many (100)")
    content = parser.add_argument_group("what to set").add_mutually_exclusive_group()
    content.add_argument("-m", "--message", metavar="TEXT", help="the payload")
    content.add_argument("-f", "--file", metavar="FILE", help="a file that holds it; - is standard input")
    parser.add_argument("-q", "--qos", type=int, choices=(0, 1, 2), default=1, help="its QoS (1)")
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    if args.action != "list" and args.topic is None:
        return say(USAGE, f"myna retained {args.action}: say which topic")
    if (args.action == "set") == (args.message is None and args.file is None):
        return say(USAGE, "myna retained: `set` takes -m TEXT or -f FILE, and nothing else does")
    if args.number < 1:
        return say(USAGE, "myna retained: -n takes a number from 1")
    try:
        broker = administrator(args)
        tenant = broker.tenant(args.tenant)
        if args.action == "list":
            return _list(args, broker, tenant)
        return _one(args, broker, f"/retained/{quoted(tenant)}/{quoted(args.topic)}")
    except Failed as error:
        return say(error.code, f"myna retained: {error}")


def _list(args: argparse.Namespace, broker: Administrator, tenant: str) -> int:
    found, more = broker.collect("/retained", "retained", args.number, tenant=tenant, filter=args.topic)
    if args.json:
        print(show_json(found))
        return DONE
    rows = [
        (
            *(one["topic"], one["qos"], size(one["size"])),
            *(moment(one["published"]), moment(one["expires"]), one["user"], one["client_id"]),
        )
        for one in found
    ]
    for line in show_table(HEAD, rows):
        print(line)
    print(f"\n{plural(len(found), 'retained message')}{'; there are more: -n' if more else ''}")
    return DONE


def _one(args: argparse.Namespace, broker: Administrator, path: str) -> int:
    if args.action == "get":
        sys.stdout.buffer.write(broker.call("GET", path, {}))
        sys.stdout.flush()
        return DONE
    if args.action == "set":
        broker.call("PUT", path, {"qos": args.qos}, _content(args))
    else:
        broker.call("DELETE", path, {})
    print(harmless(f"{'set' if args.action == 'set' else 'removed'}: {args.topic}"))
    return DONE


def _content(args: argparse.Namespace) -> bytes:
    if args.message is not None:
        return bytes(args.message, "utf-8", "surrogateescape")
    try:
        return sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    except OSError as error:
        raise Failed(USAGE, f"cannot read {args.file}: {error.strerror}") from None
