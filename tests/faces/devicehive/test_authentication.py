"""authenticate, token, token/create, token/refresh, and what the original let anybody do with them."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from myna.faces.devicehive.face import Settings
from myna.faces.devicehive.permissions import CLIENT_ACTIONS
from myna.faces.devicehive.signing import verify
from myna.faces.devicehive.tokens import Claims, Tokens, derive_key
from myna.registry.registry import now_ms
from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]
HOUR = 3_600_000


def tokens_of(house: House) -> Tokens:
    return Tokens(derive_key(house.registry.shared_secret("jwt.secret")), 1_800_000, 15_724_800_000)


def payload_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    whole: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    payload: dict[str, Any] = whole["payload"]
    return payload


def test_an_administrators_tokens_allow_everything(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        answer = await admin.ask("token", login="dhadmin", password="dhadmin_#911")
        access, refresh = payload_of(answer["accessToken"]), payload_of(answer["refreshToken"])
        assert (access["a"], access["n"], access["dt"], access["t"], access["u"]) == ([0], ["*"], ["*"], 1, 1)
        assert refresh["t"] == 0
        assert abs(access["e"] - now_ms() - 1_800_000) < 10_000
        assert abs(refresh["e"] - now_ms() - 15_724_800_000) < 10_000
        header = answer["accessToken"].split(".")[0]
        assert base64.urlsafe_b64decode(header + "==") == b'{"alg":"HS256"}'

    play(story)


def test_a_clients_token_lists_what_it_is_assigned(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [1])
        answer = await admin.ask("token", login="carol", password="carolcarol")
        access = payload_of(answer["accessToken"])
        assert access["a"] == list(CLIENT_ACTIONS)
        assert (access["u"], access["n"], access["dt"]) == (id, ["1"], ["*"])
        await admin.ask("user/disallowAllDeviceTypes", userId=id)
        await admin.ask("user/assignDeviceType", userId=id, deviceTypeId=3)
        answer = await admin.ask("token", login="carol", password="carolcarol")
        assert payload_of(answer["accessToken"])["dt"] == ["3"]

    play(story)


def test_token_says_what_is_wrong_with_a_login(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        empty = (400, "Invalid or empty authorization request parameters")
        assert await admin.refusal("token", login=" ", password="x") == empty
        assert await admin.refusal("token", login="dhadmin") == empty
        assert await admin.refusal("token", login="nobody", password="x") == (
            401,
            "User with login = nobody not found or bad password",
        )
        assert await admin.refusal("token", login="dhadmin", password="x") == (401, "Invalid credentials")
        id = await house.newcomer(admin, "carol", [])
        await admin.ask("user/update", userId=id, user={"status": 2})
        locked = (401, "User is locked or disabled")
        assert await admin.refusal("token", login="carol", password="carolcarol") == locked
        assert await admin.refusal("token", login="carol", password="wrong") == locked

    play(story)


def test_whoever_guesses_inside_a_connection_has_to_wait_as_at_connect(play: Play) -> None:
    async def story(house: House) -> None:
        house.broker.logins.failures = 3
        stranger = await house.anonymous("c")
        assert stranger.subscribe("dh/response/token@c") == 1
        for _ in range(3):
            assert (await stranger.refusal("token", login="nobody", password="x"))[0] == 401
        assert await stranger.refusal("token", login="nobody", password="x") == (
            429,
            "Too many failed logins from there: wait 1 s",
        )
        assert (await stranger.refusal("token", login="dhadmin", password="x"))[0] == 401
        assert (await house.connect("y", "nobody", "x")).connack.code == 3
        assert house.broker.counters.refused["login:failed"] == 4

    play(story)


def test_so_many_wrong_passwords_lock_an_account_until_an_administrator_opens_it(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [])
        await admin.ask("configuration/put", name="user.login.maxAttempts", value="3")
        await admin.refusal("token", login="carol", password="wrong")
        await admin.ask("token", login="carol", password="carolcarol")  # forgets the first
        for _ in range(2):
            assert await admin.refusal("token", login="carol", password="wrong") == (401, "Invalid credentials")
        refused = await house.connect("x", "carol", "wrong")  # a CONNECT counts, too
        assert refused.connack.code == 4
        assert await admin.refusal("token", login="carol", password="carolcarol") == (401, "User is locked or disabled")
        assert (await admin.ask("user/get", userId=id))["user"]["status"] == 1
        assert (await house.connect("y", "carol", "carolcarol")).connack.code == 5
        await admin.ask("user/update", userId=id, user={"status": 0})
        assert "accessToken" in await admin.ask("token", login="carol", password="carolcarol")

    play(story)


def test_authenticate_takes_access_tokens_of_active_users_alone(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        pair = await admin.ask("token", login="dhadmin", password="dhadmin_#911")
        ours = tokens_of(house)
        later = now_ms() + HOUR
        bad = (401, "Invalid credentials")
        assert await admin.refusal("authenticate") == (401, "Unauthorized")
        assert await admin.refusal("authenticate", token="") == (401, "Unauthorized")
        assert await admin.refusal("authenticate", token="nonsense") == bad
        assert await admin.refusal("authenticate", token=pair["refreshToken"]) == bad
        assert await admin.refusal("authenticate", token=ours.write(Claims([0], later, 1, 99, ["*"], ["*"]))) == bad
        assert await admin.refusal("authenticate", token=ours.write(Claims([0], later, 2, 1, ["*"], ["*"]))) == bad
        foreign = Tokens(b"another key", 1, 1).write(Claims([0], later, 1, 1, ["*"], ["*"]))
        assert await admin.refusal("authenticate", token=foreign) == bad
        expired = ours.write(Claims([0], now_ms() - 1, 1, 1, ["*"], ["*"]))
        assert await admin.refusal("authenticate", token=expired) == (401, "Token expired")
        unsigned = ".".join([*pair["accessToken"].split(".")[:2], ""])
        assert await admin.refusal("authenticate", token=unsigned) == bad
        assert (await admin.ask("device/list"))["status"] == "success"  # a refused one changes nothing

    play(story)


def test_a_later_authenticate_replaces_the_identity(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await house.newcomer(admin, "carol", [1])
        carol = await admin.ask("token", login="carol", password="carolcarol")
        await admin.ask("authenticate", token=carol["accessToken"])
        assert (await admin.ask("user/getCurrent"))["current"]["login"] == "carol"
        assert await admin.refusal("user/list") == (403, "Access is denied")

    play(story)


def test_a_token_narrows_what_its_user_may(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask(
            "token/create", payload={"userId": 1, "actions": ["GETDEVICE", "no such thing"], "networkIds": ["2"]}
        )
        other = await house.admin("limited")
        await other.ask("authenticate", token=made["accessToken"])
        assert (await other.ask("device/list"))["devices"] == []
        assert await other.refusal("device/get", deviceId=SAMPLE) == (403, "Access is denied")
        assert await other.refusal("network/list") == (403, "Access is denied")

    play(story)


@pytest.mark.parametrize(
    ("actions", "stored"), [(None, [1]), ([], []), (["*"], [0]), (["GetDevice", 4], [3, 4]), (["x"], [1])]
)
def test_actions_of_a_made_token(play: Play, actions: list[Any] | None, stored: list[int]) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        payload = {"userId": 1} if actions is None else {"userId": 1, "actions": actions}
        made = await admin.ask("token/create", payload=payload)
        assert payload_of(made["accessToken"])["a"] == stored

    play(story)


def test_a_token_that_allows_nothing_allows_nothing(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask("token/create", payload={"userId": 1})
        other = await house.admin("limited")
        await other.ask("authenticate", token=made["accessToken"])
        assert await other.refusal("device/list") == (403, "Access is denied")

    play(story)


def test_expirations_of_a_made_token(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask(
            "token/create",
            payload={"userId": 1, "expiration": "2100-01-01T00:00:00.123", "refreshExpiration": "2101-01-01T00:00:00Z"},
        )
        assert payload_of(made["accessToken"])["e"] == 4_102_444_800_123
        assert payload_of(made["refreshToken"])["e"] == 4_133_980_800_000
        made = await admin.ask("token/create", payload={"userId": 1, "expiration": 4_102_444_800_000})
        assert payload_of(made["refreshToken"])["e"] == 4_102_444_800_000
        assert await admin.refusal("token/create", payload={"userId": 1, "expiration": "soon"}) == (
            400,
            "Malformed Json received.",
        )

    play(story)


def test_token_create_says_what_is_missing(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        assert await admin.refusal("token/create") == (400, "Missing or invalid payload in request")
        code, text = await admin.refusal("token/create", payload={})
        assert code == 400
        assert text.startswith("Error! Make sure, that the passed object is correct")
        assert await admin.refusal("token/create", payload={"userId": 99}) == (404, "User with id = 99 not found")

    play(story)


def test_a_client_makes_tokens_for_itself_alone_and_no_wider_than_its_own(play: Play) -> None:
    """The original lets every user mint an administrator's token."""

    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [1], allDeviceTypesAvailable=False)
        await admin.ask("user/assignDeviceType", userId=id, deviceTypeId=1)
        carol = await house.user("carol")
        denied = (403, "Access is denied")
        for payload in (
            {"userId": 1, "actions": ["*"], "networkIds": ["*"], "deviceTypeIds": ["*"]},
            {"userId": 1},
            {"userId": 99},
            {"userId": id, "actions": ["*"]},
            {"userId": id, "actions": ["ManageUser"]},
            {"userId": id, "actions": ["GetDevice"], "networkIds": ["*"]},
            {"userId": id, "actions": ["GetDevice"], "networkIds": ["2"]},
            {"userId": id, "actions": ["GetDevice"], "deviceTypeIds": ["*"]},
            {"userId": id, "actions": ["GetDevice"], "deviceTypeIds": ["1", "2"]},
        ):
            assert await carol.refusal("token/create", payload=payload) == denied, payload
        made = await carol.ask("token/create", payload={"userId": id, "actions": ["GetDevice"]})
        access = payload_of(made["accessToken"])
        assert (access["n"], access["dt"]) == (["1"], ["1"])

    play(story)


