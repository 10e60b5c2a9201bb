"""Retained messages over HTTP, as whole requests against a broker in memory."""

import asyncio
import re

import pytest

from myna.core.limits import Limits
from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.retained import LOOKS
from myna.testing import World
from tests.faces.eventgrid.harness import Desk

ONE = "/mqtt/retainedMessages/message"
LIST = "/mqtt/retainedMessages"

READS_A = b"""{
  "topicSpaces": {"a": {"properties": {"topicTemplates": ["a/#"]}}, "b": {"properties": {"topicTemplates": ["b/#"]}}},
  "permissionBindings": {
    "r": {"properties": {"clientGroupName": "$all", "topicSpaceName": "a", "permission": "Subscriber"}},
    "w": {"properties": {"clientGroupName": "$all", "topicSpaceName": "b", "permission": "Publisher"}}
  }
}"""


def restricted() -> Desk:
    desk = Desk()
    desk.face._directory.replace(build_namespace(parse_document(READS_A)))
    desk.world.broker.rules_changed()
    return desk


async def test_what_was_retained_can_be_read_with_all_it_carries() -> None:
    desk = Desk()
    await desk.publish(
        "topic=factory%2Fl%C3%BC&retain=1&qos=0",
        (b"mqtt-message-expiry", b"60"),
        (b"mqtt-user-properties", b'[{"a":"1"},{"a":"2"}]'),
        (b"content-type", b"application/json"),
        (b"mqtt-response-topic", b"reply%2F%C3%BC"),
        (b"mqtt-correlation-data", b"AP8Q"),
        (b"mqtt-payload-format-indicator", b"1"),
        body=b"{}",
    )
    answer = await desk.call("GET", f"{ONE}?topic=factory/l%C3%BC&api-version=2025-11-16-preview")
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-ms-mqtt-topic"] == "factory/l%C3%BC"
    assert answer.headers["x-ms-mqtt-qos"] == "0"
    assert int(answer.headers["x-ms-mqtt-size"]) > 60
    assert answer.headers["x-ms-mqtt-last-modified"] == "1970-01-01T00:16:40Z"
    assert answer.headers["x-ms-mqtt-expiry"] == "1970-01-01T00:17:40Z"
    assert answer.headers["mqtt-content-type"] == "application/json"
    assert answer.headers["mqtt-user-properties"] == "W3siYSI6IjEifSx7ImEiOiIyIn1d"
    assert answer.headers["mqtt-response-topic"] == "reply/%C3%BC"
    assert answer.headers["mqtt-correlation-data"] == "AP8Q"
    assert answer.headers["mqtt-payload-format-indicator"] == "1"


async def test_what_mqtt_clients_retain_is_seen_at_its_own_qos() -> None:
    desk = Desk()
    desk.world.connected("c").publish("a", b"x", 2, retain=True)
    answer = await desk.call("GET", f"{ONE}?topic=a")
    assert (answer.status, answer.headers["x-ms-mqtt-qos"]) == (200, "2")
    assert "x-ms-mqtt-expiry" not in answer.headers


async def test_an_empty_body_clears_and_then_it_is_404() -> None:
    desk = Desk()
    await desk.publish("topic=a&retain=1", body=b"x")
    assert (await desk.call("GET", f"{ONE}?topic=a")).status == 200
    await desk.publish("topic=a&retain=1")
    answer = await desk.call("GET", f"{ONE}?topic=a")
    assert (answer.status, answer.code) == (404, "RetainedMessageNotFound")


async def test_after_its_expiry_it_is_404() -> None:
    desk = Desk()
    await desk.publish("topic=a&retain=1", (b"mqtt-message-expiry", b"2"), body=b"x")
    desk.world.pass_time(3)
    assert (await desk.call("GET", f"{ONE}?topic=a")).status == 404


async def test_delete_clears_one() -> None:
    desk = Desk()
    await desk.publish("topic=a&retain=1", body=b"x")
    assert (await desk.call("DELETE", f"{ONE}?topic=a")).status == 204
    assert (await desk.call("DELETE", f"{ONE}?topic=a")).status == 404
    assert desk.world.tenant.retained.count == 0


@pytest.mark.parametrize(
    "query", ["", "topic=", "topic=a%2", "topic=a%2F%23", "topic=a&topic=b", "topic=a&api-version=x"]
)
async def test_a_malformed_topic_is_400(query: str) -> None:
    assert (await Desk().call("GET", f"{ONE}?{query}")).status == 400


async def test_reading_takes_a_subscriber_and_clearing_a_publisher() -> None:
    desk = restricted()
    for topic in ("a/x", "b/x"):
        desk.world.connected("c").publish(topic, b"x", 1, retain=True)
    assert (await desk.call("GET", f"{ONE}?topic=a/x")).status == 200
    assert (await desk.call("GET", f"{ONE}?topic=b/x")).status == 403
    assert (await desk.call("DELETE", f"{ONE}?topic=a/x")).status == 403
    assert (await desk.call("DELETE", f"{ONE}?topic=b/x")).status == 204


