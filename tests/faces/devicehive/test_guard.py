"""Who may subscribe and publish under dh/, and who gets what: one copy each, and only to those with access."""

from collections.abc import Callable

import pytest

from myna.core.message import Message, Origin
from myna.core.outcome import Refusal
from myna.faces.devicehive.face import Settings
from myna.wire import reasons
from myna.wire.packets import Publish, Will
from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]
REFUSED = 128


def test_anonymous_connections_have_ordinary_topics_and_the_answers_that_need_no_authorisation(play: Play) -> None:
    async def story(house: House) -> None:
        stranger = await house.anonymous("c1")
        for action in (
            "authenticate",
            "token",
            "token/create",
            "token/refresh",
            "server/info",
            "server/cacheInfo",
            "cluster/info",
        ):
            assert stranger.subscribe(f"dh/response/{action}@c1") == 1, action
            assert stranger.subscribe(f"dh/response/{action}@c2") == REFUSED, action
        assert stranger.subscribe_all("hello/#", "dh/notification/#", "x") == [1, REFUSED, 1]
        for filter in (
            "dh/response/#",
            "dh/response/device/list@c1",
            "dh/#",
            "dh/+",
            "dh/command/1/1/x/y",
            "dh",
            "dh/request",
        ):
            assert stranger.subscribe(filter) == REFUSED, filter
        for action in ("server/info", "server/cacheInfo", "cluster/info"):
            assert (await stranger.ask(action))["status"] == "success"
        stranger.publish("hello/world", b"{}")
        assert [topic for topic, _ in await stranger.messages()] == ["hello/world"]

    play(story)


def test_share_prefixes_change_nothing_about_who_may(play: Play) -> None:
    async def story(house: House) -> None:
        stranger = await house.anonymous("c1")
        for filter in ("dh/#", "dh/notification/#", "dh/request", "dh/response/device/list@c1"):
            assert stranger.subscribe("$share/g/" + filter) == REFUSED, filter
            assert stranger.subscribe("$oshare/g/" + filter) == REFUSED, filter

    play(story)


def test_filters_that_begin_with_a_wildcard_see_nothing_of_devicehive(play: Play) -> None:
    """The original shows them everything, passwords in requests included."""

    async def story(house: House) -> None:
        spy, admin, other = await house.anonymous("spy"), await house.admin("a"), await house.admin("b")
        for filter in ("#", "+/#", "+/+/+/+/+/+", "+/request", "$share/g/#", "$share/g/+/request"):
            assert spy.subscribe(filter) == 1
            assert other.subscribe(filter) == 1
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        await admin.ask("token", login="dhadmin", password="dhadmin_#911")
        admin.publish(f"dh/notification/1/1/{SAMPLE}/native", b"{}")
        assert await spy.messages() == []
        assert await other.messages() == []

    play(story)


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        ("dh/notification/#", 1),
        ("dh/command/+/1/#", 1),
        ("dh/command_update/1/1", 1),
        (f"dh/command/1/1/{SAMPLE}/name", 1),
        (f"dh/command/99/99/{SAMPLE}/name", 1),  # with a device, network and type are not looked at
        ("dh/command/Sample Network/Cameras/+/x", 1),
        ("dh/command/99/1/+/x", REFUSED),
        ("dh/command/1/99/+/x", REFUSED),
        ("dh/command/nowhere/+/+/x", REFUSED),
        ("dh/command/1/1/nobody/x", REFUSED),
        (f"dh/command/1/1/{SAMPLE}/x@c1", 1),
        (f"dh/command/1/1/{SAMPLE}/x@other", REFUSED),
    ],
)
def test_push_filters_are_judged_like_subscriptions_by_request(play: Play, filter: str, code: int) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        assert admin.subscribe(filter) == code

    play(story)


def test_a_client_subscribes_to_what_it_may_see(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "second"}))["network"]["id"]
        await house.newcomer(admin, "carol", [second])
        await house.newcomer(admin, "dave", [])
        carol, dave = await house.user("carol"), await house.user("dave")
        assert carol.subscribe_all(f"dh/command/{second}/#", "dh/notification/#") == [1, 1]
        assert carol.subscribe_all("dh/command/1/#", f"dh/command/1/1/{SAMPLE}/#") == [REFUSED, REFUSED]
        assert dave.subscribe("dh/notification/#") == REFUSED
        made = await admin.ask(
            "token/create", payload={"userId": 1, "actions": ["GetDeviceCommand"], "networkIds": ["*"]}
        )
        await admin.ask("authenticate", token=made["accessToken"])
        assert admin.subscribe_all("dh/command/#", "dh/notification/#") == [1, REFUSED]

    play(story)


