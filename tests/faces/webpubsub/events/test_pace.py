"""A few calls begin in each turn of the loop."""

import asyncio

from myna.faces.webpubsub.events.pace import PER_TURN, Pace
from tests.faces.webpubsub.events.handled import in_a_loop


@in_a_loop
async def test_a_few_begin_at_once_and_the_others_in_the_turns_that_follow() -> None:
    pace = Pace()
    begun: list[int] = []

    async def call(number: int) -> None:
        await pace.wait("chat")
        begun.append(number)

    calls = [asyncio.create_task(call(number)) for number in range(3 * PER_TURN)]
    most, before = 0, 0
    while len(begun) < len(calls):
        await asyncio.sleep(0)
        most, before = max(most, len(begun) - before), len(begun)
    assert begun == list(range(3 * PER_TURN))
    assert most <= PER_TURN


@in_a_loop
async def test_hubs_go_round() -> None:
    pace = Pace()
    order: list[str] = []

    async def call(hub: str) -> None:
        await pace.wait(hub)
        order.append(hub)

    calls = [asyncio.create_task(call("busy")) for _ in range(50)]
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(call("calm")))
    await asyncio.gather(*calls)
    assert order.index("calm") <= 4 * PER_TURN


@in_a_loop
async def test_whoever_has_given_up_takes_nobodys_place() -> None:
    pace = Pace()
    calls = [asyncio.create_task(pace.wait("chat")) for _ in range(10 * PER_TURN)]
    await asyncio.sleep(0)
    for call in calls[PER_TURN : 9 * PER_TURN]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not call.cancelled() for call in calls) >= 2 * PER_TURN