async def test_a_listing_shows_only_what_its_caller_may_subscribe_to() -> None:
    desk = restricted()
    for topic in ("a/x", "b/x", "a/y"):
        desk.world.connected("c").publish(topic, b"x", 1, retain=True)
    listed = (await desk.call("GET", f"{LIST}?topicFilter=%23")).json()
    assert [entry["topic"] for entry in listed["retainedMessages"]] == ["a/x", "a/y"]


async def test_others_have_their_turn_while_many_topics_are_looked_through() -> None:
    desk = restricted()
    for number in range(3 * LOOKS):
        desk.world.publish(f"A/{number}", b"x", 1, retain=True)  # none of which this caller may see
    desk.world.publish("a/z", b"x", 1, retain=True)
    turns: list[None] = []

    async def other() -> None:
        while True:
            turns.append(None)
            await asyncio.sleep(0)

    working = asyncio.ensure_future(other())
    listed = (await desk.call("GET", f"{LIST}?topicFilter=%23")).json()
    working.cancel()
    assert [entry["topic"] for entry in listed["retainedMessages"]] == ["a/z"]
    assert len(turns) >= 3


async def test_who_may_subscribe_to_nothing_may_list_nothing() -> None:
    desk = Desk(development=False)
    assert (await desk.call("GET", f"{LIST}?topicFilter=%23")).status == 403
    assert (await desk.call("GET", f"{LIST}?topicFilter=%23", token=None)).status == 401


async def test_pages_follow_each_other_while_things_change() -> None:
    desk = Desk()
    for number in range(5):
        await desk.publish(f"topic=t%2F{number}&retain=1", body=b"x")
    host = (b"host", b"broker.example:8443")
    target = f"{LIST}?topicFilter=t%2F%2B&maxResults=2&api-version=2025-11-16-preview"
    seen: list[str] = []
    for _ in range(5):
        page = (await desk.call("GET", target, host, scheme="https")).json()
        seen += [entry["topic"] for entry in page["retainedMessages"]]
        if page["nextLink"] is None:
            break
        match = re.fullmatch(r"https://broker\.example:8443(/.*)", page["nextLink"])
        assert match is not None
        target = match[1]
        assert "maxResults=2" in target
        await desk.publish("topic=t%2F1&retain=1")  # what has been shown goes
    assert seen == ["t/0", "t/1", "t/2", "t/3", "t/4"]


async def test_an_entry_says_what_the_vendor_s_says() -> None:
    desk = Desk()
    await desk.publish("topic=a&retain=1", (b"mqtt-message-expiry", b"60"), body=b"x")
    await desk.publish("topic=b&retain=1", body=b"x")
    entries = (await desk.call("GET", f"{LIST}?topicFilter=+")).json()["retainedMessages"]
    assert entries[0] == {
        "topic": "a",
        "qos": 1,
        "size": entries[0]["size"],
        "expiry": "1970-01-01T00:17:40Z",
        "lastModifiedTime": "1970-01-01T00:16:40Z",
    }
    assert entries[1]["expiry"] is None


async def test_wildcards_at_the_first_level_do_not_reach_reserved_topics() -> None:
    desk = Desk()
    desk.world.publish("$SYS/x", b"x", retain=True)
    for filter in ("%23", "+/x", "%24SYS/x"):
        listed = await desk.call("GET", f"{LIST}?topicFilter={filter}")
        assert listed.json()["retainedMessages"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MissingTopicFilter"),
        ("topicFilter=", "MissingTopicFilter"),
        ("topicFilter=a%2F%23%2Fb", "InvalidTopicFilter"),
        ("topicFilter=%24share%2Fg%2Fa", "InvalidTopicFilter"),
        ("topicFilter=a&continuationToken=b", "InvalidParameter"),
        ("topicFilter=a&maxResults=0", "InvalidParameter"),
        ("topicFilter=a&maxResults=101", "InvalidParameter"),
        ("topicFilter=a&maxResults=ten", "InvalidParameter"),
        ("continuationToken=", "InvalidContinuationToken"),
        ("continuationToken=AAAA", "InvalidContinuationToken"),
        ("continuationToken=%C3%BC", "InvalidContinuationToken"),
        ("continuationToken=W10", "InvalidContinuationToken"),
    ],
)
async def test_what_cannot_be_listed_is_400(query: str, code: str) -> None:
    answer = await Desk().call("GET", f"{LIST}?{query}")
    assert (answer.status, answer.code) == (400, code)


async def test_other_methods_are_405() -> None:
    desk = Desk()
    assert (await desk.call("POST", LIST)).headers["allow"] == "GET"
    assert (await desk.call("PUT", ONE)).headers["allow"] == "GET, DELETE"


async def test_a_retained_message_that_is_too_large_is_413() -> None:
    limits = Limits()
    limits.retained_size = 10
    desk = Desk(world=World(limits=limits))
    answer = await desk.publish("topic=t&retain=1", body=bytes(11))
    assert (answer.status, answer.json()["error"]["code"]) == (413, "MessageTooLarge")
    assert (await desk.publish("topic=t&retain=1", body=bytes(10))).status == 204
    assert (await desk.publish("topic=t", body=bytes(11))).status == 204
