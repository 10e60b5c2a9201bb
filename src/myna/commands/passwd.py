"""`myna passwd`: the file that the authenticators `passwords` and `api-keys` read.

What a newcomer gets wrong: a password is never an argument, for every user of the machine can see those. It is typed,
or comes by standard input; a generated one is the only thing on standard output.
"""

import argparse
import getpass
import hmac
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, USAGE, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from myna.formats.password_file import Entry

NAME: Final = "passwd"
HELP: Final = "add, change, delete, list and verify users and API keys of a password file"
EPILOG: Final = """\
examples:
  myna passwd -f users.jsonl add alice                     asks for the password, twice
  myna passwd -f users.jsonl add acme/pump-7 --generate    tenant acme, user pump-7; prints the secret, once
  echo "$SECRET" | myna passwd -f users.jsonl change alice from a script
  myna passwd -f users.jsonl change alice --tenant acme --attribute floor=3 --attribute role=
  myna passwd -f users.jsonl change alice --disable        and --enable
  myna passwd -c /etc/myna.toml list                       of the file that a configuration names
  myna passwd -f users.jsonl add billing --api-key --tenant '*'      a key for HTTP callers

The file keeps a person's password as argon2id and for SCRAM-SHA-256, a generated secret as a keyed digest. A running
broker notices a change within a second or two.

exit codes:
  0  done      1  wrong usage, or the name is there already or not at all      2  the file cannot be used
  3  verify: the password is wrong
"""

UNUSABLE: Final = 2
WRONG: Final = 3
ACTIONS: Final = ("add", "change", "delete", "list", "verify")


class Unable(Exception):
    """What was asked for cannot be done; says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("name", nargs="?", default="", help="what the client sends as its user name")
    which = parser.add_argument_group("file")
    which.add_argument("-f", "--file", metavar="FILE", help="the password file; made where there is none")
    which.add_argument("-c", "--config", metavar="FILE", help="the configuration that names it")
    kind = parser.add_argument_group("password")
    kind.add_argument("--generate", action="store_true", help="make one of 192 random bits, for a device, and print it")
    kind.add_argument(
        "--api-key", action="store_true", help="make a key that is sent without a user name, and print it"
    )
    kind.add_argument("--password", action="store_true", help="with change: a new password besides other changes")
    kind.add_argument("--no-scram", action="store_true", help="keep it as argon2id alone")
    kind.add_argument("--iterations", type=_iterations, metavar="N", help="of SCRAM (60000)")
    who = parser.add_argument_group("who it is then")
    who.add_argument("--tenant", help="tenant; acme/alice is of acme unless said")
    who.add_argument("--user", help="user; the name, or what follows the tenant in it, unless said")
    who.add_argument("--attribute", metavar="KEY=VALUE", action="append", type=_attribute, default=[], help="for rules")
    who.add_argument("--client-ids", choices=("user", "tenant"), help="within what client ids are unique")
    state = who.add_mutually_exclusive_group()
    state.add_argument("--disable", action="store_true", help="refuse this user, whatever the password")
    state.add_argument("--enable", action="store_true", help="no longer")


def run(args: argparse.Namespace) -> int:
    from myna.formats.password_file import BadPasswordFile

    try:
        path = _find_file(args)
    except Unable as error:
        return say(USAGE, f"myna {NAME}: {error}")
    if args.action != "list" and not args.name:
        return say(USAGE, f"myna {NAME}: {args.action} whom? Give a name")
    try:
        return _ACTIONS[args.action](path, args)
    except Unable as error:
        return say(USAGE, f"myna {NAME}: {error}")
    except BadPasswordFile as error:
        return say(UNUSABLE, f"myna {NAME}: {path}: {error}")
    except OSError as error:
        return say(UNUSABLE, f"myna {NAME}: {error.filename or path}: {error.strerror}")


def _add(path: Path, args: argparse.Namespace) -> int:
    from myna.formats.password_file import Entry

    name: str = args.name
    if not name.isprintable():
        raise Unable("the name has characters that cannot be printed")
    tenant, slash, user = name.partition("/")
    entry = Entry(name)
    if tenant and slash and user and "/" not in user and args.tenant is None:
        entry = Entry(name, tenant, user)
    entry, secret = _with_proof(_with_rest(entry, args), args)

    def change(held: "dict[str, Entry]") -> None:
        if name in held:
            raise Unable(f"{name!r} is there already: `change` it")
        held[name] = entry

    return _change(path, change, secret)


def _change_entry(path: Path, args: argparse.Namespace) -> int:
    from myna.formats.password_file import Entry

    rest = (args.tenant, args.user, args.client_ids)
    only_rest = any(one is not None for one in rest) or bool(args.attribute or args.disable or args.enable)
    _read(path, args.name)  # before a password is asked for
    proof, secret = Entry(args.name), ""
    new_password = args.password or args.generate or args.api_key or not only_rest
    if new_password:
        proof, secret = _with_proof(proof, args)

    def change(held: "dict[str, Entry]") -> None:
        from msgspec.structs import replace

        entry = _with_rest(_find(held, args.name), args)
        if new_password:
            kinds = {kind: getattr(proof, kind) for kind in ("argon2", "scram", "secret", "api_key")}
            entry = replace(entry, **kinds)
        held[args.name] = entry

    return _change(path, change, secret)


def _delete(path: Path, args: argparse.Namespace) -> int:
    _read(path, args.name)

    def change(held: "dict[str, Entry]") -> None:
        _find(held, args.name)
        del held[args.name]

    return _change(path, change, "")


def _list(path: Path, args: argparse.Namespace) -> int:
    from myna.formats.password_file import read_password_file

    held = read_password_file(path.read_bytes())
    rows = [("NAME", "TENANT", "USER", "SHOWS", "STATE", "ATTRIBUTES")]
    for entry in held.values():
        kinds = {"password": entry.argon2, "SCRAM": entry.scram, "secret": entry.secret, "API key": entry.api_key}
        rows.append(
            (
                entry.name,
                entry.tenant or "-",
                entry.user or "-",
                " or ".join(kind for kind, held_one in kinds.items() if held_one),
                "disabled" if entry.disabled else "enabled",
                " ".join(f"{key}={value}" for key, value in entry.attributes.items()),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return DONE


def _verify(path: Path, args: argparse.Namespace) -> int:
    from myna.formats.password_file import hash_api_key, is_right

    entry = _read(path, args.name)
    shown = _ask_password(again=False)
    of_key = hmac.compare_digest(hash_api_key(shown), entry.api_key)
    right = of_key if entry.api_key else is_right(entry, shown)
    print(("right" if right else "wrong") + (", but disabled" if right and entry.disabled else ""))
    return DONE if right else WRONG


_ACTIONS: Final = {"add": _add, "change": _change_entry, "delete": _delete, "list": _list, "verify": _verify}


def _change(path: Path, change: "Callable[[dict[str, Entry]], None]", secret: str) -> int:
    from myna.commands.replacing import replace_file
    from myna.formats.password_file import read_password_file, write_password_file

    def rewrite(data: bytes) -> bytes:
        held = read_password_file(data)
        change(held)
        return write_password_file(held.values())

    replace_file(path, rewrite)
    if secret:
        print(secret)
    return DONE


def _with_proof(entry: "Entry", args: argparse.Namespace) -> "tuple[Entry, str]":
    """With what the entry's bearer will show; and that itself, where we have made it."""
    from myna.formats import password_file, scram
    from myna.formats.password_hash import make_secret

    if args.generate or args.api_key:
        secret = make_secret()
        made = password_file.with_api_key if args.api_key else password_file.with_secret
        return made(entry, secret.encode()), secret
    iterations = 0 if args.no_scram else args.iterations or scram.ITERATIONS
    try:
        return password_file.with_password(entry, _ask_password(again=True), iterations), ""
    except ValueError as error:
        raise Unable(
            f"name or password cannot be used with SCRAM ({error}); choose others, or say --no-scram"
        ) from None


