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
DESTINATION = {"kind": "topic", "topic": "copies/${subject}"}
# What a hub has no settings of its own for, the default ones hold for: it is never gone.
CONFIGURATION = """
[[operations]]
include-path-regex = "^/api/admin/hubs"
checks.use_after_free.enabled = false

# What no hub can be called is a bad request.
[[operations]]
include-path-regex = "^/api/admin/hubs/:"
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false
"""


def prepare(document: Any) -> None:
    """Our description, as far as a machine can make requests from it: it cannot know that a cursor is opaque, that of
    filter and topic one is given, nor what addresses, pairs of names, durations and the settings of a destination are.
    """
    for path, item in document["paths"].items():
        if path.startswith("/api/admin/hubs"):
            continue
        for method, operation in item.items():
            if path.startswith("/api/admin/routes/") and method not in ("put", "delete"):
                operation["parameters"][0]["example"] = "d"
            operation["parameters"] = [one for one in operation["parameters"] if one["name"] != "cursor"]
    subscriptions = document["paths"]["/api/admin/subscriptions"]["get"]
    subscriptions["parameters"] = [
        {**one, "required": one["name"] != "limit"} for one in subscriptions["parameters"] if one["name"] != "filter"
    ]
    schemas = document["components"]["schemas"]
    for kind in ("address", "client_of_user"):
        schemas["admin.NewBan"]["properties"]["kind"]["enum"].remove(kind)
    schemas["webpubsub.Handler"]["properties"]["url_template"]["enum"] = [
        "http://app/{hub}/{event}",
        "https://app.example",
    ]
    settings = schemas["webpubsub.HubSettings"]["properties"]
    settings["timeout"] = {"enum": ["30 s", 5]}
    settings["waiting"] = {"enum": ["64 MiB", 1024]}
    settings["calls"] = {"enum": [1, 32]}
    schemas["routing.DestinationSettings"]["enum"] = [DESTINATION]
    rule = schemas["routing.RuleSettings"]["properties"]
    rule |= {"destination": {"const": "d"}, "filter": {"enum": [{}]}, "enrichments": {"enum": [{}]}}
    del rule["topic_filters"]


def make_route(url: str, token: str) -> None:
    """A destination and a rule of the name `d`: without them nothing could be asked of any."""
    for path, body in (("destinations", DESTINATION), ("rules", {"destination": "d"})):
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(f"{url}/{path}/d", json.dumps(body).encode(), headers, method="PUT")
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert response.status == 201


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
        make_route(f"{url}/api/admin/routes", token)
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
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
