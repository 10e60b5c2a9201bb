"""device/…"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]


def test_get_has_exactly_these_members(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert (await admin.ask("device/get", deviceId=SAMPLE))["device"] == {
            "id": SAMPLE,
            "name": "Sample Device",
            "data": None,
            "networkId": 1,
            "deviceTypeId": 1,
            "isBlocked": False,
        }

    play(story)


def test_save_inserts_then_replaces_data_and_keeps_what_is_not_said(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask("device/save", deviceId="d-1", device={"name": "n", "data": {"a": [1, 2]}})
        assert set(made) == {"action", "requestId", "status"}
        await admin.ask("device/save", deviceId="d-1", device={"isBlocked": True, "deviceTypeId": "2"})
        held = (await admin.ask("device/get", deviceId="d-1"))["device"]
        assert held == {
            "id": "d-1", "name": "n", "data": None, "networkId": 1, "deviceTypeId": 2, "isBlocked": True
        }  # fmt: skip

    play(story)


def test_numbers_are_ids_too(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await admin.ask("device/save", deviceId=999999, device={"name": "n"})
        assert (await admin.ask("device/get", deviceId="999999"))["device"]["id"] == "999999"

    play(story)


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({}, 400, "Device id is wrong or empty"),
        ({"deviceId": None, "device": {}}, 400, "Device id is wrong or empty"),
        ({"deviceId": "a_b", "device": {}}, 400, "Device Id can only contain letters, digits and dashes."),
        ({"deviceId": "a"}, 400, "Device is empty"),
        ({"deviceId": "a", "device": {"name": "n", "networkId": 99}}, 400, "Invalid request parameters"),
        ({"deviceId": "a", "device": {"name": "n", "networkId": "x"}}, 400, "Malformed Json received."),
        ({"deviceId": "a", "device": {"name": "n", "deviceTypeId": 99}}, 400, "Invalid request parameters"),
        ({"deviceId": "a", "device": {}}, 400, "name field cannot be null."),
        (
            {"deviceId": "a" * 49, "device": {"name": "n"}},
            400,
            "Field cannot be empty. The length of guid should not be more than 48 symbols.",
        ),
    ],
)
def test_save_says_what_is_wrong(play: Play, members: dict[str, Any], code: int, text: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal("device/save", **members) == (code, text)

    play(story)


def test_a_client_saves_into_its_own_networks_alone(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "second"}))["network"]["id"]
        await house.newcomer(admin, "carol", [second])
        await house.newcomer(admin, "dave", [])
        carol, dave = await house.user("carol"), await house.user("dave")
        await carol.ask("device/save", deviceId="hers", device={"name": "n"})
        assert (await admin.ask("device/get", deviceId="hers"))["device"]["networkId"] == second
        assert await carol.refusal("device/save", deviceId="x", device={"name": "n", "networkId": 1}) == (
            403,
            "No access to network!",
        )
        assert await carol.refusal("device/save", deviceId=SAMPLE, device={"name": "mine"}) == (
            403,
            "No access to device",
        )
        assert await dave.refusal("device/save", deviceId="x", device={"name": "n"}) == (403, "No access to network!")

    play(story)


def test_a_client_without_device_types_saves_nothing(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [1], allDeviceTypesAvailable=False)
        carol = await house.user("carol")
        assert await carol.refusal("device/save", deviceId="x", device={"name": "n"}) == (
            403,
            "No access to device type!",
        )
        await admin.ask("user/assignDeviceType", userId=id, deviceTypeId=4)
        carol = await house.user("carol")  # what a connection may is a snapshot
        await carol.ask("device/save", deviceId="x", device={"name": "n"})
        assert (await carol.ask("device/get", deviceId="x"))["device"]["deviceTypeId"] == 4

    play(story)


def test_saving_tells_of_itself_with_the_devices_own_ids(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        admin.subscribe("dh/notification/1/+/+/#")
        await admin.ask("device/save", deviceId="d", device={"name": "n"})
        topic, push = await admin.next_message()
        assert topic == "dh/notification/1/1/d/$device-add"
        assert push["notification"]["parameters"] == {
            "id": "d", "name": "n", "data": None, "networkId": 1, "deviceTypeId": 1, "isBlocked": False
        }  # fmt: skip
        await admin.ask("device/save", deviceId="d", device={"deviceTypeId": 2})
        assert (await admin.next_message())[0] == "dh/notification/1/2/d/$device-update"
        kept = await admin.ask("notification/list", deviceId="d")
        assert [one["notification"] for one in kept["notifications"]] == ["$device-add", "$device-update"]

    play(story)


def test_lists_are_sorted_narrowed_and_cut(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "A second"}))["network"]["id"]
        for id, name, network in (("d3", "Abc", second), ("d1", "abd", 1), ("d2", "xyz", 1)):
            await admin.ask("device/save", deviceId=id, device={"name": name, "networkId": network})

        async def ids(**members: Any) -> list[str]:
            return [one["id"] for one in (await admin.ask("device/list", **members))["devices"]]

        assert await ids() == ["d1", "d2", "d3", SAMPLE]
        assert set(await ids(sortField="NAME", sortOrder="desc", take=2)) <= {"d1", "d2"}
        assert await ids(namePattern="ab%") == ["d1"]
        assert await ids(namePattern="_b_") == ["d1", "d3"]
        assert await ids(name="xyz") == ["d2"]
        assert await ids(networkId=str(second)) == ["d3"]
        assert await ids(networkName="A second") == ["d3"]
        assert (await ids(sortField="network"))[0] == "d3"
        assert await ids(take=2, skip=1) == ["d2", "d3"]
        assert await ids(skip=99) == []
        assert await ids(sortField="status") != []
        assert await admin.refusal("device/list", sortField="data") == (400, "Invalid request parameters")
        assert await admin.refusal("device/list", sortField="name", sortOrder="up") == (
            400,
            "Unparseable sort order : up",
        )
        assert (await admin.ask("device/count", namePattern="%b%"))["count"] == 2

    play(story)


def test_twenty_are_shown_unless_more_are_asked_for(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        for number in range(25):
            await admin.ask("device/save", deviceId=f"d{number}", device={"name": "n"})
        assert len((await admin.ask("device/list"))["devices"]) == 20
        assert len((await admin.ask("device/list", take=1000))["devices"]) == 26
        assert (await admin.ask("device/list", take=0))["devices"] == []

    play(story)


def test_clients_see_the_devices_of_their_networks_and_types(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "second"}))["network"]["id"]
        await admin.ask("device/save", deviceId="there", device={"name": "n", "networkId": second, "deviceTypeId": 2})
        await admin.ask("device/save", deviceId="here", device={"name": "n", "networkId": 1, "deviceTypeId": 2})
        id = await house.newcomer(admin, "carol", [1], allDeviceTypesAvailable=False)
        await admin.ask("user/assignDeviceType", userId=id, deviceTypeId=2)
        await house.newcomer(admin, "dave", [])
        carol, dave = await house.user("carol"), await house.user("dave")
        assert [one["id"] for one in (await carol.ask("device/list"))["devices"]] == ["here"]
        assert (await carol.ask("device/count"))["count"] == 1
        assert (await dave.ask("device/list"))["devices"] == []
        assert (await dave.ask("device/count"))["count"] == 0
        for hidden in (SAMPLE, "there", "nowhere"):
            assert await carol.refusal("device/get", deviceId=hidden) == (403, "Access is denied")
            assert await carol.refusal("device/delete", deviceId=hidden) == (403, "Access is denied")
        await admin.ask("user/unassignNetwork", userId=id, networkId=1)  # takes effect at once
        assert await carol.refusal("device/get", deviceId="here") == (403, "Access is denied")

    play(story)


def test_delete_ends_the_device_its_history_and_subscriptions_to_it(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        await admin.ask("notification/subscribe", deviceId=SAMPLE)
        await admin.ask("device/delete", deviceId=SAMPLE)
        assert await admin.refusal("device/delete", deviceId=SAMPLE) == (
            404,
            f"Device with such deviceId = {SAMPLE} not found",
        )
        assert (await admin.ask("subscription/list"))["subscriptions"] == []
        await admin.ask("device/save", deviceId=SAMPLE, device={"name": "new"})
        kept = (await admin.ask("notification/list", deviceId=SAMPLE))["notifications"]
        assert [one["notification"] for one in kept] == ["$device-add"]

    play(story)
