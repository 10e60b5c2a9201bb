"""POST /mqtt/messages, as whole requests against a broker in memory."""

import asyncio

import pytest

from myna.core.limits import Limits
from myna.faces.eventgrid.publish import say
from myna.faces.eventgrid.settings import ApiKeySettings, QuotaSettings, Settings
from myna.testing import CommitsOnCommand, FakeTap, World
from tests.faces.eventgrid.harness import KEY, Desk, only

SEED = (
    (b"mqtt-response-topic", b"devices%2FCXa-23112%2Freply"),
    (b"mqtt-correlation-data", b"PlXCscK2wrbCuy8="),
    (
        b"mqtt-user-properties",
        b"W3siVXJnZW5jeSI6ImFsZXJ0In0seyJSZXF1ZXN0SWQiOiI1NWY0YTdlZS1iMGI0LTRkN2YtOGViNS0yZWRiYTJjZWQ1ZDcifV0=",
    ),
    (b"content-type", b"text/plain;charset=UTF-8"),
)
QUERY = "topic=devices%2FCXa-23112%2Fprompt&api-version=2025-02-15-preview"


async def test_the_example_reaches_both_kinds_of_subscribers() -> None:
    desk = Desk()
    five, four = desk.world.connected("five"), desk.world.connected("four", 4)
    five.subscribe("devices/+/prompt", 1)
    four.subscribe("devices/#", 1)
    answer = await desk.publish(QUERY, *SEED, body=b"x" * 46)
    assert answer.status == 204
    assert answer.body == b""
    assert answer.headers["mqtt-reason-code"] == "0"
    assert len(answer.headers["x-ms-request-id"]) == 36
    message = only(five.messages())
    assert (message.topic, message.payload, message.qos, message.retain) == (
        "devices/CXa-23112/prompt",
        b"x" * 46,
        1,
        False,
    )
    properties = message.properties
    assert properties is not None
    assert properties.response_topic == "devices/CXa-23112/reply"
    assert properties.correlation_data == bytes.fromhex("3E55C2B1C2B6C2B6C2BB2F")
    assert properties.user_properties == [
        ("Urgency", "alert"),
        ("RequestId", "55f4a7ee-b0b4-4d7f-8eb5-2edba2ced5d7"),
    ]
    assert properties.content_type == "text/plain;charset=UTF-8"
    assert only(four.messages()).payload == b"x" * 46


async def test_all_byte_values_arrive_whatever_the_content_type_says() -> None:
    desk = Desk()
    client = desk.world.connected("c")
    client.subscribe("a", 1)
    every = bytes(range(256))
    await desk.publish("topic=a", (b"content-type", b"application/x-www-form-urlencoded"), body=every)
    message = only(client.messages())
    assert message.payload == every
    assert message.properties is not None
    assert message.properties.content_type == "application/x-www-form-urlencoded"


async def test_an_answer_says_when_nobody_listens() -> None:
    answer = await Desk().publish("topic=a", body=b"x")
    assert (answer.status, answer.headers["mqtt-reason-code"]) == (204, "16")


async def test_202_when_a_routing_rule_takes_it() -> None:
    desk = Desk()
    tap = FakeTap()
    tap.wanted.add("a")
    desk.world.broker.carry(tap)
    assert (await desk.publish("topic=a", body=b"x")).status == 202
    assert (await desk.publish("topic=b", body=b"x")).status == 204


async def test_a_routing_rule_that_has_no_room_is_an_error_though_subscribers_have_the_message() -> None:
    desk = Desk()
    client = desk.world.connected("c")
    client.subscribe("a")
    tap = FakeTap()
    tap.failing.add("a")
    desk.world.broker.carry(tap)
    answer = await desk.publish("topic=a", body=b"x")
    assert (answer.status, answer.headers["x-ms-error-code"]) == (500, "RoutingError")
    assert b"/api/admin/routes" in answer.body
    assert client.payloads() == [b"x"]


async def test_the_request_id_of_the_client_is_echoed_if_it_is_harmless() -> None:
    desk = Desk()
    echoed = await desk.publish("topic=a", (b"x-ms-client-request-id", b"abc-1"))
    assert echoed.headers["x-ms-client-request-id"] == "abc-1"
    for hostile in (b"\xff", b"a\x01b", b"x" * 300):
        answer = await desk.publish("topic=a", (b"x-ms-client-request-id", hostile))
        assert "x-ms-client-request-id" not in answer.headers


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "MissingTopic"),
        ("topic=a&qos=2", 400, "InvalidQos"),
        ("topic=a%2F%23", 403, "InvalidTopicName"),
        ("topic=%24SYS%2Fx", 403, "InvalidTopicName"),
        ("topic=devices%2XXXX", 400, "InvalidEncoding"),
    ],
)
async def test_errors_have_a_body_and_a_header(query: str, status: int, code: str) -> None:
    answer = await Desk().publish(query, body=b"x")
    assert (answer.status, answer.code, answer.headers["x-ms-error-code"]) == (status, code, code)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["error"]["message"]


