"""command/… and notification/…: inserting, finding, listing, updating, and how long they last."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]


def test_a_command_has_twelve_members_everywhere_but_in_the_answer_to_its_insert(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe("dh/command/#")
        made = await admin.ask(
            "command/insert",
            deviceId=SAMPLE,
            networkId=99,
            command={"command": "on", "timestamp": "2018-02-08T15:49:29.123", "parameters": {"a": 1}, "lifetime": 5},
        )
        assert list(made["command"]) == ["id", "timestamp", "lastUpdated", "userId"]
        id = made["command"]["id"]
        assert 0 <= id < 1 << 31
        whole = {
            "id": id,
            "command": "on",
            "timestamp": "2018-02-08T15:49:29.123",
            "lastUpdated": "2018-02-08T15:49:29.123",
            "userId": 1,
            "deviceId": SAMPLE,
            "networkId": 1,
            "deviceTypeId": 1,
            "parameters": {"a": 1},
            "lifetime": 5,
            "status": None,
            "result": None,
        }
        assert (await admin.ask("command/get", deviceId=SAMPLE, commandId=str(id)))["command"] == whole
        assert (await admin.ask("command/list", deviceId=SAMPLE))["commands"] == [whole]
        topic, push = await admin.next_message()
        assert topic == f"dh/command/1/1/{SAMPLE}/on"
        assert list(push) == ["action", "command", "subscriptionId"]
        assert (push["action"], push["command"]) == ("command/insert", whole)

    play(story)


def test_an_update_changes_status_and_result_alone(play: Play) -> None:
    async def story(house: House) -> None:
        admin, other = await house.admin(), await house.admin()
        other.subscribe("dh/command_update/#")
        made = await admin.ask("command/insert", deviceId=SAMPLE, command={"command": "on", "parameters": 1})
        id = made["command"]["id"]
        change = {"status": "ok", "result": {"r": 1}, "command": "off", "parameters": 2, "lifetime": 9}
        assert set(await admin.ask("command/update", deviceId=SAMPLE, commandId=id, command=change)) == {
            "action", "requestId", "status"
        }  # fmt: skip
        topic, push = await other.next_message()
        assert (topic, push["action"]) == (f"dh/command_update/1/1/{SAMPLE}/on", "command/update")
        held = push["command"]
        assert (held["command"], held["parameters"], held["lifetime"]) == ("on", 1, None)
        assert (held["status"], held["result"]) == ("ok", {"r": 1})
        assert held["lastUpdated"] >= held["timestamp"]

    play(story)


@pytest.mark.parametrize(
    ("action", "members", "code", "text"),
    [
        ("command/insert", {}, 400, "Device id is wrong or empty"),
        ("command/insert", {"deviceId": "no"}, 404, "Device with such deviceId = no not found"),
        ("command/insert", {"deviceId": SAMPLE}, 400, "Command is required"),
        ("command/insert", {"deviceId": SAMPLE, "command": {}}, 400, "Command is required"),
        ("command/insert", {"deviceId": SAMPLE, "command": "on"}, 400, "Malformed Json received."),
        ("command/get", {"deviceId": SAMPLE}, 400, "Command id is wrong or empty"),
        ("command/get", {"deviceId": SAMPLE, "commandId": 5}, 404, "Command with id = 5 not found"),
        ("command/update", {"deviceId": SAMPLE, "commandId": 5}, 404, "Command with id = 5 not found"),
        ("command/update", {"deviceId": SAMPLE}, 400, "Command id is wrong or empty"),
        ("command/list", {"deviceId": SAMPLE, "start": "soon"}, 400, "Malformed Json received."),
        ("notification/insert", {}, 400, "Notification is required"),
        ("notification/insert", {"deviceId": SAMPLE, "notification": {}}, 400, "Notification is required"),
        ("notification/insert", {"notification": {"notification": "x"}}, 400, "Device id is wrong or empty"),
        ("notification/get", {"deviceId": SAMPLE}, 400, "Notification id is wrong or empty"),
        (
            "notification/get",
            {"deviceId": SAMPLE, "notificationId": "x"},
            400,
            "Notification id should be an integer value.",
        ),
        ("notification/get", {"deviceId": SAMPLE, "notificationId": 5}, 404, "Requested notification not found"),
        ("notification/list", {"deviceId": "no"}, 404, "Device with such deviceId = no not found"),
    ],
)
def test_what_is_wrong_is_said(play: Play, action: str, members: dict[str, Any], code: int, text: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal(action, **members) == (code, text)

    play(story)


def test_clients_are_refused_devices_out_of_reach(play: Play) -> None:
    """The original lets everybody read any device's notifications."""

    async def story(house: House) -> None:
        admin = await house.admin()
        await house.newcomer(admin, "carol", [])
        carol = await house.user("carol")
        denied = (403, "Access is denied")
        made = await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        id = made["notification"]["id"]
        assert await carol.refusal("notification/get", deviceId=SAMPLE, notificationId=id) == denied
        assert await carol.refusal("notification/list", deviceId=SAMPLE) == denied
        assert (await carol.refusal("notification/list", deviceId="no"))[0] == 404
        for action in ("command/insert", "command/get", "command/list", "command/update", "command/subscribe"):
            for device in (SAMPLE, "no"):
                assert await carol.refusal(action, deviceId=device) == denied
        for action in ("notification/insert", "notification/subscribe"):
            assert await carol.refusal(action, deviceId=SAMPLE, notification={"notification": "x"}) == denied

    play(story)


