"""Passwords on threads: how many may wait."""

import asyncio

import pytest

from myna.formats.inventory import Unavailable
from myna.registry import passwords
from myna.registry.passwords import Passwords


def test_where_too_many_wait_whoever_comes_is_sent_away_until_there_is_room_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 3)

    async def story() -> None:
        checks = Passwords()
        waiting = [asyncio.ensure_future(checks.waste_time("x")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # what has been begun is finished all the same
        with pytest.raises(Unavailable):
            await checks.waste_time("x")
        await asyncio.gather(*waiting[1:])
        while checks._waiting:
            await asyncio.sleep(0)
        assert not await checks.is_right("x", await checks.hash("y"), None)
        checks.close()

    asyncio.run(story())
