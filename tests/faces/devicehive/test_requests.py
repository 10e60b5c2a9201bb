"""The envelope, the order of checks, and whose answers go where."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from myna.wire.packets import Puback, Publish, Will
from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]


def test_an_answer_has_action_request_id_and_status_in_this_order(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.publish("dh/request", b'{"action":"device/list","requestId":{"a":[1, 2.50]}}')
        answer = await admin.next_of(Publish)
        assert answer.topic == "dh/response/device/list@c1"
        assert answer.payload.startswith(
            b'{"action":"device/list","requestId":{"a":[1, 2.50]},"status":"success","devices":[{"id":"'
            + SAMPLE.encode()
        )

    play(story)


def test_without_a_request_id_the_answer_says_null(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.publish("dh/request", b'{"action":"command/get"}')
        answer = await admin.next_of(Publish)
        assert json.loads(answer.payload) == {
            "action": "command/get",
            "requestId": None,
            "code": 400,
            "status": "error",
            "error": "Device id is wrong or empty",
        }

    play(story)


@pytest.mark.parametrize("payload", [b"", b"1", b'"x"', b"[]", b"{", b"\xff{}", b"null", b"[" * 5000])
def test_what_is_no_json_object_is_answered_without_an_action(play: Play, payload: bytes) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.publish("dh/request", payload)
        answer = await admin.next_of(Publish)
        assert answer.topic == "dh/response/@c1"
        assert answer.payload == b'{"code":400,"status":"error","error":"Malformed Json received."}'

    play(story)


def test_an_action_nobody_knows_is_answered_under_its_own_name(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal("plugin/list") == (400, "Illegal argument: plugin/list")
        assert await admin.refusal("Device/List") == (400, "Illegal argument: Device/List")

    play(story)


@pytest.mark.parametrize(
    "payload", [b'{"requestId":7}', b'{"action":{}, "requestId":7}', b'{"action":null,"requestId":7}']
)
def test_a_missing_action_is_a_500(play: Play, payload: bytes) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.publish("dh/request", payload)
        topic, answer = await admin.next_message()
        assert topic == "dh/response/@c1"
        assert (answer["code"], answer["requestId"]) == (500, 7)
        assert answer["error"] == "'action' field could not be parsed to known endpoint"

    play(story)


def test_actions_are_judged_before_permissions_and_permissions_before_parameters(play: Play) -> None:
    async def story(house: House) -> None:
        stranger = await house.anonymous()
        stranger.subscribe("dh/response/authenticate@" + stranger.id)
        admin = await house.admin()
        await house.newcomer(admin, "carol", [1])
        carol = await house.user("carol")
        assert await carol.refusal("configuration/get") == (403, "Access is denied")
        assert await carol.refusal("network/insert") == (403, "Access is denied")
        assert await carol.refusal("device/get", deviceId="nope") == (403, "Access is denied")
        assert await admin.refusal("device/get", deviceId="nope") == (
            404,
            "Device with such deviceId = nope not found",
        )
        assert await admin.refusal("device/get") == (400, "Device id is wrong or empty")

    play(story)


def test_without_authentication_everything_but_the_open_actions_is_a_401(play: Play) -> None:
    async def story(house: House) -> None:
        stranger = await house.anonymous("c1")
        assert stranger.subscribe("dh/response/token@c1") == 1
        assert await stranger.refusal("token") == (400, "Invalid or empty authorization request parameters")
        token = await stranger.ask("token", login="dhadmin", password="dhadmin_#911")
        stranger.request("device/list")
        assert stranger.subscribe("dh/response/authenticate@c1") == 1
        assert (await stranger.ask("authenticate", token=token["accessToken"]))["status"] == "success"
        assert stranger.subscribe("dh/response/device/list@c1") == 1
        assert len((await stranger.ask("device/list"))["devices"]) == 1
        assert await stranger.messages() == []  # the one asked for too early was answered to nobody

    play(story)


def test_an_answer_without_a_subscription_is_dropped_but_the_request_is_done(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.unsubscribe("dh/response/#")
        admin.request("configuration/put", name="colour", value="blue")
        admin.subscribe("dh/response/configuration/get@c1")
        assert (await admin.ask("configuration/get", name="colour"))["configuration"]["value"] == "blue"
        assert await admin.messages() == []

    play(story)


def test_answers_reach_nobody_but_who_asked_however_broad_a_filter(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        other = await house.admin("c2")
        stranger = await house.anonymous("c3")
        assert (
            other.subscribe_all("#", "+/+/#", "dh/#", "dh/+/#", "dh/response/token@c1", "$share/g/dh/response/#")
            == [1] * 6
        )
        assert stranger.subscribe_all("#", "+/#", "dh/request", "dh/#") == [1, 1, 128, 128]
        assert other.subscribe_all("dh/request", "dh/request/#", "dh", "$share/g/dh/request") == [128] * 4
        await admin.ask("token", login="dhadmin", password="dhadmin_#911")
        admin.publish("ordinary/topic", b'{"for":"everybody"}')
        assert [topic for topic, _ in await other.messages()] == ["ordinary/topic"]
        assert [topic for topic, _ in await stranger.messages()] == ["ordinary/topic"]

    play(story)


def test_requests_of_one_client_are_done_in_order(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        for number in range(20):
            admin.request("device/save", deviceId=f"d{number}", device={"name": "n", "networkId": 1, "deviceTypeId": 1})
            admin.request("notification/insert", deviceId=f"d{number}", notification={"notification": "up"})
            admin.request("notification/list", deviceId=f"d{number}", requestId=number, notification="up")
        await admin.ask("server/info")
        answers: dict[str, list[Any]] = {}
        for topic, body in await admin.messages():
            answers.setdefault(topic, []).append(body)
        lists = answers["dh/response/notification/list@c1"]
        assert [body["requestId"] for body in lists] == list(range(20))
        assert all(len(body["notifications"]) == 1 for body in lists)

    play(story)


def test_a_client_that_asks_without_end_is_told_so_and_memory_stays_bounded(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1", level=5)
        for number in range(1500):
            admin.publish("dh/request", {"action": "device/get", "deviceId": SAMPLE, "requestId": number}, qos=1)
        admin.collect()
        codes = {packet.code for packet in admin.inbox if isinstance(packet, Puback)}
        assert codes == {0, 0x97}
        await house.settled()
        assert (await admin.ask("server/info"))["status"] == "success"

    play(story)


def test_requests_may_have_more_levels(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.publish("dh/request/anything/at/all", {"action": "server/info"})
        assert (await admin.next_message())[0] == "dh/response/server/info@c1"

    play(story)


def test_the_published_spellings_without_a_slash_are_answered_under_their_own_names(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        assert (await admin.ask("deviceget", deviceId=SAMPLE))["device"]["id"] == SAMPLE
        assert (await admin.ask("userget", userId=1))["user"]["login"] == "dhadmin"

    play(story)


def test_nothing_under_dh_is_ever_retained(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.publish("dh/request", {"action": "server/info", "token": "secret"}, retain=True)
        admin.publish("dh/whatever", {"token": "secret"}, retain=True)
        admin.publish(f"dh/notification/1/1/{SAMPLE}/t", {"parameters": 1}, retain=True)
        await house.settled()
        other = await house.admin("c2")
        other.subscribe_all("#", "dh/#", "dh/whatever")
        assert await other.messages() == []
        assert house.broker.tenant("DevOnly").retained.count == 0

    play(story)


def test_a_client_id_with_at_signs_and_slashes_gets_its_answers(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("a@b/c")
        assert (await admin.ask("server/info"))["status"] == "success"
        other = await house.admin("c")
        other.subscribe("dh/response/server/info@b/c")
        await admin.ask("server/info")
        assert await other.messages() == []

    play(story)


def test_an_authenticated_will_on_a_request_is_done_when_the_connection_drops(play: Play) -> None:
    async def story(house: House) -> None:
        body = json.dumps(
            {"action": "notification/insert", "deviceId": SAMPLE, "notification": {"notification": "gone"}}
        ).encode()
        device = await house.connect("d", "dhadmin", "dhadmin_#911", will=Will("dh/request", body, 1, False))
        admin = await house.admin("c1")
        admin.subscribe("dh/notification/#")
        device.drop()
        topic, body_got = await admin.next_message()
        assert topic == f"dh/notification/1/1/{SAMPLE}/gone"
        assert body_got["action"] == "notification/insert"

    play(story)


def test_a_will_uses_the_identity_of_a_later_authenticate(play: Play) -> None:
    async def story(house: House) -> None:
        device = await house.anonymous("d", will=Will(f"dh/notification/1/1/{SAMPLE}/gone", b"", 1, False))
        admin = await house.admin("c1")
        admin.subscribe("dh/notification/#")
        token = await admin.ask("token", login="dhadmin", password="dhadmin_#911")
        device.subscribe("dh/response/authenticate@d")
        await device.ask("authenticate", token=token["accessToken"])
        device.drop()
        assert (await admin.next_message())[0] == f"dh/notification/1/1/{SAMPLE}/gone"

    play(story)
