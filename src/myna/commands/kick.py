"""`myna kick`: end connections, and if asked the sessions behind them."""

import argparse
from typing import Any, Final

from myna.commands.administration.asking import Administrator, Failed, administrator, quoted
from myna.commands.administration.finding import add_arguments as add_place
from myna.commands.administration.tables import harmless, show_json
from myna.commands.exits import DONE, USAGE, say

NAME: Final = "kick"
HELP: Final = "disconnect clients of a running broker, and discard their sessions if asked"
EPILOG: Final = """\
examples:
  myna kick sensor-7                   it may come back at once; see `myna ban` for those who shall not
  myna kick sensor-7 --discard         ... and its session, with what waits there, is gone
  myna kick --user alice               all of a user's clients
  myna kick --address 192.0.2.7 --tenant acme

exit codes:
  0  done      1  wrong usage, or nobody there      2  no broker, or no token      3  refused
"""
MOST: Final = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", nargs="?", metavar="CLIENT", help="the client id")
    parser.add_argument("--tenant", metavar="TENANT", help="only of this tenant")
    parser.add_argument("--user", metavar="USER", help="only of this user")
    parser.add_argument("--address", metavar="ADDRESS", help="only from this address")
    parser.add_argument("--discard", action="store_true", help="end the session, too, connected or not")
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    if args.client is None and args.user is None and args.address is None:
        return say(USAGE, "myna kick: say whom: a client id, --user or --address")
    try:
        return _kick(args, administrator(args))
    except Failed as error:
        return say(error.code, f"myna kick: {error}")


def _kick(args: argparse.Namespace, broker: Administrator) -> int:
    query = {"client_id": args.client, "tenant": args.tenant, "user": args.user, "address": args.address}
    status = None if args.discard else "online"
    found, _ = broker.collect("/sessions", "sessions", MOST, status=status, **query)
    gone = [one for one in found if _end(broker, one, discard=args.discard)]
    if args.json:
        print(show_json([{name: one[name] for name in ("tenant", "client_id", "user")} for one in gone]))
    else:
        for one in gone:
            print(
                harmless(f"{one['client_id']} of tenant {one['tenant']}: {'ended' if args.discard else 'disconnected'}")
            )
    return DONE if gone else say(USAGE, f"myna kick: nobody of that name is {'here' if args.discard else 'connected'}")


def _end(broker: Administrator, one: dict[str, Any], *, discard: bool) -> bool:
    path = f"/sessions/{quoted(one['tenant'])}/{quoted(one['client_id'])}"
    scope = {"scope": one["scope"]} if one["scope"] else {}
    if not discard:
        return bool(broker.post(f"{path}/disconnect", **scope)["disconnected"])
    broker.call("DELETE", path, {**scope})
    return True