async def test_a_stranger_learns_nothing_of_topics() -> None:
    answer = await Desk().publish("topic=a%2F%23&qos=9", token=None)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    wrong = await Desk().publish("topic=a", token=b"something else")
    assert (wrong.status, wrong.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


@pytest.mark.parametrize("header", [b"Basic YTpi", b"Bearer", b"Bearer ", b"", b"\xff\xfe"])
async def test_other_ways_to_authorise_are_401(header: bytes) -> None:
    answer = await Desk().publish("topic=a", (b"authorization", header), token=None)
    assert answer.status == 401


async def test_outside_every_topic_space_is_403() -> None:
    desk = Desk(development=False)
    answer = await desk.publish("topic=a", body=b"x")
    assert (answer.status, answer.code) == (403, "TopicNotAuthorized")
    assert answer.json()["error"]["message"] == "Topic name 'a' does not match any topicspaces"


async def test_400_comes_before_413_and_that_before_403() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), message_size=100), development=False)  # type: ignore[arg-type]
    assert (await desk.publish("topic=a&qos=2", body=b"x" * 200)).status == 400
    assert (await desk.publish("topic=a", body=b"x" * 200)).status == 413
    assert (await desk.publish("topic=a", body=b"x")).status == 403


async def test_the_whole_packet_counts_against_the_limit() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), message_size=100))  # type: ignore[arg-type]
    room = 100 - len(b"\x32\x60\x00\x01a\x00\x00\x00")
    assert (await desk.publish("topic=a", body=b"x" * room)).status == 204
    assert (await desk.publish("topic=a", body=b"x" * (room + 1))).status == 413
    assert (await desk.publish("topic=a", chunks=[b"x" * 60, b"x" * 60])).status == 413


async def test_32_kb_of_user_properties_pass() -> None:
    desk = Desk()
    client = desk.world.connected("c")
    client.subscribe("a", 1)
    pairs = '[{"k":"' + "x" * 32_000 + '"}]'
    assert (await desk.publish("topic=a", (b"mqtt-user-properties", pairs.encode()))).status == 204
    properties = only(client.messages()).properties
    assert properties is not None
    assert properties.user_properties == [("k", "x" * 32_000)]


async def test_the_published_limits_apply_when_asked_for() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), vendor_limits=True))
    for header in (b"content-type", b"mqtt-response-topic"):
        answer = await desk.publish("topic=a", (header, b"x" * 257))
        assert (answer.status, answer.code) == (400, "PropertyTooLarge")
    answer = await desk.publish("topic=a", (b"mqtt-user-properties", b'[{"k":"' + b"x" * 33_000 + b'"}]'))
    assert (answer.status, answer.code) == (400, "PropertyTooLarge")


async def test_those_of_the_tenant_apply_as_they_do_to_mqtt_clients() -> None:
    limits = Limits()
    limits.property_length, limits.user_properties_size = 10, 20
    desk = Desk(world=World(limits=limits))
    answer = await desk.publish("topic=a", (b"mqtt-response-topic", b"x" * 11))
    assert (answer.status, answer.code) == (400, "PropertyTooLarge")
    answer = await desk.publish("topic=a", (b"mqtt-user-properties", b'[{"k":"' + b"x" * 20 + b'"}]'))
    assert (answer.status, answer.code) == (400, "PropertyTooLarge")
    assert (await desk.publish("topic=a", (b"content-type", b"x" * 10))).status == 204


async def test_a_topic_deeper_than_the_tenant_allows_is_403() -> None:
    limits = Limits()
    limits.topic_levels = 3
    answer = await Desk(world=World(limits=limits)).publish("topic=a/b/c/d")
    assert (answer.status, answer.code) == (403, "InvalidTopicName")


async def test_a_retained_message_expires() -> None:
    desk = Desk()
    await desk.publish("topic=a&retain=1", (b"mqtt-message-expiry", b"2"), body=b"x")
    early = desk.world.connected("early")
    early.subscribe("a", 1)
    assert only(early.messages()).retain
    desk.world.pass_time(3)
    late = desk.world.connected("late")
    late.subscribe("a", 1)
    assert late.messages() == []


async def test_expiry_0_means_never() -> None:
    desk = Desk()
    await desk.publish("topic=a&retain=1", (b"mqtt-message-expiry", b"0"), body=b"x")
    desk.world.pass_time(1_000_000)
    client = desk.world.connected("c")
    client.subscribe("a", 1)
    assert len(client.messages()) == 1


