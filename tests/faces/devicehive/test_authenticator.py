"""Who may connect, in development and where `devicehive` stands alone."""

from collections.abc import Callable

import pytest

from myna.faces.devicehive.face import Settings
from myna.testing import FakeRules
from tests.faces.devicehive.house import House

Play = Callable[..., None]


def test_in_development_only_known_logins_are_asked_for_their_password(play: Play) -> None:
    async def story(house: House) -> None:
        for user, password, code in (
            ("dhadmin", "dhadmin_#911", 0),
            (" dhadmin ", "dhadmin_#911", 0),
            ("dhadmin", "wrong", 4),
            ("anybody", "anything", 0),
            ("acme/alice", None, 0),
            (None, None, 0),
            ("dhadmin", None, 0),  # a name alone proves nothing, and gives nothing
        ):
            client = await house.connect(None, user, password)
            assert client.connack.code == code, (user, password)
            assert client.closed == bool(code)
        nobody = await house.connect("n", "dhadmin")
        assert nobody.subscribe("dh/notification/#") == 128

    play(story)


@pytest.mark.parametrize(("level", "wrong", "locked"), [(3, 4, 5), (4, 4, 5), (5, 0x86, 0x87)])
def test_alone_it_refuses_whom_it_does_not_know(play: Play, level: int, wrong: int, locked: int) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        id = await house.newcomer(admin, "carol", [])
        await admin.ask("user/update", userId=id, user={"status": 2})
        for user, password, code in (
            ("dhadmin", "wrong", wrong),
            ("nobody", "x", wrong),
            ("carol", "carolcarol", locked),
            (None, None, locked),
            ("dhadmin", "", locked),
        ):
            client = await house.connect(None, user, password, level=level)
            assert client.connack.code == code, (user, password)

    play(story, alone=True, development=False)


def test_a_refusal_does_not_say_whether_there_is_such_a_login(play: Play) -> None:
    async def story(house: House) -> None:
        for user in ("dhadmin", "nobody"):
            client = await house.connect(None, user, "wrong", level=5)
            assert client.connack.properties is not None
            assert client.connack.properties.reason_string == "wrong login or password"

    play(story, alone=True, development=False)


def test_anonymous_devices_come_in_where_they_are_let_and_may_be_kept_from_ordinary_topics(play: Play) -> None:
    async def story(house: House) -> None:
        device = await house.anonymous("d")
        assert device.connack.code == 0
        assert device.subscribe_all("hello", "dh/response/token@d", "dh/notification/#") == [128, 1, 128]
        assert (await device.ask("token", login="dhadmin", password="dhadmin_#911"))["status"] == "success"
        watcher = await house.admin()
        watcher.subscribe("hello")
        device.publish("hello", b"{}")
        assert await watcher.messages() == []

    play(story, alone=True, development=False, settings=Settings(anonymous=True, ordinary_topics=False))


def test_connecting_is_noted_as_a_login(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        await house.settled()
        assert (await admin.ask("user/getCurrent"))["current"]["lastLogin"] is not None

    play(story)


def test_a_client_id_is_taken_over_by_whoever_brings_it_last(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin("one")
        await house.newcomer(admin, "carol", [])
        carol = await house.user("carol", "one")
        assert admin.closed
        assert (await carol.ask("user/getCurrent"))["current"]["login"] == "carol"

    play(story)


def test_a_session_resumed_by_another_user_delivers_what_that_user_may_have(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        first = await house.admin("shared", clean=False)
        first.subscribe("dh/notification/#")
        first.disconnect()
        await house.newcomer(admin, "carol", [])
        carol = await house.user("carol", "shared", clean=False)
        assert carol.connack.session_present
        await admin.ask("device/save", deviceId="new", device={"name": "n"})
        assert await carol.messages() == []

    play(story)


def test_below_dh_its_permissions_hold_and_elsewhere_the_brokers_rules(play: Play) -> None:
    async def story(house: House) -> None:
        rules = FakeRules()
        rules.forbidden = {"garden": 0x87, "dh/request": 0x87, "dh/notification/#": 0x87}
        house.broker.rules = rules
        for device in (await house.admin(), await house.anonymous("d")):
            assert device.subscribe_all("garden", "hello", "dh/response/token@d") == [128, 1, 1]
            assert "token" in str(await device.ask("token", login="dhadmin", password="dhadmin_#911"))

    play(story, alone=True, development=False, settings=Settings(anonymous=True))


def test_who_comes_in_as_nobody_is_not_taken_for_one_who_got_in_by_that_name(play: Play) -> None:
    async def story(house: House) -> None:
        house.broker.logins.failures = 2
        assert (await house.connect("dhadmin", "", "x")).connack.code == 0
        assert (await house.connect("c", "dhadmin", "")).connack.code == 0
        for name in ("n1", "n2"):
            await house.connect("x", name, "wrong")
        assert (await house.connect("y", "dhadmin", "guess")).connack.code == 3

    play(story, alone=True, development=False, settings=Settings(anonymous=True))
