"""`myna ban`: who must stay out."""

import argparse
import json
from typing import Any, Final

from myna.commands.administration.asking import Administrator, Failed, administrator
from myna.commands.administration.finding import add_arguments as add_place
from myna.commands.administration.tables import harmless, moment, plural, show_json, show_table
from myna.commands.exits import DONE, USAGE, say

NAME: Final = "ban"
HELP: Final = "keep users, clients or addresses out of a running broker"
EPILOG: Final = """\
examples:
  myna ban                                           who is banned
  myna ban add --client sensor-7 --reason "floods"   for good, in all tenants; it is disconnected at once
  myna ban add --user alice --tenant acme --for 1h
  myna ban add --user alice --client phone           that client of hers alone
  myna ban add --address 192.0.2.0/24
  myna ban remove --client sensor-7

exit codes:
  0  done      1  wrong usage, or no such ban      2  no broker, or no token      3  refused
"""
KINDS: Final = {"user": "user", "client": "client_id", "address": "address"}
CLIENT_OF_USER: Final = "client_of_user"
MOST: Final = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "add", "remove"), default="list", help="list is usual")
    whom = parser.add_argument_group("whom")
    whom.add_argument("--user", metavar="USER", help="a user")
    whom.add_argument("--client", metavar="CLIENT", help="a client id; with --user only that user's client")
    whom.add_argument("--address", metavar="ADDRESS", help="an address, or a network as 192.0.2.0/24")
    how = parser.add_argument_group("how")
    how.add_argument("--tenant", metavar="TENANT", help="in this tenant only")
    how.add_argument("--for", dest="lasts", metavar="TIME", help="how long: 30s, 1h, 7d; for good unless said")
    how.add_argument("--reason", metavar="TEXT", default="", help="what the client is told")
    add_place(parser)


def run(args: argparse.Namespace) -> int:
    named = _whom(args)
    if (args.action == "list") == bool(named) or len(named) > 1:
        words = "lists all" if args.action == "list" else "say whom: --user, --client, both, or --address"
        return say(USAGE, f"myna ban {args.action}: {words}")
    try:
        broker = administrator(args)
        if args.action == "list":
            return _list(args, broker)
        if args.action == "add":
            return _add(args, broker, *named[0])
        return _remove(args, broker, *named[0])
    except Failed as error:
        return say(error.code, f"myna ban: {error}")


def _whom(args: argparse.Namespace) -> list[tuple[str, str]]:
    """Kind and what, as far as there is exactly one."""
    if args.user is not None and args.client is not None and args.address is None:
        return [(CLIENT_OF_USER, json.dumps([args.user, args.client]))]
    return [(kind, getattr(args, option)) for option, kind in KINDS.items() if getattr(args, option) is not None]


def _show_kind(kind: str) -> str:
    return kind.replace("_", " ")


def _show_what(ban: dict[str, Any]) -> str:
    """A user's client as user / client id."""
    if ban["kind"] != CLIENT_OF_USER:
        return str(ban["what"])
    user, client_id = json.loads(ban["what"])
    return f"{user} / {client_id}"


def _list(args: argparse.Namespace, broker: Administrator) -> int:
    bans, _ = broker.collect("/bans", "bans", MOST)
    if args.json:
        print(show_json(bans))
        return DONE
    rows = [
        (
            _show_kind(one["kind"]),
            _show_what(one),
            _tenant(one),
            moment(one["until"]) or "for good",
            one["reason"],
        )
        for one in bans
    ]
    if rows:
        print(*show_table(("KIND", "WHAT", "TENANT", "UNTIL", "REASON"), rows), "", sep="\n")
    print(plural(len(bans), "ban"))
    return DONE


def _add(args: argparse.Namespace, broker: Administrator, kind: str, what: str) -> int:
    body: dict[str, Any] = {"kind": kind, "what": what, "tenant": args.tenant, "reason": args.reason}
    if args.lasts is not None:
        body["seconds"] = _seconds(args.lasts)
    made = broker.post("/bans", body)
    until = moment(made["until"])
    lasts = f"until {until}" if until else "for good"
    text = f"banned: {_show_kind(kind)} {_show_what(made)} in {_tenant(made)}, {lasts}"
    print(show_json(made) if args.json else harmless(text))
    return DONE


def _remove(args: argparse.Namespace, broker: Administrator, kind: str, what: str) -> int:
    broker.call("DELETE", "/bans", {"kind": kind, "what": what, "tenant": args.tenant})
    print(harmless(f"lifted: {_show_kind(kind)} {_show_what({'kind': kind, 'what': what})}"))
    return DONE


def _tenant(ban: dict[str, Any]) -> str:
    return "all tenants" if ban["tenant"] is None else str(ban["tenant"])


def _seconds(text: str) -> int:
    from myna.config import Duration

    try:
        return max(1, round(Duration.parse(text)))
    except ValueError as error:
        raise Failed(USAGE, f"--for: {error}") from None
