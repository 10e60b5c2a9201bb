"""`myna serve`: the process around a broker. Options, event loop, signals, the lines on the terminal, the exit code.

    SIGTERM, SIGINT    stop: clients are told, what was acknowledged is kept, exit 0; a second one exits at once
    SIGHUP             read the configuration again

What a newcomer gets wrong: whatever a user can cause ends in one line that names the cause and the fix. A traceback
is a bug of ours.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from myna.commands.exits import DONE, USAGE, say

if TYPE_CHECKING:
    from myna.config import Address, Config, Loaded

NAME: Final = "serve"
HELP: Final = "run the broker"
EPILOG: Final = """\
examples:
  myna serve                                  everything on, for development: this machine only, data in ./myna-data
  myna serve --memory                         … and keep nothing
  myna serve --mqtt localhost:1884 --http localhost:0      other ports; 0 takes any that is free
  myna serve -c /etc/myna.toml                what a deployment runs; `myna check -c FILE` says what a file means
  MYNA_LIMITS__PACKET_SIZE="4 MiB" myna serve              any setting, from the environment

Without a configuration file everybody on this machine may connect, and nobody else can. With one, nothing is open
unless the file says so.

signals:
  SIGTERM, SIGINT  stop in order; a second one stops at once      SIGHUP  read the configuration again

exit codes:
  0  stopped in order      1  wrong usage or configuration      2  cannot start: a port is taken, no permission …
"""

LISTENERS: Final = {
    "mqtt": "MQTT over TCP",
    "http": "HTTP and WebSocket",
    "bifromq": "the BifroMQ API",
    "admin": "the administration, which else is on the HTTP port",
}
CANNOT_START: Final = 2
AT_ONCE: Final = 1
LEVELS: Final = ("debug", "info", "warning", "error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration, TOML; without one: development mode")
    where = parser.add_argument_group("listeners", "each may be given several times, and replaces those of the file")
    for kind, what in LISTENERS.items():
        where.add_argument(f"--{kind}", metavar="HOST:PORT", action="append", type=_address, help=what)
    keep = parser.add_argument_group("data")
    keep.add_argument("--data", metavar="DIR", help="folder for all that must survive (./myna-data)")
    keep.add_argument("--memory", action="store_true", help="keep nothing")
    log = parser.add_argument_group("log")
    log.add_argument(
        "--log-level",
        metavar="LEVEL",
        choices=("debug", "info", "warning", "error"),
        help="debug, info, warning or error (info)",
    )
    log.add_argument(
        "--log-format", metavar="FORMAT", choices=("text", "json"), help="lines for people or for machines (text)"
    )


def run(args: argparse.Namespace) -> int:
    started = time.perf_counter()
    from myna.app import CannotStart, new_event_loop
    from myna.config import ConfigError

    try:
        loaded = read_configuration(args)
        refuse_strangers(loaded.config)
    except ConfigError as error:
        return complain(NAME, error.problems, USAGE)
    _raise_descriptor_limit()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(_serve(loaded, lambda: _read_again(args), started))
    except CannotStart as error:
        return complain(NAME, str(error).split("\n"), CANNOT_START)
    except KeyboardInterrupt:  # before the signals were ours
        return AT_ONCE


def read_configuration(args: argparse.Namespace) -> "Loaded":
    """File, environment and options. Raises ConfigError."""
    from msgspec.structs import replace

    from myna.app import FACES
    from myna.config import ConfigError, development, load, with_listeners

    if args.config is None:
        loaded = development(os.environ, FACES)
    else:
        try:
            loaded = load(args.config, os.environ)
        except OSError as error:
            raise ConfigError([f"cannot read {args.config}: {error.strerror}"]) from None
    config = loaded.config
    for kind in LISTENERS:
        if addresses := getattr(args, kind, None):
            config = with_listeners(config, kind, addresses)
    server, log = config.server, config.log
    server = replace(server, data=getattr(args, "data", None) or server.data)
    server = replace(server, memory=getattr(args, "memory", False) or server.memory)
    log = replace(log, level=getattr(args, "log_level", None) or log.level)
    log = replace(log, format=getattr(args, "log_format", None) or log.format)
    return replace(loaded, config=replace(config, server=server, log=log))


def refuse_strangers(config: "Config") -> None:
    """Without a configuration file nobody is asked who they are; so nobody from elsewhere may come."""
    from myna.config import ConfigError

    if not config.development:
        return
    listeners = [*config.mqtt, *config.http, *config.bifromq, *config.admin]
    for address in (listener.listen for listener in listeners):
        if not address.is_loopback():
            raise ConfigError(
                [
                    f"refusing to listen on {address}: without a configuration file anybody who can reach it may do"
                    f" anything. Listen on localhost:{address.port}, or say in a file who may connect and start with -c"
                ]
            )


def complain(verb: str, problems: list[str], code: int) -> int:
    """One line each, on standard error."""
    return say(code, "\n".join(f"myna {verb}: {problem}" for problem in problems))


async def _serve(loaded: "Loaded", read_again: "Callable[[], Loaded]", started: float) -> int:
    from myna.app import App, set_up_log
    from myna.commands.banner import banner

    set_up_log(loaded.config)
    app = App(loaded, read_again=read_again)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop)
    loop.add_signal_handler(signal.SIGHUP, app.reread)
    await app.start()
    _settle_garbage_collector()
    for line in banner(loaded.config, app, type(loop).__module__.partition(".")[0], time.perf_counter() - started):
        print(line)
    sys.stdout.flush()
    await stop.wait()
    print("stopping; once more stops at once", flush=True)
    await app.drain()
    print("stopped", flush=True)
    return DONE


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(AT_ONCE)
    stop.set()


def _read_again(args: argparse.Namespace) -> "Loaded":
    loaded = read_configuration(args)
    refuse_strangers(loaded.config)
    return loaded


def _raise_descriptor_limit() -> None:
    """A descriptor a connection: as many as we may have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # some systems promise more than they allow
            return


def _settle_garbage_collector() -> None:
    """What exists now stays for good, so it need not be looked at again; and what comes rarely has cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _address(text: str) -> "Address":
    from myna.config import Address

    try:
        return Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
