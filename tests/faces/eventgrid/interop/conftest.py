"""One development broker as a real process, for every test here, and the token it prints."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.processes import Serving, serve

HERE = Path(__file__).parent
CACHE = HERE.parents[3] / ".cache" / "npm-eventgrid"
INSTALLING = 300.0


class Broker:
    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        found = re.search(r"TOKEN=(eyJ\S+)", serving.banner)
        assert found is not None
        self.token = found[1]
        self.url = "http://{}:{}".format(*serving.address("http"))
        self.mqtt = serving.address("mqtt")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with serve("--memory", "--mqtt", "localhost:0", "--http", "localhost:0") as serving:
        yield Broker(serving)


@pytest.fixture(scope="session")
def npm() -> Path:
    """Node's runners and clients, installed once per checkout."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed")
    wanted = (HERE / "package.json").read_text()
    CACHE.mkdir(parents=True, exist_ok=True)
    stamp = CACHE / "installed.json"
    if not stamp.exists() or stamp.read_text() != wanted:
        (CACHE / "package.json").write_text(wanted)
        command = [
            "npm",
            "install",
            "--fetch-retries=5",
            "--no-audit",
            "--no-fund",
            "--package-lock=false",
            "--loglevel=error",
        ]
        subprocess.run(command, cwd=CACHE, check=True, timeout=INSTALLING)
        stamp.write_text(wanted)
    return CACHE
