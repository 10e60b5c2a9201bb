"""Subscriptions over HTTP: what arrives, in which order, and what a client that comes back gets."""

import asyncio

import pytest

from myna.config import Duration, Size
from myna.core.bans import USER
from myna.faces.eventgrid.settings import ApiKeySettings, Settings
from myna.testing import TENANT
from tests.faces.eventgrid.harness import KEY, Desk, OpenCall, token
from tests.faces.eventgrid.test_retained import restricted
from tests.faces.eventgrid.test_tokens import ISSUER

STREAM = "/mqtt/messages?topicFilter=a%2F%23"
ACCEPT = (b"accept", b"text/event-stream")


async def begun(desk: Desk, *headers: tuple[bytes, bytes], target: str = STREAM):  # type: ignore[no-untyped-def]
    stream = desk.open(target, ACCEPT, *headers)
    await stream.block()  # retry
    return stream


async def test_messages_arrive_as_events_with_all_they_carry() -> None:
    desk = Desk()
    stream = await begun(desk)
    assert stream.status == 200
    assert stream.headers["content-type"].startswith("text/event-stream")
    await desk.publish(
        "topic=a%2Fb",
        (b"mqtt-user-properties", b'[{"k":"1"},{"k":"2"}]'),
        (b"mqtt-correlation-data", b"AP8Q"),
        (b"mqtt-response-topic", b"r"),
        (b"mqtt-message-expiry", b"60"),
        (b"mqtt-payload-format-indicator", b"1"),
        (b"content-type", b"text/plain"),
        body="grüß\ndich".encode(),
    )
    _, event = await stream.event()
    assert event == {
        "topic": "a/b",
        "qos": 1,
        "retain": 0,
        "payload": "grüß\ndich",
        "messageExpiry": 60,
        "contentType": "text/plain",
        "responseTopic": "r",
        "correlationData": "AP8Q",
        "userProperties": [{"k": "1"}, {"k": "2"}],
        "payloadFormatIndicator": 1,
    }
    desk.world.connected("c").publish("a/c", b"\xff", 0)
    _, event = await stream.event()
    assert event == {"topic": "a/c", "qos": 0, "retain": 0, "payload_base64": "/w=="}
    await stream.leave()


async def test_it_begins_with_the_retained_messages_unless_told_otherwise() -> None:
    desk = Desk()
    await desk.publish("topic=a%2Fold&retain=1", body=b"old")
    stream = await begun(desk)
    _, event = await stream.event()
    assert (event["payload"], event["retain"]) == ("old", 1)
    other = await begun(desk, target=f"{STREAM}&retained=0")
    await desk.publish("topic=a%2Fnew", body=b"new")
    assert (await other.event())[1]["payload"] == "new"
    await stream.leave()
    await other.leave()


async def test_a_client_that_comes_back_misses_nothing() -> None:
    desk = Desk()
    stream = await begun(desk)
    await desk.publish("topic=a%2F1", body=b"1")
    last, _ = await stream.event()
    await stream.leave()
    for number in (b"2", b"3"):
        await desk.publish("topic=a%2F1", body=number)
    again = await begun(desk, (b"last-event-id", last.encode()))
    assert [(await again.event())[1]["payload"] for _ in range(2)] == ["2", "3"]
    await again.leave()


async def test_a_client_that_stayed_away_too_long_is_told_how_many_it_lost() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), stream_queue=2))
    stream = await begun(desk)
    await desk.publish("topic=a%2F1", body=b"1")
    last, _ = await stream.event()
    await stream.leave()
    for number in (b"2", b"3", b"4", b"5"):
        await desk.publish("topic=a%2F1", body=number)
    again = await begun(desk, (b"last-event-id", last.encode()))
    gap = await again.block()
    assert (gap["event"], gap["data"]) == ("gap", '{"lost":2}')
    assert [(await again.event())[1]["payload"] for _ in range(2)] == ["4", "5"]
    assert desk.world.dropped("queue_full") == 2
    await again.leave()


