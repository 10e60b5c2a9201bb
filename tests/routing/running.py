"""`myna serve` with a webhook, and an endpoint behind it, each a real process."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0

CONFIGURATION = """
[server]
data = "{folder}/data"
sync = "normal"
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[access]
mqtt = ["open"]
[faces.admin]
[faces.eventgrid]
name = "ns"
namespace = "{folder}/namespace.json"
[[faces.eventgrid.api_keys]]
key = "0123456789abcdef"
client = "api"
roles = ["Publisher", "Subscriber"]
[routing.destinations.hook]
kind = "webhook"
url = "http://127.0.0.1:{port}/events?code=secret"
retry = ["20 ms", "50 ms"]
hold_back = "{hold}"
max_delivery_count = 0
{more}
[routing.rules.all]
destination = "hook"
topic_filters = ["t/#"]
"""
NAMESPACE = {
    "topicSpaces": [{"name": "all", "properties": {"topicTemplates": ["#"]}}],
    "permissionBindings": [
        {"name": one, "properties": {"clientGroupName": "$all", "topicSpaceName": "all", "permission": one}}
        for one in ("Publisher", "Subscriber")
    ],
}


def configure(folder: Path, port: int, more: str = "", rules: str = "", hold: str = "100 ms") -> Path:
    file = folder / "myna.toml"
    (folder / "namespace.json").write_text(json.dumps(NAMESPACE), encoding="utf-8")
    file.write_text(CONFIGURATION.format(folder=folder, port=port, more=more, hold=hold) + rules, encoding="utf-8")
    return file


class Endpoint:
    """A sink and what it has had."""

    def __init__(self, process: subprocess.Popen[str], file: Path, port: int) -> None:
        self.process = process
        self.file = file
        self.port = port

    def events(self) -> list[dict[str, Any]]:
        """All it has said yes to, and perhaps some more."""
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_bytes().split(b"\n")[:-1]]

    def wait_for(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        until = time.monotonic() + PATIENCE
        while not enough(events := self.events()):
            assert time.monotonic() < until, f"only {len(events)} events have come"
            time.sleep(0.02)
        return events

    def end(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def endpoint(file: Path, *options: str) -> Iterator[Endpoint]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sink.py")), str(file), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # it is a pipe
    made = Endpoint(process, file, int(process.stdout.readline()))
    try:
        yield made
    finally:
        made.end()
