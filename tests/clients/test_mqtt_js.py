"""mqtt.js, the client of browsers and Node, over TCP and WebSocket."""

import json
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.commands.processes import Serving

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "npm-clients"
INSTALLING = 240.0
TALKING = 90.0

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="Node.js with npm is not installed"
)


@pytest.fixture(scope="module")
def folder() -> Path:
    """mqtt.js, installed once per checkout."""
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
    shutil.copy(HERE / "talk.mjs", CACHE)
    return CACHE


@pytest.mark.parametrize("version", ["3", "4", "5"])
@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
def test_two_clients_talk_at_every_qos(broker: Serving, folder: Path, scheme: str, version: str) -> None:
    host, port = broker.address("mqtt" if scheme == "mqtt" else "http")
    url = f"{scheme}://{host}:{port}" + ("" if scheme == "mqtt" else "/mqtt")
    topic = f"js/{uuid.uuid4().hex}"
    command = ["node", "talk.mjs", url, version, topic]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TALKING, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {
            "topic": f"{topic}/{qos}",
            "payload": f"at {qos}",
            "qos": qos,
            "user": {"at": str(qos)} if version == "5" else None,
        }
        for qos in (0, 1, 2)
    ]
