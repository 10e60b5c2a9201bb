"""Subscriptions by request, what they are sent, and how they are listed."""

from collections.abc import Callable

from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]


def test_events_come_on_their_topic_at_qos_0_without_any_filter(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask("notification/subscribe", deviceId=SAMPLE, names=["x", "y"])
        id = made["subscriptionId"]
        assert isinstance(id, int)
        assert id < 1 << 53
        for name in ("x", "z"):
            await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": name})
        (message,) = await admin.messages()
        assert message[0] == f"dh/notification/1/1/{SAMPLE}/x"
        assert (message[1]["action"], message[1]["subscriptionId"]) == ("notification/insert", id)
        await admin.ask("notification/unsubscribe", subscriptionId=id)
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert await admin.messages() == []
        assert await admin.refusal("notification/unsubscribe", subscriptionId=id) == (
            404,
            f"Subscription with id {id} was not found",
        )

    play(story)


def test_commands_or_their_updates(play: Play) -> None:
    async def story(house: House) -> None:
        admin, new, changed = await house.admin(), await house.admin(), await house.admin()
        await new.ask("command/subscribe", networkIds=["1"], deviceTypeIds=[1])
        await changed.ask("command/subscribe", returnUpdatedCommands=True)
        made = await admin.ask("command/insert", deviceId=SAMPLE, command={"command": "on"})
        id = made["command"]["id"]
        await admin.ask("command/update", deviceId=SAMPLE, commandId=id, command={"status": "s"})
        assert [body["action"] for _, body in await new.messages()] == ["command/insert"]
        assert [body["action"] for _, body in await changed.messages()] == ["command/update"]

    play(story)


def test_what_is_kept_is_replayed_from_a_time_on_after_the_answer(play: Play) -> None:
    async def story(house: House) -> None:
        admin, other = await house.admin(), await house.admin("other")
        made = {}
        for second in (1, 2, 3):
            body = {"command": f"c{second}", "timestamp": f"2018-01-01T00:00:0{second}"}
            made = await admin.ask("command/insert", deviceId=SAMPLE, command=body)
        await admin.ask("command/update", deviceId=SAMPLE, commandId=made["command"]["id"], command={"status": "s"})
        other.request("command/subscribe", deviceId=SAMPLE, timestamp="2018-01-01T00:00:02", limit=1)
        assert (await other.next_message())[0] == "dh/response/command/subscribe@other"
        assert (await other.next_message())[1]["command"]["command"] == "c2"
        assert await other.messages() == []
        await other.ask("command/unsubscribe")
        await other.ask("command/subscribe", timestamp="2018-01-01T00:00:00", returnUpdatedCommands=True)
        _, push = await other.next_message()
        assert (push["action"], push["command"]["command"]) == ("command/update", "c3")
        assert await other.messages() == []

    play(story)


def test_what_cannot_be_subscribed_to(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await house.newcomer(admin, "carol", [1])
        await house.newcomer(admin, "dave", [])
        carol, dave = await house.user("carol"), await house.user("dave")
        for kind in ("command", "notification"):
            action = f"{kind}/subscribe"
            assert await admin.refusal(action, deviceId="") == (400, "Device id is wrong or empty")
            assert await admin.refusal(action, deviceId="no") == (404, "Device with such deviceId = no not found")
            assert await carol.refusal(action, deviceId="no") == (403, "Access is denied")
            assert await admin.refusal(action, networkIds=[999999, 1]) == (
                404,
                "Networks with such networkIds wasn't found: {[999999]}",
            )
            assert await admin.refusal(action, deviceTypeIds=["999999"]) == (
                404,
                "Device types with such deviceTypeIds wasn't found: {[999999]}",
            )
            assert await carol.refusal(action, networkIds=[999999]) == (403, "Access is denied")
            assert await dave.refusal(action) == (403, "No access to any device type or network")

    play(story)


def test_events_of_foreign_networks_do_not_reach_a_subscription_to_everything(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "second"}))["network"]["id"]
        await house.newcomer(admin, "carol", [second])
        carol = await house.user("carol")
        await carol.ask("notification/subscribe", timestamp=0)
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        await carol.ask("notification/unsubscribe")
        await carol.ask("notification/subscribe", timestamp=0)  # nor does the replay
        assert await carol.messages() == []

    play(story)


def test_lists_show_both_kinds_of_this_connection(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1")
        admin.subscribe_all(
            f"dh/command/1/1/{SAMPLE}/name1@c1", "dh/notification/1/2/+/t", "dh/command_update/#", "ordinary/#"
        )
        made = await admin.ask("notification/subscribe", networkIds=[1], names=[], timestamp="2018-01-01T00:00:00")
        listed = (await admin.ask("subscription/list"))["subscriptions"]
        assert len(listed) == 4
        assert listed[0] == {
            "subscriptionId": made["subscriptionId"],
            "type": "notification",
            "deviceId": None,
            "networkIds": [1],
            "deviceTypeIds": None,
            "names": None,
            "timestamp": "2018-01-01T00:00:00.000",
        }
        commands = (await admin.ask("subscription/list", type="command"))["subscriptions"]
        assert [(one["deviceId"], one["networkIds"], one["names"]) for one in commands] == [
            (SAMPLE, None, ["name1"]),
            (None, None, None),
        ]
        (native,) = [one for one in listed if one["names"] == ["t"]]
        assert (native["networkIds"], native["deviceTypeIds"]) == ([1], [2])
        other = await house.admin()
        assert (await other.ask("subscription/list"))["subscriptions"] == []

    play(story)


def test_an_event_carries_the_number_its_receiver_sees_in_the_list(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe("dh/notification/1/#")
        (listed,) = (await admin.ask("subscription/list"))["subscriptions"]
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert (await admin.next_message())[1]["subscriptionId"] == listed["subscriptionId"]

    play(story)


def test_a_subscription_by_request_ends_with_its_connection(play: Play) -> None:
    async def story(house: House) -> None:
        device = await house.admin("device", clean=False)
        await device.ask("notification/subscribe")
        device.drop()
        again = await house.admin("device", clean=False)
        admin = await house.admin()
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        assert await again.messages() == []

    play(story)