def test_a_narrow_token_cannot_make_a_wide_one(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask(
            "token/create",
            payload={"userId": 1, "actions": ["ManageToken"], "networkIds": ["1"], "deviceTypeIds": ["*"]},
        )
        narrow = await house.admin("narrow")
        await narrow.ask("authenticate", token=made["accessToken"])
        denied = (403, "Access is denied")
        assert await narrow.refusal("token/create", payload={"userId": 1, "actions": ["*"]}) == denied
        assert await narrow.refusal("token/create", payload={"userId": 1, "actions": []}) == denied
        assert (
            await narrow.refusal("token/create", payload={"userId": 1, "actions": ["ManageToken"], "networkIds": ["*"]})
            == denied
        )
        again = await narrow.ask("token/create", payload={"userId": 1, "actions": ["ManageToken"]})
        assert payload_of(again["accessToken"])["n"] == ["1"]

    play(story)


def test_refresh_repeats_the_claims_and_says_what_is_wrong(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        made = await admin.ask(
            "token/create", payload={"userId": 1, "actions": ["GetDevice"], "networkIds": ["1"], "deviceTypeIds": ["*"]}
        )
        answer = await admin.ask("token/refresh", refreshToken=made["refreshToken"])
        assert set(answer) == {"action", "requestId", "status", "accessToken"}
        access = payload_of(answer["accessToken"])
        assert (access["a"], access["n"], access["dt"], access["u"], access["t"]) == ([3], ["1"], ["*"], 1, 1)
        assert await admin.refusal("token/refresh") == (400, "Missing or invalid payload in request")
        assert await admin.refusal("token/refresh", refreshToken=made["accessToken"]) == (401, "Invalid token type")
        assert await admin.refusal("token/refresh", refreshToken="x") == (401, "Unauthorized")
        ours = tokens_of(house)
        expired = ours.write(Claims([0], now_ms() - 1, 0, 1, ["*"], ["*"]))
        assert await admin.refusal("token/refresh", refreshToken=expired) == (401, "Token has expired")
        nobody = ours.write(Claims([0], now_ms() + HOUR, 0, 99, ["*"], ["*"]))
        assert await admin.refusal("token/refresh", refreshToken=nobody) == (401, "Unauthorized")
        kept = ours.write(Claims([0], now_ms() + HOUR, 2, 1, ["*"], ["*"]))
        assert await admin.refusal("token/refresh", refreshToken=kept) == (401, "Unauthorized")

    play(story)


def test_a_connection_stays_authenticated_after_its_token_has_expired(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        soon = tokens_of(house).write(Claims([0], now_ms() + 60_000, 1, 1, ["*"], ["*"]))
        other = await house.anonymous("d")
        other.subscribe("dh/response/authenticate@d")
        await other.ask("authenticate", token=soon)
        other.subscribe("dh/response/#")
        house.pass_time(3600)
        assert (await other.ask("device/list"))["status"] == "success"
        assert (await admin.ask("device/list"))["status"] == "success"

    play(story)


def test_the_identity_ends_with_the_connection(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("c1", clean=False)
        admin.drop()
        again = await house.connect("c1", clean=False)
        assert again.connack.session_present
        again.request("device/list")
        again.collect()
        token = await again.ask("token", login="dhadmin", password="dhadmin_#911")
        assert token["status"] == "success"
        assert await again.refusal("device/list") == (401, "Unauthorized")

    play(story, alone=True, settings=Settings(anonymous=True))


def test_a_deleted_user_is_nobody_any_more(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [1])
        carol = await house.user("carol")
        assert (await carol.ask("device/list"))["status"] == "success"
        await admin.ask("user/delete", userId=id)
        assert await carol.refusal("device/list") == (401, "Unauthorized")

    play(story)


def test_tokens_of_the_original_are_accepted(play: Play) -> None:
    vector = (
        "eyJhbGciOiJIUzI1NiJ9.eyJwYXlsb2FkIjp7ImEiOlswXSwiZSI6NDEwMjQ0NDgwMDAwMCwidCI6MSwidSI6MSwibiI6WyIqIl0sImR0Ijpb"
        "IioiXX19.pDg-HIFGrmnqMAhc8hOUkVoun_o9lTHOHT6M5YVetEg"
    )
    assert derive_key("devicehive") == bytes.fromhex("75ebe271e862")
    assert b'"a":[0]' in verify(vector, derive_key("devicehive"))

    async def story(house: House) -> None:
        device = await house.anonymous("d")
        device.subscribe("dh/response/authenticate@d")
        assert (await device.ask("authenticate", token=vector))["status"] == "success"

    play(story, settings=Settings(secret="devicehive"))