async def test_a_slow_reader_holds_no_more_than_its_bytes() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), stream_bytes=Size(5000)))
    stream = await begun(desk)
    await desk.publish("topic=a%2F1", body=b"1")
    last, _ = await stream.event()
    await stream.leave()
    for _ in range(10):
        await desk.publish("topic=a%2F1", body=b"x" * 2000)
        assert desk.world.broker.queued.held <= 5000
    again = await begun(desk, (b"last-event-id", last.encode()))
    assert (await again.block())["data"] == '{"lost":8}'
    assert desk.world.dropped("queue_full") == 8
    await desk.publish("topic=a%2F1", body=b"y" * 10_000)  # whatever it weighs
    assert [len((await again.event())[1]["payload"]) for _ in range(3)] == [2000, 2000, 10_000]
    await again.leave()


async def test_streams_share_the_memory_of_all_queues_and_give_it_back() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), stream_memory=Duration(0)))
    desk.world.broker.queued.limit = 100_000
    desk.world.broker.queued.held = 100_000  # by sessions
    stream = await begun(desk)
    for _ in range(10):
        await desk.publish("topic=a%2F1", body=b"x" * 30_000)
    assert desk.world.broker.queued.held <= 100_000 + 64 * 1024
    assert desk.world.dropped("process_memory")
    await stream.leave()
    assert desk.world.broker.queued.held == 100_000


async def test_what_comes_before_a_stream_that_is_over_is_unsubscribed_holds_no_memory() -> None:
    desk = Desk()
    stream = await begun(desk)
    (held,) = desk.face._streams._streams.values()
    await stream.leave()
    await asyncio.sleep(0)
    assert held.timer is not None
    held.timer.cancel()
    desk.face._streams._close(held)  # as the timer does
    desk.world.connected("c").publish("a/1", b"x" * 10_000)  # in the same turn
    await asyncio.sleep(0)
    assert desk.world.broker.queued.held == 0


async def test_what_has_expired_meanwhile_is_not_shown() -> None:
    desk = Desk()
    stream = await begun(desk)
    await desk.publish("topic=a%2F1", body=b"1")
    last, _ = await stream.event()
    await stream.leave()
    await desk.publish("topic=a%2F1", (b"mqtt-message-expiry", b"5"), body=b"2")
    await desk.publish("topic=a%2F1", body=b"3")
    desk.world.pass_time(6)
    again = await begun(desk, (b"last-event-id", last.encode()))
    assert (await again.event())[1]["payload"] == "3"
    assert desk.world.dropped("expired") == 1
    await again.leave()


async def test_a_second_connection_takes_the_stream_over() -> None:
    desk = Desk()
    stream = await begun(desk)
    await desk.publish("topic=a%2F1", body=b"1")
    last, _ = await stream.event()
    again = await begun(desk, (b"last-event-id", last.encode()))
    await stream.end()
    assert stream.ended
    await desk.publish("topic=a%2F1", body=b"2")
    assert (await again.event())[1]["payload"] == "2"
    await again.leave()


@pytest.mark.parametrize("last", [b"nonsense", b".", b"x.1", b"\xff.1", b"x." + b"9" * 50])
async def test_an_unknown_position_begins_anew(last: bytes) -> None:
    desk = Desk()
    stream = await begun(desk, (b"last-event-id", last))
    if last:
        assert await stream.block() == {"event": "gap", "data": '{"lost":null}'}
    await desk.publish("topic=a%2F1", body=b"1")
    assert (await stream.event())[1]["payload"] == "1"
    await stream.leave()


async def test_without_memory_a_stream_ends_with_its_connection() -> None:
    settings = Settings(api_keys=(ApiKeySettings(KEY, "backend"),), stream_memory=0)  # type: ignore[arg-type]
    desk = Desk(settings)
    stream = await begun(desk)
    await stream.leave()
    await asyncio.sleep(0)
    assert (await desk.publish("topic=a%2F1")).headers["mqtt-reason-code"] == "16"


