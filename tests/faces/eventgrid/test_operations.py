"""Calls that are no publish, in the vendor's log."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from myna.faces.eventgrid import operations
from myna.faces.eventgrid.metrics import Metrics
from myna.faces.eventgrid.operations import CONNECTION_LOST, Operations, signature_of, tls_version
from myna.faces.eventgrid.records import Records
from myna.faces.eventgrid.settings import ApiKeySettings, Settings
from tests.faces.eventgrid.harness import KEY, Desk

LIST = "/mqtt/retainedMessages?topicFilter=%23"


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_calls_that_are_alike_share_a_line(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), log_file=str(file)))
    for _ in range(3):
        await desk.call("GET", LIST)
    await desk.call("GET", LIST, token=None)
    await desk.call("GET", "/mqtt/retainedMessages/message?topic=none")
    stream = desk.open("/mqtt/messages?topicFilter=a")
    await stream.block()
    await stream.leave()
    await desk.face.stop()
    lines = lines_of(file)
    assert [line["properties"]["TotalOperations"] for line in lines] == [3, 1, 1, 1]
    assert lines[0]["operationName"] == "Microsoft.EventGrid/topicspaces/listRetainedMessages"
    assert lines[0]["category"] == "SuccessfulHttpDataPlaneOperations"
    assert lines[0]["properties"] == {
        "AuthenticationType": "SharedAccessKey",
        "CallerIpAddress": "192.0.2.7",
        "NetworkAccess": "PublicAccess",
        "ObjectId": "backend",
        "OperationName": "listRetainedMessages",
        "ResultSignature": "Success",
        "ResultType": "Succeeded",
        "TLSVersion": "",
        "TotalOperations": 3,
    }
    assert [(line["category"], line["properties"]["ResultSignature"]) for line in lines[1:3]] == [
        ("FailedHttpDataPlaneOperations", "AuthnError"),
        ("FailedHttpDataPlaneOperations", "ClientError"),
    ]
    assert lines[3]["properties"]["OperationName"] == "subscribe"


async def test_a_minute_is_written_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "PAUSE", 0.0)
    written = asyncio.Event()

    class Noticed(Records):
        def add_line(self, line: object, now: float) -> None:
            written.set()

    noted = Operations(Noticed("ns", tmp_path / "log.jsonl", Metrics()), Metrics())
    noted.note("subscribe", None, {}, 200, 0.0)
    await asyncio.wait_for(written.wait(), 10)


async def test_kinds_beyond_what_is_kept_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MOST", 2)
    metrics = Metrics()
    records = Records("ns", tmp_path / "log.jsonl", metrics)
    noted = Operations(records, metrics)
    for address in ("1", "2", "3", "1"):
        noted.note("subscribe", None, {"client": (address, 1)}, 200, 0.0)
    noted.write(60.0)
    await records.stop()
    assert [line["properties"]["TotalOperations"] for line in lines_of(tmp_path / "log.jsonl")] == [2, 1]
    assert metrics.lost_records == 1


def test_statuses_have_the_words_of_these_lines() -> None:
    found = [signature_of(status) for status in (204, 400, 401, 403, 429, 503, CONNECTION_LOST)]
    assert found == ["", "ClientError", "AuthnError", "AuthzError", "QuotaExceeded", "ServiceError", "ConnectionLost"]


def test_the_version_of_tls_is_a_number() -> None:
    assert tls_version({"extensions": {"tls": {"tls_version": "TLSv1.3"}}}) == "1.3"
    assert tls_version({}) == ""
