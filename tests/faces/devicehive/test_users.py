"""user/…, with who is let into what."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faces.devicehive.house import House

Play = Callable[..., None]
FIELDS = ["id", "login", "role", "status", "lastLogin", "data", "introReviewed", "allDeviceTypesAvailable"]


def test_a_life(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        user = {"id": 77, "login": " carol ", "password": "secret1", "role": "1", "data": {"a": 1}}
        made = (await admin.ask("user/insert", user=user))["user"]
        assert list(made) == FIELDS
        assert (made["id"], made["login"], made["status"], made["lastLogin"]) == (2, "carol", 0, None)
        assert made["allDeviceTypesAvailable"]
        held = (await admin.ask("user/get", userId=2))["user"]
        assert (list(held), held["networks"]) == ([*FIELDS, "networks"], [])
        await admin.ask("user/update", userId=2, user={"login": "caroline", "password": "secret2", "oldPassword": "x"})
        held = (await admin.ask("user/get", userId="2"))["user"]
        assert (held["login"], held["data"]) == ("caroline", None)  # data is replaced whole
        assert "accessToken" in await admin.ask("token", login="caroline", password="secret2")
        assert (await admin.refusal("token", login="carol", password="secret1"))[0] == 401
        await house.settled()  # nobody who logs in waits for this to be written
        assert (await admin.ask("user/get", userId=2))["user"]["lastLogin"] is not None
        await admin.ask("user/delete", userId=2)
        assert await admin.refusal("user/get", userId=2) == (404, "User with id = 2 not found")
        again = await admin.ask("user/insert", user={"login": "dave", "password": "secret", "role": 1})
        assert again["user"]["id"] == 3  # ids are not given twice

    play(story)


@pytest.mark.parametrize(
    ("user", "code", "text"),
    [
        ({}, 400, "User role is invalid or empty"),
        (
            {"role": 1, "login": "dhadmin", "password": "x"},
            403,
            "User with such login already exists. Please, select another one",
        ),
        ({"role": 1, "login": "ab", "password": "x"}, 400, "Password can contain only from 6 to 128 symbols!"),
        ({"role": 1, "login": "ab", "password": "x" * 129}, 400, "Password can contain only from 6 to 128 symbols!"),
        (
            {"role": 1, "login": "ab", "password": "secret"},
            400,
            "Field cannot be empty. The length of login should be from 3 to 128 symbols.",
        ),
        (
            {"role": 1, "login": "a b c", "password": "secret"},
            400,
            "Login can contain only lowercase or uppercase letters, numbers, and some special symbols (_@.)",
        ),
        ({"role": "x", "login": "abc", "password": "secret"}, 400, "Malformed Json received."),
    ],
)
def test_insert_says_what_is_wrong(play: Play, user: dict[str, Any], code: int, text: str) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal("user/insert", user=user) == (code, text)

    play(story)


def test_violations_are_told_in_the_originals_words(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal("user/insert") == (400, "User is required")
        code, text = await admin.refusal("user/insert", user={"role": 7, "login": "abc", "password": "secret"})
        assert code == 400
        assert "Validation failed: \nOn property role (value: 7): " in text
        code, text = await admin.refusal("user/insert", user={"role": 1})
        assert "On property login (value: null): login field cannot be null. ; " in text

    play(story)


def test_lists(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        for login in ("carol", "dave", "Carl"):
            await house.newcomer(admin, login, [])
        await admin.ask("user/update", userId=3, user={"status": 2})

        async def logins(**members: Any) -> list[str]:
            return [one["login"] for one in (await admin.ask("user/list", **members))["users"]]

        assert await logins() == ["dhadmin", "carol", "dave", "Carl"]
        assert await logins(loginPattern="car%", login="dave") == ["carol"]
        assert await logins(login="dave") == ["dave"]
        assert await logins(role=0) == ["dhadmin"]
        assert await logins(status=2) == ["dave"]
        assert await logins(sortField="id", sortOrder="desc", take=2) == ["Carl", "dave"]
        assert (await admin.ask("user/count", role=1))["count"] == 3

    play(story)


def test_clients_change_little_and_see_only_themselves(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [1], allDeviceTypesAvailable=False)
        carol = await house.user("carol")
        current = (await carol.ask("user/getCurrent"))["current"]
        assert (current["login"], [one["id"] for one in current["networks"]]) == ("carol", [1])
        needs_admin = (403, "Admin permissions required for this action")
        for change in ({"role": 0}, {"status": 0}, {"login": "boss"}, {"allDeviceTypesAvailable": True}):
            assert await carol.refusal("user/updateCurrent", user=change) == needs_admin
        await carol.ask("user/updateCurrent", user={"data": 5, "password": "another"})
        assert (await carol.ask("user/getCurrent"))["current"]["data"] == 5
        assert (await house.connect("x", "carol", "another")).connack.code == 0
        assert await carol.refusal("user/list") == (403, "Access is denied")
        # An administrator's token for carol, with the right to manage users, does not make her one.
        made = await admin.ask("token/create", payload={"userId": id, "actions": ["ManageUser"], "networkIds": ["*"]})
        await carol.ask("authenticate", token=made["accessToken"])
        assert await carol.refusal("user/get", userId=1) == (404, "User with id = 1 not found")
        assert (await carol.ask("user/get", userId=id))["user"]["id"] == id
        assert await carol.refusal("user/update", userId=1, user={"password": "taken over"}) == (
            404,
            "User with id = 1 not found",
        )
        boss = {"login": "boss", "password": "secret", "role": 0}
        assert await carol.refusal("user/insert", user=boss) == (403, "Access is denied")
        assert await carol.refusal("user/delete", userId=1) == (403, "Access is denied")

    play(story)


def test_nobody_deletes_themselves(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal("user/delete", userId=1) == (
            403,
            "You can not delete a user or access key that you use to authenticate this request",
        )
        assert await admin.refusal("user/delete") == (400, "User id is wrong or empty")
        assert await admin.refusal("user/delete", userId=99) == (404, "User with id = 99 not found")

    play(story)


def test_networks_are_assigned_and_taken_away(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [])
        both = {"userId": id, "networkId": 1}
        assert await admin.refusal("user/getNetwork", **both) == (
            404,
            f"Network with id 1 for user with id {id} was not found",
        )
        for _ in range(2):
            await admin.ask("user/assignNetwork", **both)
        assert (await admin.ask("user/getNetwork", **both))["network"] == {
            "network": {"id": 1, "name": "Sample Network", "description": "A DeviceHive Sample Network"}
        }
        for _ in range(2):
            await admin.ask("user/unassignNetwork", **both)
        for verb in ("assignNetwork", "unassignNetwork"):
            assert await admin.refusal(f"user/{verb}", userId=id, networkId=99) == (
                404,
                "Network with id = 99 not found",
            )
            assert await admin.refusal(f"user/{verb}", userId=99, networkId=1) == (404, "User with id = 99 not found")
            assert await admin.refusal(f"user/{verb}", networkId=1) == (400, "User id is wrong or empty")
            assert await admin.refusal(f"user/{verb}", userId=id) == (400, "Network id is wrong or empty")

    play(story)


def test_device_types_are_all_or_those_assigned(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [])
        both = {"userId": id, "deviceTypeId": 2}
        everything = (403, "Cannot assign device type to user with all device types allowed")
        assert await admin.refusal("user/assignDeviceType", **both) == everything
        assert await admin.refusal("user/unassignDeviceType", **both) == everything
        assert len((await admin.ask("user/getDeviceTypes", userId=id))["deviceTypes"]) == 8
        await admin.ask("user/disallowAllDeviceTypes", userId=id)
        assert (await admin.ask("user/getDeviceTypes", userId=id))["deviceTypes"] == []
        assert await admin.refusal("user/getDeviceType", **both) == (
            404,
            f"Device type with id 2 for user with id {id} not found",
        )
        await admin.ask("user/assignDeviceType", **both)
        assert (await admin.ask("user/getDeviceType", **both))["deviceType"]["deviceType"]["name"] == "Cameras"
        await admin.ask("user/allowAllDeviceTypes", userId=id)
        await admin.ask("user/disallowAllDeviceTypes", userId=id)
        assert (await admin.ask("user/getDeviceTypes", userId=id))["deviceTypes"] == []
        assert await admin.refusal("user/getDeviceType", userId=id) == (400, "Device type id is wrong or empty")

    play(story)