async def test_what_may_not_be_subscribed_to_is_403() -> None:
    desk = restricted()
    answer = await desk.call("GET", "/mqtt/messages?topicFilter=%23")
    assert (answer.status, answer.code) == (403, "TopicNotAuthorized")
    stream = await begun(desk)
    await stream.leave()


@pytest.mark.parametrize(
    ("query", "header", "status"),
    [
        ("", b"*/*", 400),
        ("topicFilter=a%2F%23%2Fb", b"*/*", 400),
        ("topicFilter=a&qos=3", b"*/*", 400),
        ("topicFilter=a&retained=yes", b"*/*", 400),
        ("topicFilter=a", b"application/json", 406),
    ],
)
async def test_what_cannot_be_streamed_is_refused(query: str, header: bytes, status: int) -> None:
    assert (await Desk().call("GET", f"/mqtt/messages?{query}", (b"accept", header))).status == status


async def test_only_so_many_streams_are_open() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), streams=1))
    stream = await begun(desk)
    answer = await desk.call("GET", STREAM)
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    await stream.leave()


async def test_one_client_has_only_a_part_of_them() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), streams_per_client=1))
    stream = await begun(desk)
    answer = await desk.call("GET", STREAM)
    assert (answer.status, "retry-after" in answer.headers) == (429, True)
    await stream.leave()


async def test_a_stream_ends_with_the_token_and_goes_on_with_another() -> None:
    desk = Desk(Settings(issuers=(ISSUER,)))
    first = token(desk.world, exp=int(desk.world.now) + 60).encode()
    stream = OpenCall(desk, "GET", STREAM, [(b"authorization", b"Bearer " + first), ACCEPT])
    await stream.block()
    await desk.publish("topic=a%2F1", body=b"1", token=first)
    last, _ = await stream.event()
    desk.world.pass_time(91)  # leeway included
    desk.world.publish("a/1", b"2")
    await stream.end()
    assert stream.ended
    second = token(desk.world, exp=int(desk.world.now) + 60).encode()
    resumed = [(b"authorization", b"Bearer " + second), ACCEPT, (b"last-event-id", last.encode())]
    again = OpenCall(desk, "GET", STREAM, resumed)
    assert (await again.event())[1]["payload"] == "2"
    desk.world.publish("a/1", b"3")
    assert (await again.event())[1]["payload"] == "3"
    await again.leave()
    other = token(desk.world, sub="somebody-else").encode()
    theirs = OpenCall(
        desk, "GET", STREAM, [(b"authorization", b"Bearer " + other), ACCEPT, (b"last-event-id", last.encode())]
    )
    await theirs.block()
    assert await theirs.block() == {"event": "gap", "data": '{"lost":null}'}  # it is not their stream
    await theirs.leave()


async def test_streams_end_when_the_broker_stops() -> None:
    desk = Desk()
    stream = await begun(desk)
    await desk.face.stop()
    await stream.end()
    assert stream.ended


async def test_streams_end_when_the_namespace_no_longer_grants_them() -> None:
    desk = Desk()
    stream = await begun(desk, target="/mqtt/messages?topicFilter=b%2F%23")
    desk.face._directory.replace(restricted().face._directory.namespace)
    desk.face._end_unauthorized()
    await stream.end()
    assert stream.ended


async def test_head_opens_nothing() -> None:
    desk = Desk()
    answer = await desk.call("HEAD", STREAM)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert (await desk.publish("topic=a%2F1")).headers["mqtt-reason-code"] == "16"


async def test_whoever_is_banned_meanwhile_gets_no_more_of_it() -> None:
    desk = Desk()
    stream = await begun(desk)
    desk.world.broker.bans.ban(TENANT, USER, "backend", desk.world.now)
    desk.world.connected("c").publish("a/b", b"too late", 0)
    await stream.end()
    assert stream.ended
    assert (await desk.publish("topic=a%2Fb", body=b"x")).status == 403
