"""The command line: `myna VERB …`, one file per verb.

A verb is a module with NAME, HELP, add_arguments(parser) and run(args) -> exit code, and if it likes an EPILOG for its
help. Only the verb that was asked for is imported, and it imports what it needs when it runs: `myna pub` in a shell
loop must not pay for the server.

What a newcomer gets wrong: -h is --host in the clients, as in mosquitto_pub. A verb that adds -h takes it from --help.
"""

import argparse
import os
import sys
from importlib import import_module
from typing import Any, Final, NoReturn, Protocol, cast

from myna.commands.exits import CUT_OFF, INTERRUPTED, USAGE, say

VERBS: Final = (
    "serve", "pub", "sub", "sessions", "retained", "kick", "ban", "routes", "bench", "check", "passwd", "token", "cert",
    "store",
    "devicehive",
)  # fmt: skip
_DESCRIPTION: Final = "One realtime message broker that speaks four dialects."


class Verb(Protocol):
    """What a verb's module offers."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class Parser(argparse.ArgumentParser):
    """Ends with 1 where argparse would end with 2: for the clients, 2 is "no connection"."""

    def error(self, message: str) -> NoReturn:
        say(USAGE, f"{self.prog}: {message}\nTry: {self.prog} --help")
        sys.exit(USAGE)


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    if not given or given[0] not in VERBS:
        return _without_verb(given)
    verb = find_verb(given[0])
    try:
        args = verb_parser(verb).parse_args(given[1:])
        code = verb.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has seen enough, as in `myna check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's last flush complains
        return CUT_OFF
    return code


def find_verb(name: str) -> Verb:
    return cast(Verb, import_module(f"myna.commands.{name}"))


def verb_parser(verb: Verb) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"myna {verb.NAME}",
        description=verb.HELP[:1].upper() + verb.HELP[1:] + ".",
        epilog=getattr(verb, "EPILOG", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        conflict_handler="resolve",
        allow_abbrev=False,
    )
    verb.add_arguments(parser)
    return parser


def _without_verb(given: list[str]) -> int:
    """`myna`, `myna --help`, `myna --version`, and verbs there are none of."""
    parser = Parser(prog="myna", description=_DESCRIPTION, epilog="Each has its own help: myna VERB --help")
    parser.add_argument("--version", action=_Version, nargs=0, help="print version and form, and exit")
    if not given or given[0].startswith("-"):  # the verbs' own lines are read only when they are shown
        verbs = parser.add_subparsers(title="verbs", metavar="VERB")
        for name in VERBS if given in ([], ["--help"], ["-h"]) else ():
            verbs.add_parser(name, help=find_verb(name).HELP)
        parser.parse_args(given)
        parser.print_help()
        return USAGE
    return say(USAGE, f"myna: there is no verb {given[0]!r}. There are: {', '.join(VERBS)}")


class _Version(argparse.Action):
    """Looks at how Myna is built only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_ignored: Any) -> None:
        from myna.version import describe

        print(describe())
        parser.exit()
