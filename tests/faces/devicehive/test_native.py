"""Publishing to the topics of events."""

from collections.abc import Callable
from typing import Any

import pytest

from myna.wire.packets import Puback
from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]
TOPIC = f"dh/notification/1/1/{SAMPLE}/temperature"


@pytest.mark.parametrize(
    ("payload", "parameters"),
    [
        (b'{"parameters":{"t":21.50}}', {"t": 21.5}),
        (b'{"notification":{"notification":"other","parameters":7}}', 7),
        (b'{"t":21}', {"t": 21}),
        (b"21.5", 21.5),
        (b"", None),
        (b"warm", "warm"),
        (b"\xff", "\ufffd"),
        (b'"text"', "text"),
        (b"[1]", [1]),
        (b'{"notification":"other"}', None),
    ],
)
def test_a_notification_by_its_topic(play: Play, payload: bytes, parameters: Any) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.subscribe("dh/notification/#")
        admin.publish(TOPIC, payload, 1)
        topic, push = await admin.next_message()
        assert topic == TOPIC
        assert push["action"] == "notification/insert"
        assert push["notification"]["notification"] == "temperature"
        assert push["notification"]["parameters"] == parameters
        kept = (await admin.ask("notification/list", deviceId=SAMPLE))["notifications"]
        assert kept == [push["notification"]]
        assert await admin.messages() == []  # the raw message went nowhere

    play(story)


def test_a_command_and_its_update_by_their_topics(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.subscribe_all("dh/command/#", "dh/command_update/#")
        admin.publish(f"dh/command/1/1/{SAMPLE}/switch", {"parameters": {"on": True}, "lifetime": 5})
        topic, push = await admin.next_message()
        assert (topic, push["action"]) == (f"dh/command/1/1/{SAMPLE}/switch", "command/insert")
        command = push["command"]
        assert (command["parameters"], command["lifetime"], command["userId"]) == ({"on": True}, 5, 1)
        admin.publish(f"dh/command_update/1/1/{SAMPLE}/switch", {"id": command["id"], "status": "done", "result": [1]})
        topic, push = await admin.next_message()
        assert (topic, push["action"]) == (f"dh/command_update/1/1/{SAMPLE}/switch", "command/update")
        assert (push["command"]["status"], push["command"]["result"]) == ("done", [1])

    play(story)


def test_names_stand_for_ids_and_the_own_mark_is_dropped(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.subscribe("dh/notification/#")
        admin.publish(f"dh/notification/Sample Network/Default Device Type/{SAMPLE}/a/b@c1", b"1")
        assert (await admin.next_message())[0] == f"dh/notification/1/1/{SAMPLE}/a/b"

    play(story)


@pytest.mark.parametrize(
    "topic",
    [
        f"dh/notification/2/1/{SAMPLE}/x",
        f"dh/notification/1/2/{SAMPLE}/x",
        "dh/notification/1/1/nobody/x",
        f"dh/notification/1/1/{SAMPLE}",
        f"dh/notification/1/1/{SAMPLE}/",
        f"dh/unknown/1/1/{SAMPLE}/x",
        f"dh/command_update/1/1/{SAMPLE}/x",
    ],
)
def test_what_does_not_name_a_device_where_it_is_is_dropped(play: Play, topic: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe("dh/#")
        admin.publish(topic, b"{}", 1)
        assert await admin.messages() == []
        assert not admin.closed

    play(story)


def test_it_needs_permission_and_access_and_mqtt_5_is_told(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await house.newcomer(admin, "carol", [])
        for level, codes in ((4, [0, 0]), (5, [0x87, 0x87])):
            carol = await house.user("carol", level=level)
            carol.publish(TOPIC, b"1", 1)
            carol.publish(f"dh/command/1/1/{SAMPLE}/x", b"1", 1)
            carol.collect()
            assert [packet.code for packet in carol.inbox if isinstance(packet, Puback)] == codes
        assert (await admin.ask("notification/list", deviceId=SAMPLE))["notifications"] == []

    play(story)


def test_an_update_without_an_id_is_malformed(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin(level=5)
        admin.publish(f"dh/command_update/1/1/{SAMPLE}/x", b"{}", 1)
        admin.collect()
        assert [packet.code for packet in admin.inbox if isinstance(packet, Puback)] == [0x99]

    play(story)


def test_it_takes_its_turn_behind_earlier_requests(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe("dh/notification/1/1/new/hello")
        admin.request("device/save", deviceId="new", device={"name": "n"})
        admin.publish("dh/notification/1/1/new/hello", b"1")
        await house.settled()
        kept = (await admin.ask("notification/list", deviceId="new"))["notifications"]
        assert [one["notification"] for one in kept] == ["$device-add", "hello"]

    play(story)
