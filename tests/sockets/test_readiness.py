import asyncio
import contextlib

import pytest

from myna.net import listeners
from myna.sockets.readiness import LoopReadiness, make_readiness
from tests.net.harness import Served, on_our_loop


@pytest.fixture
def without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "make_readiness", LoopReadiness)


@on_our_loop
async def test_where_there_is_no_epoll_everything_works_all_the_same(without_epoll: None) -> None:
    async with Served() as served:
        assert isinstance(served.listeners.streams.readiness, LoopReadiness)
        client = await served.client()
        talker = await served.talker()
        talker.outlet.pause()
        await client.send(b"x")
        talker.outlet.resume()
        assert await client.read(1) == b"X"
        payload = b"a" * 6_000_000
        talker.say(payload)
        await talker.until(lambda it: it.unsent > 0)
        talker.say(b"bye")
        talker.outlet.close()
        assert await client.read_all() == payload + b"bye"
        client.close()
        await served.listeners.streams.wait_ended()


@on_our_loop
async def test_a_bug_without_epoll_ends_one_connection(without_epoll: None, caplog: pytest.LogCaptureFixture) -> None:
    async with Served() as served:
        bad, open_one = await served.client(), await served.client()
        await bad.send(b"bug")
        assert await bad.read_all() == b""
        assert "a bug for the test" in caplog.text
        await open_one.send(b"x")
        assert await open_one.read(1) == b"X"
        bad.close()
        open_one.close()


@on_our_loop
async def test_a_stream_that_ended_in_the_same_batch_is_passed_over() -> None:
    """One client's bytes may end another whose bytes came in the same batch."""
    async with Served() as served:
        clients = [await served.client() for _ in range(2)]
        talkers = [await served.talker(0), await served.talker(1)]
        streams = list(served.listeners.streams.open)

        def end_all(data: bytes, now: float) -> None:
            for stream in streams:
                stream.abort(now)

        for talker in talkers:
            talker.feed = end_all  # type: ignore[method-assign]  # what a take-over does to another client
        for client in clients:
            client.socket.send(b"x")
        for client in clients:
            with contextlib.suppress(ConnectionResetError):  # what it sent was never read
                assert await client.read_all() == b""
            client.close()
        assert [talker.losses for talker in talkers] == [1, 1]


@on_our_loop
async def test_the_kind_is_chosen_by_the_platform() -> None:
    async with Served() as served:
        readiness = make_readiness(asyncio.get_running_loop(), served.listeners.turn)
        assert isinstance(readiness, LoopReadiness) == (type(served.listeners.streams.readiness) is LoopReadiness)
        readiness.close()


@on_our_loop
async def test_without_epoll_a_deadline_that_comes_up_with_an_end_is_kept(without_epoll: None) -> None:
    """A will is due some time after its client has gone, though nobody is written to."""
    async with Served() as served:
        client = await served.client()
        talker = await served.talker()
        talker.lost = lambda now: setattr(served.broker, "deadline", now + 0.01)  # type: ignore[method-assign]  # a will
        client.close()
        while not served.broker.ticks or served.broker.deadline:
            await asyncio.sleep(0)