def _with_rest(entry: "Entry", args: argparse.Namespace) -> "Entry":
    """With everything else that the options say."""
    from msgspec.structs import replace

    attributes = {**entry.attributes, **dict(args.attribute)}
    return replace(
        entry,
        tenant=entry.tenant if args.tenant is None else args.tenant,
        user=entry.user if args.user is None else args.user,
        client_ids=entry.client_ids if args.client_ids is None else args.client_ids,
        attributes={key: value for key, value in attributes.items() if value},
        disabled=args.disable or (entry.disabled and not args.enable),
    )


def _read(path: Path, name: str) -> "Entry":
    from myna.formats.password_file import read_password_file

    return _find(read_password_file(path.read_bytes()), name)


def _find(held: "dict[str, Entry]", name: str) -> "Entry":
    entry = held.get(name)
    if entry is None:
        raise Unable(f"there is no {name!r} in the file: `add` it, or look at `list`")
    return entry


def _find_file(args: argparse.Namespace) -> Path:
    """The one that is named, or that of the configuration's authenticator."""
    from myna.commands.serve import read_configuration
    from myna.config import ConfigError

    if args.file:
        return Path(args.file)
    if not args.config:
        raise Unable("which file? Name it by -f FILE, or the configuration that does by -c FILE")
    try:
        tables = read_configuration(args).config.access.tables
    except ConfigError as error:
        raise Unable(str(error)) from None
    for authenticator in ("api-keys", "passwords") if args.api_key else ("passwords", "api-keys"):
        table = tables.get(authenticator)
        if table is not None and table.values.get("file"):
            return Path(str(table.values["file"]))
    raise Unable(f"{args.config} names no file: set `file` in [access.passwords], or say -f FILE")


def _ask_password(*, again: bool) -> bytes:
    if not sys.stdin.isatty():
        password = sys.stdin.buffer.readline().rstrip(b"\r\n")
    else:
        typed = getpass.getpass("password: ")
        if again and getpass.getpass("again: ") != typed:
            raise Unable("the two are not the same")
        password = typed.encode()
    if not password:
        raise Unable("the password is empty")
    return password


def _attribute(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError("write KEY=VALUE; KEY= removes it")
    return key, value


def _iterations(text: str) -> int:
    from myna.formats.scram import FEWEST, MOST

    if not text.isdigit() or not FEWEST <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"a number from {FEWEST} to {MOST}")
    return int(text)
