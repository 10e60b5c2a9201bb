"""`myna sessions`: who is connected, and who has been."""

import argparse
from typing import Any, Final

from myna.commands.administration.asking import Administrator, Failed, administrator
from myna.commands.administration.finding import add_arguments as add_place
from myna.commands.administration.tables import harmless, moment, plural, show_json, show_table, size
from myna.commands.exits import DONE, USAGE, say

NAME: Final = "sessions"
HELP: Final = "list the sessions of a running broker, or show those of a client"
EPILOG: Final = """\
examples:
  myna sessions                        the first hundred
  myna sessions --offline -n 1000      clients that are away
  myna sessions sensor-7               everything about one
  myna sessions --json | jq '.[].client_id'

exit codes:
  0  done      1  wrong usage, or no such client      2  no broker, or no token      3  refused
"""
HEAD: Final = ("CLIENT", "TENANT", "USER", "STATUS", "ADDRESS", "PROTOCOL", "SUBSCRIPTIONS", "QUEUED", "SINCE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", nargs="?", metavar="CLIENT", help="only this client id, with all that is known")
    which = parser.add_argument_group("which")
    for name, what in (("tenant", "tenant"), ("user", "user"), ("address", "address")):
        which.add_argument(f"--{name}", metavar=name.upper(), help=f"only of this {what}")
    status = which.add_mutually_exclusive_group()
    status.add_argument("--online", dest="status", action="store_const", const="online", help="only connected ones")
    status.add_argument("--offline", dest="status", action="store_const", const="offline", help="only others")
    which.add_argument("-n", "--number", metavar="N", type=int, default=100, help="at most so many (100)")
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    if args.number < 1:
        return say(USAGE, "myna sessions: -n takes a number from 1")
    try:
        return _show(args, administrator(args))
    except Failed as error:
        return say(error.code, f"myna sessions: {error}")


def _show(args: argparse.Namespace, broker: Administrator) -> int:
    query = {name: getattr(args, name) for name in ("tenant", "user", "address", "status")}
    found, more = broker.collect("/sessions", "sessions", args.number, client_id=args.client, **query)
    if args.json:
        print(show_json(found))
        return DONE
    if args.client is not None and not found:
        return say(USAGE, f"myna sessions: no session of client id {args.client!r}")
    if args.client is not None:
        for index, one in enumerate(found):
            print(*([""] if index else []), *_details(one), sep="\n")
        return DONE
    for line in show_table(HEAD, [_row(one) for one in found]):
        print(line)
    print(f"\n{plural(len(found), 'session')}{'; there are more: -n' if more else ''}")
    return DONE


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    queued = (one["queue"] or {}).get("messages", 0) + (one["window"] or {}).get("messages", 0)
    since = one["connected_since"] if one["online"] else one["offline_since"]
    return (
        *(one[name] for name in ("client_id", "tenant", "user")),
        "online" if one["online"] else "offline",
        *(one[name] for name in ("address", "protocol", "subscription_count")),
        queued,
        moment(since),
    )


def _details(one: dict[str, Any]) -> list[str]:
    expiry = one["expires_after"]
    rows = [
        ("client", one["client_id"]),
        ("tenant", one["tenant"]),
        ("user", one["user"]),
        ("status", "online" if one["online"] else "offline"),
        ("address", one["address"]),
        ("protocol", one["protocol"]),
        ("connected", moment(one["connected_since"])),
        ("last heard", moment(one["last_heard"])),
        ("offline", moment(one["offline_since"])),
        ("created", moment(one["created"])),
        ("expires", "never" if expiry is None else f"{expiry} s after the connection" if expiry else "with it"),
        *((name, _waiting(one[name])) for name in ("queue", "window") if one[name] is not None),
        *([("unsent", size(one["unsent"]))] if one["unsent"] is not None else []),
        *([("will", _will(one["will"]))] if one["will"] else []),
        *(("subscribed", f"{held['filter']}  QoS {held['qos']}") for held in one["subscriptions"]),
    ]
    rest = one["subscription_count"] - len(one["subscriptions"])
    lines = [f"{name:<12}{harmless(text)}" for name, text in rows if text]
    return [*lines, *([f"{'':<12}and {rest} more"] if rest else [])]


def _waiting(held: dict[str, int]) -> str:
    return f"{plural(held['messages'], 'message')}, {size(held['bytes'])}"


def _will(will: dict[str, Any]) -> str:
    return f"{will['topic']}  QoS {will['qos']}, {size(will['size'])}, after {will['delay']} s"
