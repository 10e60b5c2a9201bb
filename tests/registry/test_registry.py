"""The registry as a whole: what a new one holds, restarts, retention, and its directory."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from myna.formats.inventory import (
    ADMITTED,
    DEVICE_TYPE,
    NETWORK,
    Command,
    Conflict,
    Device,
    DeviceQuery,
    HistoryQuery,
    NewUser,
    Notification,
    Page,
    PlaceQuery,
)
from myna.registry import registry as module
from myna.registry.database import open_database, sqlite_url
from myna.registry.errors import RegistryError
from myna.registry.registry import FILE, Registry, now_ms, open_registry
from tests.registry.databases import BACKENDS, fresh_database

Work = Callable[[Registry], Awaitable[None]]


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    return fresh_database(request.param, tmp_path, development=False)


def use(location: str | Path | None, work: Work, *, development: bool = True) -> None:
    async def run() -> None:
        registry = open_registry(location, development=development)
        await registry.start()
        try:
            await work(registry)
        finally:
            await registry.close()

    asyncio.run(run())


def test_a_new_one_holds_what_the_originals_does(place: str | Path) -> None:
    async def work(registry: Registry) -> None:
        assert registry.first_password == ""
        assert (await registry.login("dhadmin", "dhadmin_#911")).outcome == ADMITTED
        networks = await registry.places(NETWORK, PlaceQuery(), Page(9))
        assert [(one.id, one.name, one.description) for one in networks] == [
            (1, "Sample Network", "A DeviceHive Sample Network")
        ]
        types = await registry.places(DEVICE_TYPE, PlaceQuery(), Page(9))
        assert [one.name for one in types] == [
            "Default Device Type", "Cameras", "Lightning", "Door Locks", "Thermostats", "Entertainment", "Cars",
            "Cooking",
        ]  # fmt: skip
        assert [one.name for one in await registry.places_of(NETWORK, 1)] == ["Sample Network"]
        assert [one.id for one in await registry.places_of(DEVICE_TYPE, 1)] == [1]
        devices = await registry.devices(DeviceQuery(), Page(9))
        assert devices == [Device("e50d6085-2aba-48e9-b1c3-73c673e414be", "Sample Device", None, 1, 1)]

    use(place, work)


def test_outside_development_the_password_is_made_up_and_told_once(place: str | Path) -> None:
    passwords: list[str] = []

    async def first(registry: Registry) -> None:
        passwords.append(registry.first_password)
        assert len(registry.first_password) >= 20
        assert (await registry.login("dhadmin", registry.first_password)).outcome == ADMITTED
        assert (await registry.login("dhadmin", "dhadmin_#911")).outcome != ADMITTED

    async def second(registry: Registry) -> None:
        assert registry.first_password == ""
        assert (await registry.login("dhadmin", passwords[0])).outcome == ADMITTED

    use(place, first, development=False)
    use(place, second, development=False)


def test_everything_is_there_after_a_restart(place: str | Path) -> None:
    secrets: list[str] = []

    async def first(registry: Registry) -> None:
        secrets.append(registry.shared_secret("jwt.secret"))
        await registry.save_device(Device("d", "n", None, 1, 2))
        user = await registry.insert_user(NewUser("carol", "carolcarol", 1, all_device_types=False))
        await registry.assign(NETWORK, user.id, 1)
        await registry.assign(DEVICE_TYPE, user.id, 3)
        await registry.keep_notification(Notification(7, "x", "d", 1, 2, now_ms(), '{"a": 1}'))

    async def second(registry: Registry) -> None:
        assert registry.shared_secret("jwt.secret") == secrets[0]
        person = registry.directory.person_of_login("carol")
        assert person is not None
        assert (person.networks, person.device_types, person.all_device_types) == ({1}, {3}, False)
        assert registry.directory.devices["d"] == (1, 2)
        kept = await registry.notification("d", 7)
        assert kept is not None
        assert kept.parameters == '{"a": 1}'

    use(place, first)
    use(place, second)


def test_history_is_gone_when_its_time_has_passed(place: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [now_ms()]
    monkeypatch.setattr(module, "now_ms", lambda: clock[0])

    async def work(registry: Registry) -> None:
        for id in (1, 2):
            now = clock[0]
            await registry.keep_command(Command(id, "on", now, now, 1, "d", 1, 1, None, None, None, None))
        clock[0] += 3_500_000
        assert await registry.update_command("d", 2, {"status": "s"}) is not None  # its time starts anew
        clock[0] += 200_000
        query = HistoryQuery(devices=frozenset(("d",)))
        assert [one.id for one in await registry.commands(query, Page(9))] == [2]
        assert await registry.command("d", 1) is None
        assert await registry.update_command("d", 1, {}) is None

    use(place, work)


def test_retention_is_never_under_two_minutes(tmp_path: Path) -> None:
    registry = open_registry(tmp_path, development=True, retention=1.0)
    assert registry._retention == 120_000
    registry.abandon()


def test_names_are_taken_whoever_asks_and_ids_do_not_repeat(place: str | Path) -> None:
    async def work(registry: Registry) -> None:
        made = await registry.insert_place(NETWORK, "n", None)
        with pytest.raises(Conflict):
            await registry.insert_place(NETWORK, "n", None)
        await registry.delete_place(NETWORK, made.id, force=False)
        again = await registry.insert_place(NETWORK, "n", None)
        assert again.id > made.id
        assert len({registry.new_id() for _ in range(10_000)}) == 10_000

    use(place, work)


def test_the_directory_follows_every_change(place: str | Path) -> None:
    async def work(registry: Registry) -> None:
        directory = registry.directory
        network = await registry.insert_place(NETWORK, "n", None)
        await registry.update_place(NETWORK, network.id, {"name": "m"})
        assert directory.networks.find("m") == directory.networks.find(str(network.id)) == network.id
        assert directory.networks.find("n") is None
        user = await registry.insert_user(NewUser("carol", "carolcarol", 1))
        await registry.assign(NETWORK, user.id, network.id)
        await registry.update_user(user.id, {"login": "caroline", "status": 2})
        person = directory.person_of_login("caroline")
        assert person is not None
        assert (person.networks, person.is_active()) == ({network.id}, False)
        assert directory.person_of_login("carol") is None
        await registry.save_device(Device("d", "n", None, network.id, 1))
        assert await registry.delete_place(NETWORK, network.id, force=False) == ["d"]
        await registry.delete_place(NETWORK, network.id, force=True)
        assert (person.networks, "d" in directory.devices) == (set(), False)
        await registry.delete_user(user.id)
        assert directory.person_of_login("caroline") is None

    use(place, work)


def test_pages_of_devices_are_remembered_until_a_device_changes(place: str | Path) -> None:
    async def work(registry: Registry) -> None:
        query, page = DeviceQuery(), Page(20)
        first = await registry.devices(query, page)
        assert await registry.devices(query, page) is first
        await registry.save_device(Device("d", "n", None, 1, 1))
        assert len(await registry.devices(query, page)) == 2
        await registry.delete_device("d")
        assert await registry.devices(query, page) == first

    use(place, work)


def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    async def work(registry: Registry) -> None:
        await registry.put_property("a", "b")
        for file in tmp_path.glob(f"{FILE}*"):
            assert file.stat().st_mode & 0o077 == 0, file

    use(tmp_path, work)


def test_one_that_keeps_nothing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def work(registry: Registry) -> None:
        assert list(tmp_path.iterdir())

    use(None, work)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "nonsense", "postgresql://myna@127.0.0.1:1/none", "sqlite:////no/such/folder/x"]
)
def test_a_database_that_cannot_be_used_is_said_in_words(url: str) -> None:
    with pytest.raises(RegistryError):
        open_registry(url)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    open_registry(tmp_path, development=True).abandon()
    engine = open_database(sqlite_url(tmp_path / FILE))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE registry_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(RegistryError, match="9999"):
        open_registry(tmp_path)


def test_the_tables_are_what_the_migrations_make(place: str | Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from myna.registry.tables import metadata

    registry = open_registry(place, development=True)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    with registry._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "registry_version"})
        differences = compare_metadata(context, metadata)
    registry.abandon()
    assert differences == []