def test_a_notification_has_seven_members(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask(
            "notification/insert",
            deviceId=SAMPLE,
            notification={"notification": "t", "timestamp": "2018-02-08T15:49:29Z", "parameters": [1.50, None]},
        )
        assert list(made["notification"]) == ["id", "timestamp"]
        id = made["notification"]["id"]
        assert (await admin.ask("notification/get", deviceId=SAMPLE, notificationId=id))["notification"] == {
            "id": id,
            "notification": "t",
            "deviceId": SAMPLE,
            "networkId": 1,
            "deviceTypeId": 1,
            "timestamp": "2018-02-08T15:49:29.000",
            "parameters": [1.5, None],
        }

    play(story)


def test_lists_are_narrowed_sorted_downwards_and_cut(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        for second, name in ((3, "c"), (1, "a"), (2, "b"), (2, "a")):
            body = {"notification": name, "timestamp": f"2018-01-01T00:00:0{second}"}
            await admin.ask("notification/insert", deviceId=SAMPLE, notification=body)
            body = {"command": name, "timestamp": f"2018-01-01T00:00:0{second}", "status": f"s{second}"}
            await admin.ask("command/insert", deviceId=SAMPLE, command=body)

        async def names(**members: Any) -> str:
            listed = await admin.ask("notification/list", deviceId=SAMPLE, **members)
            commands = await admin.ask("command/list", deviceId=SAMPLE, **members)
            found = "".join([one["notification"] for one in listed["notifications"]])
            if "notification" not in members:
                assert found == "".join([one["command"] for one in commands["commands"]])
            return found

        assert await names() == "abac"
        assert await names(sortField="timestamp") == "caba"
        assert await names(sortField="Timestamp", sortOrder="ASC") == "abac"
        assert await names(sortField="timestamp", sortOrder="whatever", take=1) == "a"
        assert await names(sortField="unknown", sortOrder="DESC") == "abac"
        assert await names(start="2018-01-01T00:00:02", end="2018-01-01T00:00:02.000Z") == "ba"
        assert await names(start=1514764803000) == "c"
        assert await names(take=2, skip=1) == "ba"
        assert await names(take=0) == ""
        assert await names(skip=-1) == ""
        assert await names(skip=9) == ""
        assert await names(notification="a") == "aa"
        by_status = await admin.ask("command/list", deviceId=SAMPLE, status="s2", sortField="command", sortOrder="asc")
        assert [one["command"] for one in by_status["commands"]] == ["a", "b"]

    play(story)
