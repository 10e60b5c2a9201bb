"""What is noted down of each publish."""

import json
import logging
from pathlib import Path

import pytest

from myna.faces.eventgrid.settings import ApiKeySettings, Settings
from tests.faces.eventgrid.harness import KEY, Desk


async def test_every_publish_leaves_a_record_in_the_vendor_s_shape(tmp_path: Path) -> None:
    file = tmp_path / "publish.jsonl"
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), log_file=str(file), name="ns"))
    good = await desk.publish("topic=a&qos=0", body=b"hello")
    bad = await desk.publish("topic=a%23", body=b"hello")
    await desk.publish("topic=a", token=None)
    await desk.face.stop()
    first, second, third = [json.loads(line) for line in file.read_text().splitlines()]
    assert first["category"] == "SuccessfulMqttPublishedMessages"
    assert first["resourceId"] == "ns"
    assert first["identity"]["clientIdentity"] == "backend"
    properties = first["properties"]
    assert (properties["protocol"], properties["topicName"], properties["sourceIp"]) == (
        "http-publish",
        "a",
        "192.0.2.7",
    )
    assert properties["requestId"] == good.headers["x-ms-request-id"]
    assert (properties["qos"], properties["statusCode"], properties["bytes"]) == (0, 204, 5)
    assert second["category"] == "FailedMqttPublishedMessages"
    assert second["resultSignature"] == "AuthorizationError"
    assert second["properties"]["requestId"] == bad.headers["x-ms-request-id"]
    assert third["resultSignature"] == "AuthenticationError"
    assert KEY not in file.read_text()


async def test_items_of_a_batch_and_what_is_cleared_leave_one_as_well(tmp_path: Path) -> None:
    file = tmp_path / "publish.jsonl"
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), log_file=str(file)))
    items = b'[{"topic": "a", "payload": "x", "retain": 1}, {"topic": "$a"}]'
    batch = await desk.call("POST", "/mqtt/messages:batch", body=items)
    cleared = await desk.call("DELETE", "/mqtt/retainedMessages/message?topic=a")
    await desk.call("DELETE", "/mqtt/retainedMessages/message?topic=%24a")
    await desk.face.stop()
    noted = [json.loads(line)["properties"] for line in file.read_text().splitlines()]
    lines = [line for line in noted if "topicName" in line]
    assert [(line["topicName"], line["statusCode"]) for line in lines] == [
        ("a", 204),
        ("$a", 403),
        ("a", 204),
        ("$a", 403),
    ]
    ids = [line["requestId"] for line in lines[:3]]
    assert ids == [batch.headers["x-ms-request-id"]] * 2 + [cleared.headers["x-ms-request-id"]]
    assert 'retain="true"} 2' in desk.face.metrics()


async def test_failures_go_to_the_process_log_a_few_a_second(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            await desk.publish("topic=a%23")
        assert len(caplog.records) == 5
        desk.world.pass_time(1)
        await desk.publish("topic=a%23")
    assert "45 more within a second" in caplog.text


async def test_a_file_that_cannot_be_written_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), log_file=str(tmp_path / "no" / "folder")))
    await desk.publish("topic=a")
    await desk.face.stop()
    assert "mqtt_http_lost_log_records_total 1" in desk.face.metrics()
    assert "could not be written" in caplog.text
