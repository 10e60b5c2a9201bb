"""`myna devicehive export|import`: users, networks, device types, devices and settings as a file, one thing a line.

What a newcomer gets wrong: a running server does not see what is imported beside it. Stop it first; an export may be
taken at any time.
"""

import argparse
import os
import sys
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, USAGE

if TYPE_CHECKING:
    from myna.config import Config

NAME: Final = "devicehive"
HELP: Final = "export and import what the DeviceHive API keeps"
EPILOG: Final = """\
examples:
  myna devicehive export > registry.jsonl              of the folder ./myna-data
  myna devicehive export -c /etc/myna.toml -f backup.jsonl   … or where a configuration keeps it
  myna devicehive import -f registry.jsonl --data ./new      into a folder that holds nothing yet
  myna devicehive import -f registry.jsonl --replace         … in place of what is there

The file holds the hashes of passwords and the key of all tokens: whoever reads it can be anybody.

exit codes:
  0  done      1  wrong usage or configuration      2  the registry or the file cannot be used
"""

UNUSABLE: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("direction", choices=("export", "import"), help="export or import")
    parser.add_argument("-f", "--file", default="-", help="the file; without one, standard output or input")
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration, TOML; without one: development mode")
    parser.add_argument("--data", metavar="DIR", help="folder for all that must survive (./myna-data)")
    parser.add_argument("--replace", action="store_true", help="with import: put the file in place of what is there")


def run(args: argparse.Namespace) -> int:
    from myna.app.registry import RegistryError
    from myna.commands.serve import complain
    from myna.config import ConfigError

    try:
        config = _read(args)
    except ConfigError as error:
        return complain(NAME, error.problems, USAGE)
    try:
        return _export(config, args.file) if args.direction == "export" else _import(config, args.file, args.replace)
    except RegistryError as error:
        return complain(NAME, [f"the registry: {error}"], UNUSABLE)
    except OSError as error:
        return complain(NAME, [f"{error.filename or args.file}: {error.strerror}"], UNUSABLE)


def _read(args: argparse.Namespace) -> "Config":
    from msgspec.structs import replace

    from myna.commands.serve import read_configuration

    config = read_configuration(args).config
    if args.data:
        config = replace(config, server=replace(config.server, data=args.data, memory=False))
    return config


def _export(config: "Config", file: str) -> int:
    from myna.app.registry import export_registry

    lines = export_registry(config)
    if file == "-":
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
        return DONE
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # there are secrets in it
    with open(descriptor, "wb") as target:
        for line in lines:
            target.write(line + b"\n")
    return DONE


def _import(config: "Config", file: str, replace: bool) -> int:
    from myna.app.registry import import_registry

    if file == "-":
        count = import_registry(config, sys.stdin.buffer, replace=replace)
    else:
        with open(file, "rb") as source:
            count = import_registry(config, source, replace=replace)
    print(f"{count} things imported")
    return DONE
