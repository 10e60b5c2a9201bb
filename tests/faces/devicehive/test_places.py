"""network/… and devicetype/…, which differ in names alone."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]

KINDS = pytest.mark.parametrize(
    ("action", "member", "id", "title"),
    [("network", "network", "networkId", "Network"), ("devicetype", "deviceType", "deviceTypeId", "Device type")],
)


@KINDS
def test_a_life(play: Play, action: str, member: str, id: str, title: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask(f"{action}/insert", **{member: {"name": "n", "description": "d"}})
        assert set(made[member]) == {"id"}
        number = made[member]["id"]
        assert (await admin.ask(f"{action}/get", **{id: str(number)}))[member] == {
            "id": number, "name": "n", "description": "d", "devices": []
        }  # fmt: skip
        assert set(await admin.ask(f"{action}/update", **{id: number, member: {"name": "m"}})) == {
            "action", "requestId", "status"
        }  # fmt: skip
        listed = (await admin.ask(f"{action}/list", name="m"))[f"{member}s"]
        assert listed == [{"id": number, "name": "m", "description": "d"}]
        assert (await admin.ask(f"{action}/count", namePattern="m%"))["count"] == 1
        await admin.ask(f"{action}/delete", **{id: number})
        assert await admin.refusal(f"{action}/get", **{id: number}) == (404, f"{title} with id = {number} not found")

    play(story)


@KINDS
def test_what_is_wrong_is_said(play: Play, action: str, member: str, id: str, title: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        missing = (400, f"{title} id is wrong or empty")
        for verb in ("get", "update", "delete"):
            assert await admin.refusal(f"{action}/{verb}") == missing
            assert await admin.refusal(f"{action}/{verb}", **{id: 99}) == (404, f"{title} with id = 99 not found")
            assert await admin.refusal(f"{action}/{verb}", **{id: "x"}) == (400, "Malformed Json received.")
        insert = f"{action}/insert"
        assert await admin.refusal(insert) == (400, f"{title} is required")
        assert await admin.refusal(insert, **{member: {"id": 5, "name": "n"}}) == (
            400,
            "Invalid request parameters. Id cannot be specified.",
        )
        assert await admin.refusal(insert, **{member: {}}) == (400, "name field cannot be null.")
        taken = "Sample Network" if action == "network" else "Cameras"
        assert await admin.refusal(insert, **{member: {"name": taken}}) == (
            403,
            f"{title} cannot be created. {title} with such name already exists",
        )
        assert await admin.refusal(f"{action}/update", **{id: 1}) == (400, f"{title} is required")

    play(story)


@KINDS
def test_one_that_is_lived_in_goes_only_by_force(play: Play, action: str, member: str, id: str, title: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await admin.ask("device/save", deviceId="another", device={"name": "n"})
        assert await admin.refusal(f"{action}/delete", **{id: 1}) == (
            400,
            f"There are the following devices within this {title.lower()}: another, {SAMPLE}. "
            "Please review and delete them first.",
        )
        inside = (await admin.ask(f"{action}/get", **{id: 1}))[member]["devices"]
        assert inside[1] == {"id": SAMPLE, "name": "Sample Device", "data": None, "isBlocked": False}
        await admin.ask(f"{action}/delete", **{id: 1, "force": True})
        assert (await admin.ask("device/list"))["devices"] == []
        assert (await admin.refusal("device/get", deviceId=SAMPLE))[0] == 404

    play(story)


def test_a_client_sees_what_it_is_let_into(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        second = (await admin.ask("network/insert", network={"name": "second"}))["network"]["id"]
        id = await house.newcomer(admin, "carol", [second], allDeviceTypesAvailable=False)
        await admin.ask("user/assignDeviceType", userId=id, deviceTypeId=3)
        carol = await house.user("carol")
        denied = (403, "Access is denied")
        assert [one["id"] for one in (await carol.ask("network/list"))["networks"]] == [second]
        assert (await carol.ask("network/count"))["count"] == 1
        assert [one["id"] for one in (await carol.ask("devicetype/list"))["deviceTypes"]] == [3]
        assert (await carol.ask("devicetype/count"))["count"] == 1
        for hidden in (1, 99):
            assert await carol.refusal("network/get", networkId=hidden) == denied
            assert await carol.refusal("devicetype/get", deviceTypeId=hidden) == denied
        assert await carol.refusal("network/delete", networkId=second) == denied
        await house.newcomer(admin, "dave", [])
        dave = await house.user("dave")
        assert await dave.refusal("devicetype/get", deviceTypeId=99) == (404, "Device type with id = 99 not found")

    play(story)


def test_lists_are_sorted_and_cut(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()

        async def ids(**members: Any) -> list[int]:
            return [one["id"] for one in (await admin.ask("devicetype/list", **members))["deviceTypes"]]

        assert await ids() == [1, 2, 3, 4, 5, 6, 7, 8]
        assert await ids(sortField="Name", take=2) == [2, 7]
        assert await ids(sortField="id", sortOrder="DESC", take=2, skip=1) == [7, 6]
        assert await ids(namePattern="C%") == [2, 7, 8]
        assert await ids(take=-1) == []
        assert await admin.refusal("devicetype/list", sortField="x") == (400, "Invalid request parameters")

    play(story)
