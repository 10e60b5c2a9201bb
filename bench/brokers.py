"""Brokers to be measured: started on a free port of the loopback, ready when this says so, ended by process id.

Peers run with what would flatter us switched off: no Nagle delays, no limits on queues or on messages in flight. What a
newcomer gets wrong: mosquitto and FlashMQ drop messages of QoS 0 to a slow reader and call it speed, unless told not
to. FlashMQ gets one thread, as all the others have: with two, small messages cost it three to seven times as much.
"""

import re
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

READY: Final = 15.0  # seconds a broker may take to answer
_ENDED: Final = 10.0

MOSQUITTO: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 0
persistence false
log_type error
"""

FLASHMQ: Final = """\
listen {{
  protocol mqtt
  inet_protocol ip4
  inet4_bind_address 127.0.0.1
  port {port}
}}
allow_anonymous true
log_file {folder}/flashmq.log
log_level error
client_max_write_buffer_size 67108864
thread_count 1
"""


class CannotStart(Exception):
    """A broker did not come up; says what it printed."""


@dataclass(frozen=True)
class Running:
    port: int
    process: subprocess.Popen[bytes]

    def obituary(self) -> str:
        """How it ended, if it has."""
        code = self.process.poll()
        return "" if code is None else f" (the broker has ended meanwhile, with exit code {code})"


class Broker(ABC):
    """One to measure: its name in tables, and how it is started."""

    def __init__(self, name: str, program: str) -> None:
        self.name = name
        self.program = program

    @abstractmethod
    def command(self, port: int, folder: Path) -> list[str]:
        """Writes what it needs into the folder."""

    @abstractmethod
    def version(self) -> str: ...

    @contextmanager
    def running(self) -> Iterator[Running]:
        with TemporaryDirectory(prefix="myna-bench-") as name, socket.socket() as hold:
            folder = Path(name)
            folder.chmod(0o755)  # mosquitto gives up root before it is done reading
            # Bound and not listening: nobody else is given the port, and the broker may listen there all the same.
            hold.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            hold.bind(("127.0.0.1", 0))
            port = int(hold.getsockname()[1])
            output = folder / "output"
            with output.open("wb") as out:
                process = subprocess.Popen(
                    self.command(port, folder), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder
                )
            try:
                _await_port(self.name, process, port, output)
                yield Running(port, process)
            finally:
                _end(process)


class Myna(Broker):
    def command(self, port: int, folder: Path) -> list[str]:
        listeners = ["--mqtt", f"127.0.0.1:{port}", "--http", "127.0.0.1:0", "--bifromq", "127.0.0.1:0"]
        return [self.program, "serve", *listeners, "--memory"]

    def version(self) -> str:
        return _first_line([self.program, "--version"]).removeprefix("myna ")


class Mosquitto(Broker):
    def command(self, port: int, folder: Path) -> list[str]:
        configuration = folder / "mosquitto.conf"
        configuration.write_text(MOSQUITTO.format(port=port))
        return [self.program, "-c", str(configuration)]

    def version(self) -> str:
        return _version_in(_first_line([self.program, "-h"]))


class FlashMq(Broker):
    def command(self, port: int, folder: Path) -> list[str]:
        configuration = folder / "flashmq.conf"
        configuration.write_text(FLASHMQ.format(port=port, folder=folder))
        return [self.program, "--config-file", str(configuration)]

    def version(self) -> str:
        return _version_in(_first_line([self.program, "--version"]))


def find_peer(word: str) -> Broker:
    """A peer by its name, or by the path of its program; the name is then the file's. Raises CannotStart."""
    name = Path(word).name.lower()
    program = shutil.which(word) or shutil.which(f"/usr/sbin/{word}")
    kinds: dict[str, type[Broker]] = {"mosquitto": Mosquitto, "flashmq": FlashMq}
    kind = next((kind for start, kind in kinds.items() if name.startswith(start)), None)
    if kind is None:
        raise CannotStart(f"{word}: only {' and '.join(kinds)} are known here, by these names")
    if program is None:
        raise CannotStart(f"{word}: no such program. Install it, or leave it out with --peers")
    return kind(name, program)


def _await_port(name: str, process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    until = time.monotonic() + READY
    while time.monotonic() < until:
        if process.poll() is not None:
            said = output.read_text(errors="replace").strip()[-2000:]
            raise CannotStart(f"{name} ended with exit code {process.returncode}:\n{said}")
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.02)
    raise CannotStart(f"{name} does not answer on port {port} after {READY:.0f} seconds")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_ENDED)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotStart(f"{command[0]}: {error}") from None
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0] if lines else ""


def _version_in(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else text
