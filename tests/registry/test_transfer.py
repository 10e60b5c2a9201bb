"""A registry written out and read in, from one database to the other."""

import asyncio
import itertools
from pathlib import Path

import pytest

from myna.formats.inventory import ADMITTED, Device, NewUser, Page, UserQuery
from myna.registry.passwords import original_hash
from myna.registry.registry import FILE, Registry, open_registry
from myna.registry.transfer import export_lines, import_lines
from tests.registry.databases import BACKENDS, fresh_database

SALT = "sjQbZgcCmFxqTV4CCmGwpIHO"


@pytest.mark.parametrize(("one", "other"), list(itertools.product(BACKENDS, BACKENDS)))
def test_everything_moves_between_databases_and_counting_goes_on(tmp_path: Path, one: str, other: str) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    here, there = fresh_database(one, folders[0]), fresh_database(other, folders[1])

    async def fill(registry: Registry) -> None:
        await registry.save_device(Device("d", "n", '{"a": [1.50]}', 1, 2, True))
        await registry.insert_user(NewUser("carol", "carolcarol", 1, 0, "7"))

    async def look(registry: Registry) -> None:
        assert await registry.device("d") == Device("d", "n", '{"a": [1.50]}', 1, 2, True)
        assert (await registry.login("carol", "carolcarol")).outcome == ADMITTED
        assert (await registry.insert_user(NewUser("dave", "davedave", 1))).id == 3
        assert len(await registry.users(UserQuery(), Page(10))) == 3

    use(here, fill)
    lines = list(export_lines(url(here)))
    assert import_lines(url(there), lines, replace=True) == len(lines) == 14
    assert list(export_lines(url(there))) == lines
    use(there, look)


def test_hashes_of_the_original_are_accepted_and_renewed_at_login(tmp_path: Path) -> None:
    assert original_hash("dhadmin_#911", SALT) == "DFXFrZ8VQIkOYECScBbBwsYinj+o8IlaLsRQ81wO+l8="
    line = (
        b'{"kind":"user","id":1,"login":"dhadmin","passwordHash":"DFXFrZ8VQIkOYECScBbBwsYinj+o8IlaLsRQ81wO+l8=",'
        b'"passwordSalt":"sjQbZgcCmFxqTV4CCmGwpIHO","role":0}'
    )
    import_lines(url(tmp_path), [line], replace=True)

    async def look(registry: Registry) -> None:
        assert (await registry.login("dhadmin", "wrong")).outcome != ADMITTED
        assert (await registry.login("dhadmin", "dhadmin_#911")).outcome == ADMITTED
        assert (await registry.login("dhadmin", "dhadmin_#911")).outcome == ADMITTED

    use(tmp_path, look)
    (after,) = export_lines(url(tmp_path))
    assert b"$argon2id$" in after
    assert b'"passwordSalt":null' in after


def url(location: str | Path) -> str:
    return location if isinstance(location, str) else f"sqlite:///{location / FILE}"


def use(location: str | Path, work: "object") -> None:
    async def run() -> None:
        registry = open_registry(location, development=True)
        await registry.start()
        try:
            await work(registry)  # type: ignore[operator]
        finally:
            await registry.close()

    asyncio.run(run())
