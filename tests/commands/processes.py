"""`myna serve` as a real process: started on free ports, read until it is ready, ended with a signal."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from myna.faces import FACES

PATIENCE = 60.0  # seconds; only a hang takes them


def myna(*arguments: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "myna", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **(environ or {})},
    )


def outcome(*arguments: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a process that ends by itself."""
    process = myna(*arguments, environ=environ, cwd=cwd)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


class Serving:
    """A broker that is ready. `banner` is all it has said until then."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.banner = ""
        assert process.stdout is not None  # it is a pipe
        for line in process.stdout:
            self.banner += line
            if line.startswith("ready"):
                return
        raise AssertionError(f"it did not start: {process.communicate(timeout=PATIENCE)[1]}")

    def address(self, scheme: str) -> tuple[str, int]:
        found = re.search(rf"{scheme}://127\.0\.0\.1:(\d+)", self.banner)
        assert found is not None
        return "127.0.0.1", int(found[1])

    def connect(self, scheme: str = "mqtt") -> socket.socket:
        return socket.create_connection(self.address(scheme), timeout=PATIENCE)

    def fetch(self, path: str) -> tuple[int, str]:
        with self.connect("http") as http:
            http.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            reply = read_all(http).decode()
        head, _, body = reply.partition("\r\n\r\n")
        return int(head.split(" ")[1]), body

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to stop. Exit code, and what it said from the banner on."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def wait_for(self, words: str) -> str:
        """Read standard error up to a line with these words."""
        assert self.process.stderr is not None  # it is a pipe
        return next(line for line in self.process.stderr if words in line)


@contextmanager
def serve(*arguments: str, environ: dict[str, str] | None = None, cwd: Path | None = None) -> Iterator[Serving]:
    """Without a file every port it would open must be named, or two of them would want the same one."""
    own_port: tuple[str, ...] = ()
    if "bifromq" in FACES and not {"-c", "--config", "--bifromq"}.intersection(arguments):
        own_port = ("--bifromq", "127.0.0.1:0")
    process = myna("serve", *arguments, *own_port, environ=environ, cwd=cwd)
    try:
        yield Serving(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def read_all(sock: socket.socket) -> bytes:
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    return data


def listeners_of(folder: Path) -> dict[str, str]:
    """What `listeners.json` says, by name; of two addresses of a listener the last."""
    written = json.loads((folder / "listeners.json").read_text())
    return {one["name"]: one["url"] for one in written["listeners"]}
