"""What a broker that has started says on the terminal: what is open, for whom, and something to try."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from myna.version import describe

if TYPE_CHECKING:
    from myna.app import App
    from myna.config import Config

NAMES: Final = {"mqtt": "MQTT", "http": "HTTP", "bifromq": "BifroMQ", "admin": "admin"}
WIDTH: Final = 10


def banner(config: "Config", app: "App", loop: str, seconds: float) -> Iterator[str]:
    yield f"{describe()[:-1]}, {loop})"
    yield ""
    for kind, name in NAMES.items():
        if urls := app.urls.get(kind):
            yield _row(name, "  ".join(urls))
            if kind == "http":
                socket = urls[0].replace("http", "ws", 1)
                also = "/health" if config.admin else "/health and /metrics"
                yield _row("", f"MQTT over WebSocket at {socket}/mqtt; also {also}")
    yield _row("open to", _who(config))
    yield _row("data", _data(config))
    if "admin" in config.faces or (app.urls.get("http") and not _metrics_open(config)):
        yield _row("token", _administrator(config, app))
    lines = [*_try_mqtt(config, app), *app.banner()]
    if lines:
        yield ""
        for index, line in enumerate(lines):
            yield _row("try" if index == 0 else "", line)
    yield ""
    yield f"ready after {seconds:.2f} s, process {os.getpid()}"


def _row(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}}{text}"


def _who(config: "Config") -> str:
    if config.development:
        return "everybody on this machine, by any name and password (development mode: no configuration file)"
    names = {*config.access.mqtt, *config.access.of_websocket()}
    names.update(name for listener in config.mqtt for name in listener.access or ())
    if not names and "webpubsub" in config.faces and config.http:
        return "clients with a token of Web PubSub; [access] lists no authenticators: every other CONNECT is refused"
    if not names:
        return "NOBODY: [access] lists no authenticators; every CONNECT is refused"
    if "open" in names:
        return 'EVERYBODY who can reach it, by any name and password ([access] lists "open")'
    return f"clients known to {', '.join(sorted(names))}"


def _data(config: "Config") -> str:
    if config.server.memory:
        return "in memory; nothing survives a restart"
    sync = config.server.sync
    kept = "what is acknowledged survives a power cut" if sync == "full" else f"sync = {sync}"
    return f"{Path(config.server.data).absolute()} ({kept})"


def _metrics_open(config: "Config") -> bool:
    return config.development or config.administration.metrics == "open"


def _administrator(config: "Config", app: "App") -> str:
    """Where the administrator's token is."""
    of = "of the administration"
    if "admin" not in config.faces:
        of = "of the administrator, for /metrics"
    if config.administration.token:
        return f"{of}: as [administration] says"
    if not config.server.memory:
        file = Path(config.server.data).absolute() / "admin-token.key"
        commands = " (myna sessions, kick, ban …)" if "admin" in config.faces else ""
        return f"{of}{commands}: in {file}"
    if config.development:
        return f"{of}, for this run: {app.admin_token()}"
    return f"{of}: known to nobody, for nothing is kept; set `token` in [administration]"


def _try_mqtt(config: "Config", app: "App") -> Iterator[str]:
    if not config.development:
        return
    ports = [urlsplit(url).port for url in app.urls.get("mqtt", ()) if url.startswith("mqtt://")]
    if ports:
        where = "" if ports[0] == 1883 else f" -p {ports[0]}"
        myna = command()
        yield f"{myna} sub{where} -v -t 'hello/#'"
        yield f"{myna} pub{where} -t hello/world -m 'Hello from MQTT'"


def command() -> str:
    """How `myna` is called in a shell that stands where this process was started: it need not be on PATH."""
    if shutil.which("myna"):
        return "myna"
    python = Path(sys.executable)
    installed = python.with_name("myna")
    program = installed if installed.exists() else python
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    called = shlex.quote(os.fspath(program))
    return called if installed.exists() else f"{called} -m myna"
