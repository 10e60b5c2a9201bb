"""configuration/…, server/…, cluster/info"""

from collections.abc import Callable

from tests.faces.devicehive.house import House

Play = Callable[..., None]


def test_settings_have_versions(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        for version in range(3):
            put = await admin.ask("configuration/put", name="a", value=f"v{version}")
            assert put["configuration"] == {"name": "a", "value": f"v{version}", "entityVersion": version}
        assert (await admin.ask("configuration/get", name="a"))["configuration"]["entityVersion"] == 2
        await admin.ask("configuration/delete", name="a")
        gone = (404, "Requested config with name = a not found in the database")
        assert await admin.refusal("configuration/get", name="a") == gone
        assert await admin.refusal("configuration/delete", name="a") == gone
        assert (await admin.ask("configuration/get", name="jwt.secret"))["status"] == "success"

    play(story)


def test_names_and_values_have_bounds(play: Play) -> None:
    async def story(house: House) -> None:
        admin = await house.admin()
        empty = (400, "Configuration name is wrong or empty")
        for verb in ("get", "put", "delete"):
            assert await admin.refusal(f"configuration/{verb}") == empty
        name = (400, "Name cannot be empty. The name's length should not be more than 32 symbols.")
        assert await admin.refusal("configuration/put", name="", value="v") == name
        assert await admin.refusal("configuration/put", name="n" * 33, value="v") == name
        assert "value field cannot be null." in (await admin.refusal("configuration/put", name="n"))[1]
        for value in ("", "v" * 129):
            code, text = await admin.refusal("configuration/put", name="n", value=value)
            assert code == 400
            assert "The length of value should not be more than 128 symbols." in text

    play(story)


def test_anybody_may_ask_what_server_this_is(play: Play) -> None:
    async def story(house: House) -> None:
        stranger = await house.anonymous("c")
        for action in ("server/info", "server/cacheInfo", "cluster/info"):
            stranger.subscribe(f"dh/response/{action}@c")
        info = (await stranger.ask("server/info"))["info"]
        assert (info["apiVersion"], info["restServerUrl"]) == ("3.5.0", "http://localhost:8080")
        assert len(info["serverTimestamp"]) == len("2018-02-08T15:49:29.123")
        assert set((await stranger.ask("server/cacheInfo"))["cacheInfo"]) == {"serverTimestamp", "cacheStats"}
        cluster = (await stranger.ask("cluster/info"))["clusterInfo"]
        assert set(cluster) == {"bootstrap.servers", "zookeeper.connect"}
        assert all(cluster.values())

    play(story)
