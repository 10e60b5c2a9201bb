"""A publish that waits for its reply."""

import asyncio

from myna.faces.eventgrid.settings import ApiKeySettings, Settings
from myna.testing import Client
from myna.wire.packets import Publish
from tests.faces.eventgrid.harness import KEY, Answer, Desk, only
from tests.faces.eventgrid.test_retained import restricted

WAIT = (b"mqtt-reply-wait-ms", b"5000")


async def asked(desk: Desk, device: Client, *headers: tuple[bytes, bytes]) -> tuple["asyncio.Task[Answer]", Publish]:
    """A request under way, and what the device has got of it."""
    task = asyncio.ensure_future(desk.publish("topic=devices%2Fd1%2Fprompt", WAIT, *headers, body=b"ping"))
    messages: list[Publish] = []
    while not messages and not task.done():
        await asyncio.sleep(0)
        messages = device.messages()
    return task, only(messages)


async def test_the_reply_is_the_answer() -> None:
    desk = Desk()
    device = desk.world.connected("d1")
    device.subscribe("devices/d1/prompt", 1)
    task, request = await asked(desk, device)
    properties = request.properties
    assert properties is not None
    assert properties.response_topic is not None
    assert properties.correlation_data is not None
    device.publish(
        properties.response_topic,
        b"pong",
        1,
        correlation_data=properties.correlation_data,
        content_type="text/plain",
        user_properties=[("k", "v")],
    )
    answer = await task
    assert (answer.status, answer.body) == (200, b"pong")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["mqtt-user-properties"] == "W3siayI6InYifV0="
    assert answer.headers["mqtt-qos"] == "1"


async def test_nobody_can_listen_in_on_private_replies() -> None:
    desk = Desk()
    spy = desk.world.connected("spy")
    assert spy.subscribe("$http-reply/#", 1) == 0x87
    assert spy.subscribe("#", 1) == 1
    device = desk.world.connected("d1")
    device.subscribe("devices/d1/prompt", 1)
    task, request = await asked(desk, device)
    assert request.properties is not None
    device.publish(request.properties.response_topic or "", b"pong", 1)
    assert (await task).body == b"pong"
    assert [message.topic for message in spy.messages()] == ["devices/d1/prompt"]


async def test_a_reply_that_comes_too_late_is_counted() -> None:
    desk = Desk()
    late = desk.world.connected("late")
    late.publish("$http-reply/nobody", b"x", 1)
    assert desk.world.dropped("http_reply_too_late") == 1


async def test_nobody_replies_in_time() -> None:
    answer = await Desk().publish("topic=a", (b"mqtt-reply-wait-ms", b"1"))
    assert (answer.status, answer.code) == (504, "ReplyTimeout")


async def test_a_response_topic_of_the_caller_s_own() -> None:
    desk = Desk()
    device = desk.world.connected("d1")
    device.subscribe("devices/d1/prompt", 1)
    task, request = await asked(desk, device, (b"mqtt-response-topic", b"mine"), (b"mqtt-correlation-data", b"AAE="))
    assert request.properties is not None
    assert request.properties.response_topic == "mine"
    device.publish("mine", b"another's", 1, correlation_data=b"\x09")
    device.publish("mine", b"pong", 1, correlation_data=b"\x00\x01")
    assert (await task).body == b"pong"
    assert desk.world.tenant.router.subscribers("mine") == []


async def test_who_may_not_subscribe_to_it_cannot_await_a_reply_there() -> None:
    desk = restricted()
    answer = await desk.publish("topic=b%2Fx", WAIT, (b"mqtt-response-topic", b"b/reply"))
    assert (answer.status, answer.json()["error"]["target"]) == (403, "mqtt-response-topic")


async def test_only_so_many_may_wait() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), reply_waits=0))
    assert (await desk.publish("topic=a", WAIT)).status == 503