def test_events_reach_only_those_with_permission_network_and_type(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "second"}))["network"]["id"]
        carol_id = await house.newcomer(admin, "carol", [second])
        dave_id = await house.newcomer(admin, "dave", [1], allDeviceTypesAvailable=False)
        await admin.ask("user/assignDeviceType", userId=dave_id, deviceTypeId=2)
        carol, dave = await house.user("carol"), await house.user("dave")
        blind = await house.admin()
        made = await admin.ask(
            "token/create", payload={"userId": 1, "actions": ["GetDeviceCommand"], "networkIds": ["*"]}
        )
        await blind.ask("authenticate", token=made["accessToken"])
        for client in (admin, carol, dave, blind):
            client.subscribe("dh/#")
        carol.subscribe("$share/g/dh/notification/#")
        await admin.ask("device/save", deviceId="d2", device={"name": "n", "networkId": 1, "deviceTypeId": 2})
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert [topic for topic, _ in await dave.messages()] == ["dh/notification/1/2/d2/$device-add"]
        assert await carol.messages() == []
        assert await blind.messages() == []
        assert len(await admin.messages()) == 2
        await admin.ask("user/unassignNetwork", userId=dave_id, networkId=1)
        await admin.ask("notification/insert", deviceId="d2", notification={"notification": "x"})
        assert await dave.messages() == []
        assert carol_id

    play(story)


def test_one_copy_per_event_whatever_overlaps(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe_all("#", "dh/#", "dh/notification/#", f"dh/notification/1/1/{SAMPLE}/x", "dh/+/1/#")
        await admin.ask("notification/subscribe", deviceId=SAMPLE)
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert len(await admin.messages()) == 1
        for filter in ("dh/#", "dh/notification/#", "dh/+/1/#"):
            admin.unsubscribe(filter)
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert len(await admin.messages()) == 1

    play(story)


def test_everybody_on_a_filter_gets_a_copy_and_a_share_group_one_between_them(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        plain = [await house.admin() for _ in range(3)]
        shared = [await house.admin() for _ in range(3)]
        for client in plain:
            client.subscribe(f"dh/notification/1/1/{SAMPLE}/x")
        for client in shared:
            client.subscribe("$share/group/dh/notification/+/+/+/x")
        for _ in range(5):
            await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert [len(await client.messages()) for client in plain] == [5, 5, 5]
        assert sum([len(await client.messages()) for client in shared]) == 5

    play(story)


def test_names_of_networks_and_types_in_filters_match_their_ids(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe(f"dh/notification/Sample Network/Default Device Type/{SAMPLE}/+")
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert [topic for topic, _ in await admin.messages()] == [f"dh/notification/1/1/{SAMPLE}/x"]

    play(story)


def test_a_filter_with_the_clients_own_mark_is_delivered_with_it(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.subscribe(f"dh/notification/1/1/{SAMPLE}/x@c1")
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert [topic for topic, _ in await admin.messages()] == [f"dh/notification/1/1/{SAMPLE}/x@c1"]
        admin.unsubscribe(f"dh/notification/1/1/{SAMPLE}/x@c1")
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert await admin.messages() == []

    play(story)


def test_a_name_with_slashes_adds_levels_and_one_with_wildcards_is_kept_but_not_pushed(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe(f"dh/notification/1/1/{SAMPLE}/#")
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "a/b"})
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "a+#"})
        assert [topic for topic, _ in await admin.messages()] == [f"dh/notification/1/1/{SAMPLE}/a/b"]
        assert len((await admin.ask("notification/list", deviceId=SAMPLE))["notifications"]) == 2

    play(story)


def test_events_wait_for_a_persistent_client_at_qos_1_and_answers_do_not(play: Play) -> None:
    async def story(house: House) -> None:
        device = await house.admin("device", clean=False)
        device.subscribe(f"dh/command/1/1/{SAMPLE}/#", 1)
        device.subscribe(f"dh/notification/1/1/{SAMPLE}/#", 0)
        admin = await house.admin()
        device.request("device/get", deviceId=SAMPLE)
        device.drop()
        await admin.ask("command/insert", deviceId=SAMPLE, command={"command": "on"})
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        again = await house.admin("device", clean=False)
        assert [topic for topic, _ in await again.messages()] == [f"dh/command/1/1/{SAMPLE}/on"]

    play(story)


def test_what_a_resumed_session_subscribes_to_sleeps_until_it_authenticates(play: Play) -> None:
    async def story(house: House) -> None:
        first = await house.admin("device", clean=False)
        first.subscribe("dh/notification/#")
        first.disconnect()
        again = await house.anonymous("device", clean=False)
        assert again.connack.session_present
        admin = await house.admin()
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "unseen"})
        token = await admin.ask("token", login="dhadmin", password="dhadmin_#911")
        assert (await again.ask("authenticate", token=token["accessToken"]))["status"] == "success"
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "seen"})
        assert [topic for topic, _ in await again.messages()] == [f"dh/notification/1/1/{SAMPLE}/seen"]

    play(story, alone=True, settings=Settings(anonymous=True))


