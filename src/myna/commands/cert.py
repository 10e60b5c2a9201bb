"""`myna cert`: certificates for development, signed by an authority of one's own."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, USAGE, say

if TYPE_CHECKING:
    from myna.commands.certificates.authority import Authority

NAME: Final = "cert"
HELP: Final = "make certificates for development: a local CA, the server's, clients'"
EPILOG: Final = """\
examples:
  myna cert server                          localhost, 127.0.0.1 and ::1
  myna cert server broker.test 192.0.2.7    ... and these
  myna cert client sensor-7                 a client of this name
  myna cert revoke sensor-7                 not believed any more, once `crl` is in the configuration

The first call makes the CA. Whoever has its key (ca.key) can be any server and any client: it is for development.
A broker that is running takes the new files by itself.

exit codes:
  0  done      1  wrong usage, or a file that is in the way
"""
ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
LONGEST: Final = 3650


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("server", "client", "revoke"), help="what to make")
    parser.add_argument("names", nargs="*", metavar="NAME", help="more names of the server; the name of the client")
    parser.add_argument("--dir", metavar="DIR", default="myna-certificates", help="where (./myna-certificates)")
    parser.add_argument("--days", metavar="N", type=int, default=365, help="how long it is good for (365)")


def run(args: argparse.Namespace) -> int:
    from myna.commands.certificates.authority import Authority, CannotMake

    if args.action != "server" and len(args.names) != 1:
        return say(USAGE, f"myna cert {args.action}: say which client, one name")
    if args.action != "server" and not _is_file_name(args.names[0]):
        return say(USAGE, f"myna cert {args.action}: {args.names[0]!r} cannot be part of a file's name")
    if not 1 <= args.days <= LONGEST:
        return say(USAGE, f"myna cert: --days takes a number from 1 to {LONGEST}")
    try:
        return _make(args, Authority(Path(args.dir).absolute()))
    except CannotMake as error:
        return say(USAGE, f"myna cert: {error}")


def _make(args: argparse.Namespace, authority: "Authority") -> int:
    if authority.is_new:
        print(f"made a CA: {authority.folder / 'ca.pem'}; its key is beside it, and for nobody else\n")
    if args.action == "server":
        names = [*ALWAYS, *(name for name in args.names if name not in ALWAYS)]
        certificate, key = authority.server(names, args.days)
        print(f"made {certificate}\nfor {', '.join(names)}, for {args.days} days. For the configuration:\n")
        print(_section(certificate, key))
        print("Clients trust it by the CA:")
        print(f"  myna sub -p 8883 --cafile {authority.folder / 'ca.pem'} -t 'hello/#'")
        print(f"  curl --cacert {authority.folder / 'ca.pem'} https://localhost:8443/health")
    elif args.action == "client":
        name = args.names[0]
        certificate, key = authority.client(name, args.days)
        print(f"made {certificate}\nfor the client {name}, for {args.days} days. For the configuration, in [tls]:\n")
        print(f'client_ca = "{authority.folder / "ca.pem"}"\nclient_certificate = "required"\n')
        print(f'With mqtt = ["certificate"] in [access] it is let in as the user {name}.')
        print("It connects with:")
        print(f"  --cafile {authority.folder / 'ca.pem'} --cert {certificate} --key {key}")
    else:
        print(f"made {authority.revoke(args.names[0], args.days)}. For the configuration, in [tls]:\n")
        print(f'crl = "{authority.folder / "crl.pem"}"')
    return DONE


def _section(certificate: Path, key: Path) -> str:
    listeners = '[[mqtt]]\nlisten = "localhost:8883"\ntls = true\n\n[[http]]\nlisten = "localhost:8443"\ntls = true\n'
    return f'{listeners}\n[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'


def _is_file_name(name: str) -> bool:
    return bool(name) and name.isprintable() and not name.startswith(".") and "/" not in name