async def test_the_remaining_lifetime_is_delivered() -> None:
    desk = Desk()
    client = desk.world.connected("c", clean=False, expiry=1000)
    client.subscribe("a", 1)
    client.drop()
    await desk.publish("topic=a", (b"mqtt-message-expiry", b"60"), body=b"x")
    desk.world.pass_time(10)
    again = desk.world.connected("c", clean=False, expiry=1000)
    properties = only(again.messages()).properties
    assert properties is not None
    assert properties.message_expiry == 50


async def test_qos_1_is_answered_when_it_is_safe() -> None:
    store = CommitsOnCommand()
    desk = Desk(world=World(store=store))
    client = desk.world.client("c", clean=False, expiry=1000)
    desk.world.commit()
    client.expect_connack()
    task = asyncio.ensure_future(desk.publish("topic=a&retain=1", body=b"x"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    desk.world.commit()
    assert (await task).status == 204


async def test_a_connected_client_of_the_same_id_is_left_alone_and_no_local_sees_it() -> None:
    desk = Desk()
    same = desk.world.connected("backend")
    same.subscribe("a", 1, no_local=True)
    other = desk.world.connected("other")
    other.subscribe("a", 1, no_local=True)
    await desk.publish("topic=a", body=b"x")
    assert not same.is_closed()
    assert same.messages() == []
    assert len(other.messages()) == 1


async def test_over_quota_is_429_with_the_seconds_to_wait() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), quota=QuotaSettings(messages=2)))
    assert [(await desk.publish("topic=a")).status for _ in range(3)] == [204, 204, 429]
    answer = await desk.publish("topic=a")
    assert (answer.headers["retry-after"], answer.code) == ("1", "QuotaExceeded")
    desk.world.pass_time(1)
    assert (await desk.publish("topic=a&retain=1", body=b"x")).status == 204
    assert (await desk.publish("topic=a")).status == 429  # to retain counts twice


async def test_mqtt_and_http_share_the_throughput_of_the_tenant() -> None:
    limits = Limits()
    limits.tenant_publishes_per_second = 3
    desk = Desk(world=World(limits=limits))
    client = desk.world.connected("c")
    client.publish("a", b"x", 1)
    assert [(await desk.publish("topic=a")).status for _ in range(3)] == [204, 204, 429]
    client.received()
    client.publish("a", b"x", 1)
    refused = client.received()[0]
    assert getattr(refused, "code", 0) == 0x97
    assert 'throttle_type="IncomingPublishPacketsPerNamespace"' in desk.face.metrics()


async def test_wrong_methods_are_405_and_say_what_is_right() -> None:
    desk = Desk()
    answer = await desk.call("PUT", "/mqtt/messages?topic=a")
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")
    assert "POST" in answer.headers["allow"]


async def test_pages_of_allowed_origins_may_call() -> None:
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),), cors=("https://app.example",)))
    preflight = await desk.call("OPTIONS", "/mqtt/messages", (b"origin", b"https://app.example"), token=None)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    other = await desk.publish("topic=a", (b"origin", b"https://other.example"))
    assert "access-control-allow-origin" not in other.headers
    same = await desk.publish("topic=a", (b"origin", b"https://app.example"))
    assert same.headers["access-control-allow-origin"] == "https://app.example"


async def test_what_was_published_is_counted() -> None:
    desk = Desk()
    await desk.publish("topic=a", body=b"hello")
    await desk.publish("topic=a%23", body=b"hello")
    await desk.publish("topic=a", token=None)
    text = desk.face.metrics()
    assert 'mqtt_requests_total{operation_type="Publish",protocol="http-publish",result="Success"} 1' in text
    assert 'mqtt_successful_published_messages_total{protocol="http-publish",qos="1",retain="false"} 1' in text
    assert 'error="AuthorizationError"} 1' in text
    assert 'error="AuthenticationError"} 1' in text


def test_the_codes_of_success_are_decided_in_one_place() -> None:
    from myna.core.outcome import Outcome

    assert say(Outcome(True, 0))[0] == 204
    assert say(Outcome(False, 0, True))[0] == 202


async def test_a_message_that_could_not_be_kept_is_not_published() -> None:
    limits = Limits()
    limits.retained_messages = 1
    desk = Desk(world=World(limits=limits))
    client = desk.world.connected("c")
    client.subscribe("#", 1)
    assert (await desk.publish("topic=a&retain=1", body=b"x")).status == 204
    full = await desk.publish("topic=b&retain=1", body=b"x")
    assert (full.status, full.code, full.headers["retry-after"]) == (429, "QuotaExceeded", "60")
    assert [message.topic for message in client.messages()] == ["a"]
    limits.retain_available = False
    assert (await desk.publish("topic=a&retain=1", body=b"x")).code == "InvalidRetain"
