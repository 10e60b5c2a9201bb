"""Where the broker's administration is and what opens it: from the data folder of a broker on this machine, or as told.

    listeners.json        what a running broker has open: its administration's own listener first, else HTTP
    admin-token.key       the token, unless the configuration or MYNA_ADMINISTRATION__TOKEN says one

What a newcomer gets wrong: both files are for the user the broker runs as. Whoever else asks is told so.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from myna.config import Config

LISTENERS: Final = "listeners.json"
TOKEN: Final = "admin-token.key"
UNIX: Final = ("http+unix://", "unix://", "unix:")
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class NotFound(Exception):
    """There is no broker to ask, or no token to show; says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is a unix socket; else `url` counts. `token_from` says where the token was found."""

    url: str
    token: str
    token_from: str
    path: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("the broker", "by default the one on this machine whose data is in ./myna-data")
    where.add_argument("--data", metavar="DIR", help="its data folder")
    where.add_argument("-c", "--config", metavar="FILE", help="its configuration, which says its data folder and token")
    where.add_argument("--url", metavar="URL", help="where its HTTP is, if not on this machine; or unix:/PATH")
    where.add_argument("--token-file", metavar="FILE", help="a file with the administrator's token")
    where.add_argument("--ca", metavar="FILE", help="PEM: who may have signed its certificate")
    where.add_argument("--insecure", action="store_true", help="believe any certificate")
    parser.add_argument("--json", action="store_true", help="JSON for machines instead of a table")


def find(args: argparse.Namespace) -> Place:
    """Raises NotFound, or ConfigError for a wrong configuration."""
    config = _configuration(args)
    folder = Path(args.data or config.server.data)
    if args.url:
        url, path = _named(args.url)
    elif config.server.memory and not args.data:
        url, path = _of_configuration(config)  # it writes down nowhere what it has opened
    else:
        url, path = _find_listener(folder)
    if args.token_file:
        return Place(url, _read(Path(args.token_file)), args.token_file, path)
    if config.administration.token:
        return Place(url, config.administration.token, "the configuration", path)
    file = folder / TOKEN
    return Place(url, _read(file), str(file), path)


def _configuration(args: argparse.Namespace) -> "Config":
    from myna.config import development, load

    if args.config is None:
        return development(os.environ, {}).config
    try:
        return load(args.config, os.environ).config
    except OSError as error:
        raise NotFound(f"cannot read {args.config}: {error.strerror}") from None


def _named(url: str) -> tuple[str, str]:
    """As the broker prints it, too: http+unix:///run/myna.sock."""
    for scheme in UNIX:
        if url.startswith(scheme):
            return "http://localhost", url.removeprefix(scheme)
    return url.rstrip("/"), ""


def _of_configuration(config: "Config") -> tuple[str, str]:
    listeners = config.admin or config.http
    if not listeners:
        raise NotFound("this configuration has no HTTP listener: add [[http]] or [[admin]]")
    one = min(listeners, key=lambda listener: bool(listener.tls))
    address = one.listen
    if not (address.path or address.port):
        raise NotFound("this broker takes any free port and keeps nothing; say where it is with --url")
    scheme = "https" if one.tls else "http"
    return _address({"scheme": scheme, "host": address.host or "0.0.0.0", "port": address.port, "path": address.path})


def _find_listener(folder: Path) -> tuple[str, str]:
    file = folder / LISTENERS
    try:
        opened = json.loads(file.read_bytes())["listeners"]
    except FileNotFoundError:
        raise NotFound(
            f"no broker is running with its data in {folder}: there is no {file}. Start one with: myna serve,"
            " or say where it is: --data DIR, -c FILE, or --url URL with --token-file FILE"
        ) from None
    except OSError as error:
        raise NotFound(_explain(file, error)) from None
    except (ValueError, KeyError, TypeError):
        raise NotFound(f"{file} is not what a broker of this version writes; say where it is with --url") from None
    by_kind = {kind: [one for one in opened if one["name"].partition("-")[0] == kind] for kind in ("admin", "http")}
    usable = by_kind["admin"] or by_kind["http"]
    if not usable:
        raise NotFound("this broker has no HTTP listener: add [[http]] or [[admin]] to its configuration")
    return _address(min(usable, key=lambda one: one["scheme"] != "http"))


def _address(listener: dict[str, Any]) -> tuple[str, str]:
    if listener["path"]:
        return "http://localhost", listener["path"]
    host = ANYWHERE.get(listener["host"], listener["host"])
    return f"{listener['scheme']}://{f'[{host}]' if ':' in host else host}:{listener['port']}", ""


def _read(file: Path) -> str:
    try:
        token = file.read_text().strip()
    except FileNotFoundError:
        raise NotFound(f"there is no token in {file}; say where it is with --token-file, or -c FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(_explain(file, error)) from None
    if not token or not token.isascii() or not token.isprintable():
        raise NotFound(f"{file} holds no token")
    return token


def _explain(file: Path, error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, PermissionError):
        return f"cannot read {file}: it is for the user the broker runs as; run this as that user (sudo -u …)"
    return f"cannot read {file}: {error}"
