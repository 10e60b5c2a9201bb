"""Who may call now, and who waits."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from myna.faces.webpubsub.events import turns
from myna.faces.webpubsub.events.turns import PER_DESTINATION, NoTurn, Turns, destination_of
from tests.faces.webpubsub.events.handled import in_a_loop, settle


@in_a_loop
async def test_a_hub_has_so_many_calls_at_once_and_the_others_wait_in_a_row() -> None:
    held = Turns()
    order: list[int] = []
    go = asyncio.Event()

    async def call(number: int) -> None:
        async with held.turn("chat", 2, "http://a/x", 60.0):
            order.append(number)
            await go.wait()

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await settle()
    assert order == [0, 1]
    go.set()
    await asyncio.gather(*calls)
    assert order == [0, 1, 2, 3, 4]


@in_a_loop
async def test_whoever_has_waited_too_long_is_told() -> None:
    held = Turns()
    async with held.turn("chat", 1, "http://a", 1.0):
        with pytest.raises(NoTurn):
            async with held.turn("chat", 1, "http://a", 0.0):
                raise AssertionError
    async with held.turn("chat", 1, "http://a", 1.0):
        pass


@in_a_loop
async def test_hubs_share_a_destination_and_whoever_waits_in_vain_holds_nothing() -> None:
    held = Turns()
    async with AsyncExitStack() as stack:
        for _ in range(PER_DESTINATION):
            await stack.enter_async_context(held.turn("busy", 100, "http://slow/a", 1.0))
        with pytest.raises(NoTurn):
            await stack.enter_async_context(held.turn("other", 1, "http://SLOW/b", 0.0))
        await stack.enter_async_context(held.turn("other", 1, "http://quick", 1.0))
        await stack.enter_async_context(held.turn("busy", 100, "http://quick", 1.0))


@in_a_loop
async def test_a_busy_hub_leaves_a_shared_destination_to_others_in_between() -> None:
    held = Turns()
    order: list[str] = []

    async def call(hub: str) -> None:
        async with held.turn(hub, PER_DESTINATION, "http://app", 60.0):
            order.append(hub)
            await asyncio.sleep(0)

    calls = [asyncio.create_task(call("busy")) for _ in range(10 * PER_DESTINATION)]
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(call("calm")))
    await asyncio.gather(*calls)
    assert order.index("calm") < 4 * PER_DESTINATION


@in_a_loop
async def test_hubs_that_call_nobody_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "REMEMBERED", 4)
    held = Turns()
    async with held.turn("kept", 1, "http://a", 1.0):
        for number in range(20):
            async with held.turn(f"hub{number}", 1, "http://a", 1.0):
                pass
        with pytest.raises(NoTurn):
            async with held.turn("kept", 1, "http://a", 0.0):
                raise AssertionError


def test_a_destination_is_scheme_host_and_port() -> None:
    assert destination_of("https://user:secret@App:8443/path?code=1") == "https://app:8443"
