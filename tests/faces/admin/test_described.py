"""schemathesis reads the description that a running broker gives of its administration, and tries it out."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.commands.processes import serve

PATIENCE = 180.0


def prepare(document: Any) -> None:
    """Our description, as far as a machine can make requests from it: it cannot know that a cursor is opaque, that of
    filter and topic one is given, what an address is, nor what each kind of destination wants to know.
    """
    for kind, body in (("rules", {"destination": "d"}), ("destinations", {"kind": "topic", "topic": "t"})):
        operation = document["paths"][f"/api/admin/routes/{kind}/{{name}}"]["put"]
        operation["requestBody"]["content"]["application/json"]["schema"] = {"enum": [body]}
    for item in document["paths"].values():
        for operation in item.values():
            operation["parameters"] = [one for one in operation.get("parameters", ()) if one["name"] != "cursor"]
    subscriptions = document["paths"]["/api/admin/subscriptions"]["get"]
    subscriptions["parameters"] = [
        {**one, "required": one["name"] != "limit"} for one in subscriptions["parameters"] if one["name"] != "filter"
    ]
    document["components"]["schemas"]["admin.NewBan"]["properties"]["kind"]["enum"].remove("address")


@pytest.mark.slow
def test_schemathesis_finds_nothing_wrong(tmp_path: Path) -> None:
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    with serve("--data", str(tmp_path / "d"), "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0") as serving:
        token = (tmp_path / "d" / "admin-token.key").read_text().strip()
        url = "http://{}:{}".format(*serving.address("http"))
        request = urllib.request.Request(f"{url}/api/admin/openapi.json", headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            document = json.load(response)
        prepare(document)
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url),
            *("-H", f"Authorization: Bearer {token}", "-n", "20", "--generation-deterministic", "--no-color"),
            # How many wrong tokens are too many is tested elsewhere, and would end this here.
            *("--exclude-checks", "ignored_auth"),
        ]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=PATIENCE, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        status, body = serving.fetch("/openapi.json")
        assert status == 200
        assert json.loads(body)["paths"]


def test_the_documents_are_valid(tmp_path: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    with serve("--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0") as serving:
        whole = json.loads(serving.fetch("/openapi.json")[1])
    schemathesis.openapi.from_dict(whole).validate()
    assert not [path for path in whole["paths"] if path.startswith("/api/admin")]
