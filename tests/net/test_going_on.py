"""Coroutines that begin without a task."""

import asyncio
import inspect

import pytest

from myna.net.going_on import go_on
from tests.net.harness import on_our_loop


@on_our_loop
async def test_what_has_begun_without_a_task_goes_on_in_one() -> None:
    heard: list[object] = []
    gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answering() -> None:
        heard.append(await gate)
        await asyncio.sleep(0)
        heard.append(asyncio.current_task())

    begun = answering()
    rest = go_on(begun, begun.send(None))
    assert inspect.iscoroutine(rest), "Python 3.12 and later make a task of nothing else"
    task = asyncio.create_task(rest)
    gate.set_result("open")
    await task
    assert heard == ["open", task]


@on_our_loop
async def test_it_is_cancelled_where_it_waits() -> None:
    ended: list[str] = []
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def answering() -> None:
        try:
            await gate
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    begun = answering()
    task = asyncio.create_task(go_on(begun, begun.send(None)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]
