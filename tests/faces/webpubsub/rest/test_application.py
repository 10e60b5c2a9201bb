"""The REST application: routes, versions, tokens, and the table in the manual."""

import asyncio
import re
from pathlib import Path

import pytest

from myna.faces.webpubsub.rest.operations import FIRST, OPERATIONS, Operation
from myna.faces.webpubsub.rest.versions import RELEASES
from tests.faces.webpubsub.hub import HOST, Hub

MANUAL = Path(__file__).resolve().parents[4] / "docs/faces/webpubsub.md"
VERSIONS = b"2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01"


def test_the_manual_lists_the_operations_there_are() -> None:
    row = re.compile(r"^\| `(\w+) /api/hubs/\{hub\}/([^`]+)` \| ([\d-]+)(?: only)? \|", re.MULTILINE)
    listed = {(method, path, since) for method, path, since in row.findall(MANUAL.read_text(encoding="utf-8"))}
    assert listed == {(operation.method, operation.path, operation.since) for operation in OPERATIONS}


def test_health_is_for_everybody() -> None:
    hub = Hub()
    reply = asyncio.run(hub.exchange("HEAD", "/api/health", "", b"", []))
    assert (reply.status, reply.headers[b"api-supported-versions"]) == (200, VERSIONS)
    assert asyncio.run(hub.exchange("POST", "/api/health", "", b"", [])).status == 405


def test_every_answer_names_the_versions() -> None:
    hub = Hub()
    replies = (
        hub.call("POST", ":send", b"x"),
        hub.call("HEAD", "groups/g"),
        hub.call("POST", ":send", token="x"),
        hub.call("POST", ":send", version="1999-01-01"),
        hub.call("POST", "nothing"),
        hub.call("PATCH", ":send"),
        hub.call("DELETE", "connections/c"),
    )
    assert [reply.status for reply in replies] == [202, 404, 401, 400, 404, 405, 204]
    assert all(reply.headers[b"api-supported-versions"] == VERSIONS for reply in replies)


def example(path: str) -> str:
    return path.replace("{permission}", "sendToGroup").replace("{", "").replace("}", "")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
@pytest.mark.parametrize("version", [None, *RELEASES])
def test_an_operation_is_there_in_its_versions(operation: Operation, version: str | None) -> None:
    hub = Hub()
    body = {"groups": ["g"]} if operation.path.endswith("ToGroups") or operation.path.endswith("FromGroups") else b"1"
    reply = hub.call(operation.method, example(operation.path), body, version=version)
    release = RELEASES[version or FIRST]
    if not operation.since <= release <= operation.until:
        assert (reply.status, reply.json()["target"]) == (400, "api-version")
    elif operation.method == "DELETE":
        assert reply.status == (200 if release == FIRST else 204)
    else:
        assert reply.status in (200, 202, 204, 404)


def test_an_unknown_version_is_named() -> None:
    reply = Hub().call("POST", ":send", b"x", version="2030-01-01")
    assert (reply.status, reply.json()["target"]) == (400, "api-version")


@pytest.mark.parametrize("name", ["5chat", "a" * 129, "a-b", "", "a%20b", "%C3%A9"])
def test_a_hub_with_a_bad_name(name: str) -> None:
    hub = Hub()
    hub.name = name
    reply = hub.call("POST", ":send", b"x")
    assert reply.status in (400, 401)


def test_hubs_are_found_in_any_case() -> None:
    hub = Hub()
    alice = hub.client()
    hub.name = "CHAT"
    assert hub.call("POST", ":send", 1, content_type="application/json").status == 202
    assert len(alice.taken()) == 1


def test_client_tokens_open_nothing_here_and_no_token_neither() -> None:
    hub = Hub()
    for path in ("/client/hubs/chat", "/clients/mqtt/hubs/chat"):
        assert hub.call("POST", ":send", b"x", token=hub.token(path)).status == 401
    for authorization in ("", "Basic abc", "Bearer", "Bearer  "):
        headers = [("host", HOST), ("authorization", authorization)]
        assert asyncio.run(hub.exchange("POST", "/api/hubs/chat/:send", "", b"x", headers)).status == 401


def test_generated_keys_hold_where_a_configuration_names_none() -> None:
    hub = Hub(development=False)
    assert hub.call("POST", ":send", b"x").status == 401
    key = b"a generated secret for access-key".ljust(40, b"x")
    assert hub.call("POST", ":send", b"x", token=hub.token("/api/hubs/chat", key=key)).status == 202
    assert "<access key>" in "".join(hub.face.banner())
    assert "AccessKey=ABCDEFGH" in "".join(Hub().face.banner())


def test_bytes_that_are_no_name_are_refused() -> None:
    hub = Hub()
    for path in ("connections/%FF", "users/%ED%A0%80/:send", "groups//:send", "users//groups/g"):
        method = "POST" if path.endswith("send") else "HEAD" if path.startswith("connections") else "DELETE"
        assert hub.call(method, path, b"x").status == 400


def test_a_query_of_a_thousand_fields_and_more_is_refused() -> None:
    hub = Hub()
    assert hub.call("POST", ":send", b"x", excluded=[str(n) for n in range(900)]).status == 202
    assert hub.call("POST", ":send", b"x", excluded=[str(n) for n in range(1001)]).status == 400


def test_a_call_without_a_good_token_is_counted_and_the_log_says_why() -> None:
    hub = Hub()
    assert hub.call("POST", ":send", b"x", token=hub.token("/api/hubs/chat", key=b"x" * 32)).status == 401
    assert hub.world.refused("call:access_token") == 1
    assert hub.world.watcher.lines == ["somebody refused a REST call: the token is signed with another access key"]
