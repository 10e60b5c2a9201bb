"""Writes share a commit and fail alone; rows go in bulk; the loop never waits."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from myna.formats.inventory import Conflict, Unavailable
from myna.registry import threads as module
from myna.registry.database import migrate, open_database, sqlite_url
from myna.registry.registry import FILE
from myna.registry.tables import networks, notifications
from myna.registry.threads import Threads
from tests.registry.databases import BACKENDS, fresh_database


@pytest.fixture(params=BACKENDS)
def use(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    def run(work: Callable[[Threads], Awaitable[None]]) -> None:
        location = fresh_database(request.param, tmp_path, development=False)
        engine = open_database(location if isinstance(location, str) else sqlite_url(location / FILE))
        migrate(engine)

        async def live() -> None:
            threads = Threads(engine)
            try:
                await work(threads)
            finally:
                await threads.close()

        asyncio.run(live())
        engine.dispose()

    return run


def add(connection: Connection, name: str) -> None:
    connection.execute(insert(networks).values(name=name))


def count(connection: Connection, table: Any = networks) -> int:
    found: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return found


def row(id: int, device: str = "d") -> dict[str, Any]:
    return {
        "id": id, "notification": "n", "device_id": device, "network_id": 1, "device_type_id": 1,
        "timestamp": 0, "parameters": None, "expires_at": 1,
    }  # fmt: skip


def test_one_of_a_batch_that_fails_takes_nobody_with_it(use: Callable[..., None]) -> None:
    async def work(threads: Threads) -> None:
        futures = [threads.write(add, name) for name in ("a", "b", "a", "c")]  # one batch: the writer sleeps yet
        threads.start()
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), type(None), Conflict, type(None)]
        assert await threads.read(count) == 3

    use(work)


def test_rows_go_in_together_and_a_duplicate_fails_alone(use: Callable[..., None]) -> None:
    async def work(threads: Threads) -> None:
        futures = [threads.write_row(notifications, row(id)) for id in (1, 2, 2, 3)]
        threads.start()
        results = await asyncio.gather(*futures, return_exceptions=True)
        assert [isinstance(result, Conflict) for result in results] == [False, False, True, False]
        assert await threads.read(count, notifications) == 3

    use(work)


def test_what_follows_a_commit_happens_before_anybody_is_told(use: Callable[..., None]) -> None:
    async def work(threads: Threads) -> None:
        heard: list[str] = []
        threads.start()
        future = threads.write(add, "a", then=lambda _: heard.append("then"))
        future.add_done_callback(lambda _: heard.append("told"))
        await future
        with pytest.raises(Conflict):
            await threads.write(add, "a", then=lambda _: heard.append("never"))
        assert heard == ["then", "told"]

    use(work)


def test_a_read_sees_what_has_been_committed_and_answered(use: Callable[..., None]) -> None:
    async def work(threads: Threads) -> None:
        threads.start()
        for number in range(20):
            await threads.write(add, f"n{number}")
            assert await threads.read(count) == number + 1

    use(work)


def test_beyond_its_bound_the_registry_says_that_it_is_behind(
    use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)

    async def work(threads: Threads) -> None:
        futures = [threads.write(add, name) for name in "abc"]
        with pytest.raises(Unavailable):
            threads.write(add, "d")
        threads.start()
        await asyncio.gather(*futures)

    use(work)


def test_the_loop_goes_on_while_a_query_takes_its_time(use: Callable[..., None]) -> None:
    async def work(threads: Threads) -> None:
        threads.start()
        held = threading.Event()
        slow = threads.write(lambda connection: held.wait(60))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not slow.done()
        held.set()
        assert await slow

    use(work)


def test_a_database_that_was_away_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    location = fresh_database("postgresql", tmp_path, development=False)
    assert isinstance(location, str)
    engine = open_database(location)
    migrate(engine)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "

    def cut_everybody_off(connection: Connection) -> None:
        connection.exec_driver_sql(others + "pg_backend_pid()")

    def cut_itself_off(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        connection.exec_driver_sql("SELECT 1")

    async def live() -> None:
        threads = Threads(engine)
        threads.start()
        await threads.write(add, "a")
        await threads.read(count)
        await threads.write(cut_everybody_off)
        assert await threads.read(count) == 1
        for work in (threads.write, threads.read):
            with pytest.raises(Unavailable):
                await work(cut_itself_off)
        await threads.write(add, "b")
        assert await threads.read(count) == 2
        await threads.close()

    asyncio.run(live())
    engine.dispose()
