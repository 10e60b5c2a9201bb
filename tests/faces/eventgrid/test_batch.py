"""Several publishes in one request."""

import json
from typing import Any

import pytest

from myna.faces.eventgrid.settings import ApiKeySettings, Settings
from tests.faces.eventgrid.harness import KEY, Answer, Desk

BATCH = "/mqtt/messages:batch"


async def send(desk: Desk, items: object) -> Answer:
    return await desk.call("POST", BATCH, (b"content-type", b"application/json"), body=json.dumps(items).encode())


async def test_each_item_is_published_in_order() -> None:
    desk = Desk()
    client = desk.world.connected("c")
    client.subscribe("a/#", 1)
    item: dict[str, Any] = {
        "topic": "a/1",
        "payload": "grüß",
        "qos": 0,
        "responseTopic": "r",
        "correlationData": "AP8Q",
        "userProperties": [{"k": "1"}, {"k": "2"}],
        "contentType": "text/plain",
        "messageExpiry": 60,
        "payloadFormatIndicator": 1,
    }
    answer = await send(desk, [item, {"topic": "a/2", "payload_base64": "/w==", "retain": 1}, {"topic": "b"}])
    assert (answer.status, answer.json()) == (200, [{"status": 204}] * 3)
    first, second = client.messages()
    assert (first.topic, first.payload, first.qos) == ("a/1", "grüß".encode(), 0)
    assert first.properties is not None
    assert first.properties.user_properties == [("k", "1"), ("k", "2")]
    assert first.properties.message_expiry == 60
    assert (second.topic, second.payload, second.qos) == ("a/2", b"\xff", 1)
    assert desk.world.tenant.retained.get("a/2") is not None


@pytest.mark.parametrize(
    ("item", "status", "code"),
    [
        ({}, 400, "MissingTopic"),
        ({"topic": 7}, 400, "MissingTopic"),
        ({"topic": "a/#"}, 403, "InvalidTopicName"),
        ({"topic": "\ud800"}, 400, "InvalidEncoding"),
        ({"topic": "a", "qos": 2}, 400, "InvalidQos"),
        ({"topic": "a", "qos": "1"}, 400, "InvalidQos"),
        ({"topic": "a", "retain": 2}, 400, "InvalidRetain"),
        ({"topic": "a", "payload": 1}, 400, "InvalidBody"),
        ({"topic": "a", "payload": "\ud800"}, 400, "InvalidBody"),
        ({"topic": "a", "payload": "", "payload_base64": ""}, 400, "InvalidBody"),
        ({"topic": "a", "payload_base64": "!"}, 400, "InvalidBody"),
        ({"topic": "a", "payload_base64": "ü"}, 400, "InvalidBody"),
        ({"topic": "a", "messageExpiry": 1.5}, 400, "InvalidMessageExpiry"),
        ({"topic": "a", "userProperties": {"a": "1"}}, 400, "InvalidUserProperties"),
        ({"topic": "a", "correlationData": "A"}, 400, "InvalidCorrelationData"),
        ({"topic": "a", "responseTopic": "+"}, 400, "InvalidResponseTopic"),
        ({"topic": "a", "contentType": "\n"}, 400, "InvalidContentType"),
        ([], 400, "InvalidBody"),
        ("text", 400, "InvalidBody"),
    ],
)
async def test_a_bad_item_spoils_nothing_for_the_rest(item: object, status: int, code: str) -> None:
    desk = Desk()
    good = {"topic": "a"}
    results = (await send(desk, [good, item, good])).json()
    assert [result["status"] for result in results] == [204, status, 204]
    assert results[1]["error"]["code"] == code


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'"text"', b"\xff", b"[" * 100_000])
async def test_what_is_no_array_is_400(body: bytes) -> None:
    answer = await Desk().call("POST", BATCH, body=body)
    assert (answer.status, answer.code) == (400, "InvalidBody")


async def test_a_batch_has_a_length_and_a_size() -> None:
    key = ApiKeySettings(KEY, "backend")
    short = Desk(Settings(api_keys=(key,), batch_items=1))
    assert (await send(short, [{"topic": "a"}] * 2)).status == 400
    small = Desk(Settings(api_keys=(key,), batch_size=10))  # type: ignore[arg-type]
    assert (await send(small, [{"topic": "a"}])).status == 413


async def test_a_field_given_twice_is_refused() -> None:
    answer = await Desk().call("POST", BATCH, body=b'[{"topic":"a","topic":"b"}]')
    assert answer.json()[0]["error"]["code"] == "DuplicateParameter"
