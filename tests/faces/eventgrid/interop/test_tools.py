"""Tools of others against a running broker: schemathesis with our description, newman and Bruno with collections."""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.faces.eventgrid.interop.conftest import HERE, Broker

DOCS = HERE.parents[3] / "docs" / "faces"
PATIENCE = 180.0

# What a schema cannot say, and has tests of its own: a token is opaque, a response topic is percent-encoded in its
# header, to await a reply takes somebody who replies, and of a flag's two homes the query wins.
LEFT_OUT = {"continuationToken", "mqtt-response-topic", "mqtt-reply-wait-ms", "mqtt-qos", "mqtt-retain"}


def prepare(document: Any) -> None:
    """Our description, as far as a machine can make requests from it."""
    for path in document["paths"].values():
        for operation in path.values():
            given = operation.get("parameters", [])
            operation["parameters"] = [one for one in given if one["name"] not in LEFT_OUT]
            for parameter in operation["parameters"]:
                if parameter["name"] == "mqtt-user-properties":  # JSON within base64
                    parameter["schema"] = {"type": "string", "enum": parameter["schema"]["examples"]}
    # It or the token must be there.
    document["paths"]["/mqtt/retainedMessages"]["get"]["parameters"][0]["required"] = True


@pytest.mark.slow
def test_schemathesis_finds_nothing_wrong(broker: Broker, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    with urllib.request.urlopen(f"{broker.url}/mqtt/openapi.json", timeout=PATIENCE) as response:
        document = json.load(response)
    prepare(document)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", str(file), "--url", broker.url, "-H", f"Authorization: Bearer {broker.token}"),
        *("--exclude-operation-id", "subscribe", "--exclude-operation-id", "describe"),
        *("-n", "20", "--generation-deterministic", "--no-color"),
    ]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=PATIENCE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_newman_runs_the_postman_collection(broker: Broker, npm: Path) -> None:
    collection = DOCS / "eventgrid.postman_collection.json"
    command = [
        *(str(npm / "node_modules" / ".bin" / "newman"), "run", str(collection)),
        *("--env-var", f"baseUrl={broker.url}", "--env-var", f"token={broker.token}", "--color", "off"),
    ]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bruno_runs_its_collection(broker: Broker, npm: Path, tmp_path: Path) -> None:
    runner = npm / "node_modules" / ".bin" / "bru"
    if not runner.exists():
        pytest.skip("@usebruno/cli cannot be installed")
    collection = shutil.copytree(DOCS / "eventgrid.bruno", tmp_path / "collection")
    command = [
        *(str(runner), "run", "--env", "local"),
        *("--env-var", f"baseUrl={broker.url}", "--env-var", f"token={broker.token}"),
    ]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=PATIENCE, cwd=collection)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
