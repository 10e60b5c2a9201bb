import asyncio
from collections.abc import Awaitable, Callable

import pytest

from myna.client.session import LARGEST_ID, Session
from myna.wire.packets import Publish, Pubrel


def in_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]  # the tests below are coroutines

    run.__name__ = test.__name__
    return run


def message(qos: int = 1) -> Publish:
    return Publish("a", b"x", qos)


@in_loop
async def test_ids_are_given_in_turn_and_freed_by_settling() -> None:
    session = Session()
    first, second = message(), message()
    session.open(first)
    session.open(second)
    assert (first.packet_id, second.packet_id, session.in_flight) == (1, 2, 2)
    session.settle(1, 0)
    assert session.in_flight == 1


@in_loop
async def test_an_id_in_use_is_passed_over_when_ids_begin_again() -> None:
    session = Session()
    kept = session.take_id()
    for _ in range(LARGEST_ID - 1):
        session.release_id(session.take_id())
    assert kept == 1
    assert session.take_id() == 2


@in_loop
async def test_settling_tells_the_reason_code() -> None:
    session = Session()
    done = session.open(message())
    session.settle(1, 0x87)
    assert await done == 0x87


@in_loop
async def test_after_pubrec_only_pubrel_is_sent_again() -> None:
    session = Session()
    session.open(message(2))
    session.open(message(2))
    session.recorded(1)
    first, second = session.to_resend(session_present=True)
    assert isinstance(first, Pubrel)
    assert isinstance(second, Publish)
    assert second.dup


@in_loop
async def test_a_broker_that_has_forgotten_us_is_sent_messages_as_new_ones() -> None:
    session = Session()
    session.received.add(9)
    recorded = session.open(message(2))
    session.open(message(2))
    session.recorded(1)
    session.forget()
    assert await recorded == 0
    assert session.received == set()
    (left,) = session.to_resend(session_present=False)
    assert isinstance(left, Publish)
    assert not left.dup


@in_loop
async def test_an_answer_to_nothing_is_harmless() -> None:
    session = Session()
    session.settle(7, 0)
    assert session.recorded(7).packet_id == 7


@in_loop
async def test_there_is_an_end_to_ids() -> None:
    session = Session()
    for _ in range(LARGEST_ID):
        session.take_id()
    with pytest.raises(RuntimeError):
        session.take_id()


async def test_ids_a_broker_may_still_hold_are_released_before_they_are_used_again() -> None:
    session = Session(3)
    session.release_all()
    assert [packet.packet_id for packet in session.to_resend(True) if isinstance(packet, Pubrel)] == [1, 2, 3]
    assert session.in_flight == 3
    session.settle(2, 0x92)
    packet = Publish("a", b"", 2)
    session.open(packet)
    assert packet.packet_id == 2
    session.forget()  # the broker knows nothing of us after all
    assert session.in_flight == 1