def test_the_second_of_a_name_takes_over_and_can_authenticate(play: Play) -> None:
    """The original refuses the newcomer for as long as the dead connection's channel is open."""

    async def story(house: House) -> None:
        first = await house.admin("device")
        await first.ask("notification/subscribe")
        second = await house.admin("device")
        assert first.closed
        token = await second.ask("token", login="dhadmin", password="dhadmin_#911")
        assert (await second.ask("authenticate", token=token["accessToken"]))["status"] == "success"
        assert (await second.ask("subscription/list"))["subscriptions"] == []

    play(story)


def test_what_anonymous_clients_publish_under_dh_is_swallowed_without_a_word(play: Play) -> None:
    async def story(house: House) -> None:
        admin, stranger = await house.admin(), await house.anonymous()
        admin.subscribe("dh/#")
        for topic in (
            "dh/notification/1/1/x/y",
            f"dh/command/1/1/{SAMPLE}/on",
            "dh/response/device/list@" + admin.id,
            "dh/x",
        ):
            stranger.publish(topic, b"{}", 1)
            stranger.collect()
            assert type(stranger.inbox.pop()).__name__ == "Puback"
        assert await admin.messages() == []
        assert not stranger.closed

    play(story)


def test_forged_answers_are_swallowed_even_from_administrators(play: Play) -> None:
    async def story(house: House) -> None:
        admin, victim = await house.admin(), await house.admin("victim")
        admin.publish("dh/response/device/list@victim", b"{}", 1)
        assert await victim.messages() == []

    play(story)


def test_wills_pass_the_guard_too(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe("dh/#")
        stranger = await house.anonymous(will=Will(f"dh/notification/1/1/{SAMPLE}/x", b"{}", 1, True))
        stranger.drop()
        ordinary = await house.anonymous(will=Will("last/words", b"{}", 1, False))
        admin.subscribe("last/words")
        ordinary.drop()
        assert [topic for topic, _ in await admin.messages()] == ["last/words"]

    play(story)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_every_version_of_mqtt_is_served(play: Play, level: int) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1", level=level)
        admin.subscribe("dh/notification/#")
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert len(await admin.messages()) == 1
        stranger = await house.anonymous("c2", level=level)
        assert stranger.subscribe("dh/notification/#") == (0x87 if level == 5 else REFUSED)

    play(story)


def test_a_topic_named_dh_is_an_ordinary_one(play: Play) -> None:
    async def story(house: House) -> None:
        one, other = await house.anonymous(), await house.anonymous()
        other.subscribe("#")
        one.publish("dh", b"{}")
        one.publish("dhx/y", b"{}")
        assert [topic for topic, _ in await other.messages()] == ["dh", "dhx/y"]

    play(story)


def test_answers_come_at_the_subscriptions_quality(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.request("server/info")
        assert (await admin.next_of(Publish)).qos == 1
        admin.subscribe("dh/response/#", 0)
        admin.request("server/info")
        assert (await admin.next_of(Publish)).qos == 0

    play(story)


@pytest.mark.parametrize("topic", ["dh/request", "dh/notification/1/1/device/name", "dh/anything"])
def test_what_an_http_api_sends_there_is_refused_and_not_swallowed(play: Play, topic: str) -> None:
    async def story(house: House) -> None:
        message = Message(topic, b"{}", 1, False, Origin("bifromq", "DevOnly"), house.now())
        answer = house.broker.publish(house.broker.tenant("DevOnly"), message, house.now())
        assert isinstance(answer, Refusal)
        assert answer.reason == reasons.NOT_AUTHORIZED

    play(story)
