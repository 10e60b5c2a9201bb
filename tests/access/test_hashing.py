"""Slow checks on threads of their own."""

import asyncio
import threading

import pytest

from myna.access.hashing import Busy, Hashing


class Held:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self) -> bool:
        return self.go.wait(60)


async def test_the_loop_goes_on_and_the_answer_comes() -> None:
    hashing = Hashing(1, 1)
    assert await hashing.run("a", lambda: True)
    assert not await hashing.run("a", lambda: False)
    hashing.close()


async def test_beyond_the_queue_newcomers_are_turned_away_and_later_ones_are_not() -> None:
    hashing, held = Hashing(1, 3), Held()
    waiting = [asyncio.ensure_future(hashing.run(host, held)) for host in ("a", "a", "b", "b")]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await hashing.run("c", lambda: True)
    held.go.set()
    assert await asyncio.gather(*waiting) == [True] * 4
    assert await hashing.run("c", lambda: True)
    hashing.close()


async def test_one_host_gets_half_of_it() -> None:
    hashing, held = Hashing(1, 3), Held()
    waiting = [asyncio.ensure_future(hashing.run("flood", held)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await hashing.run("flood", lambda: True)
    waiting.append(asyncio.ensure_future(hashing.run("somebody", lambda: True)))
    await asyncio.sleep(0)
    held.go.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    hashing.close()


async def test_who_goes_away_leaves_the_place_taken_until_the_work_is_done() -> None:
    hashing, held = Hashing(1, 1), Held()
    gone = asyncio.ensure_future(hashing.run("a", held))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    with pytest.raises(Busy):
        await hashing.run("a", lambda: True)
    held.go.set()
    assert await hashing.run("b", lambda: True)
    hashing.close()


async def test_at_its_end_who_waits_is_told_to_come_again() -> None:
    hashing, held = Hashing(1, 3), Held()
    running = asyncio.ensure_future(hashing.run("a", held))
    waiting = asyncio.ensure_future(hashing.run("b", held))
    await asyncio.sleep(0)
    hashing.close()
    with pytest.raises(Busy):
        await waiting
    with pytest.raises(Busy):
        await hashing.run("c", lambda: True)
    held.go.set()
    assert await running
