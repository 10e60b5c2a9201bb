"""The loop's selector that serves our sockets itself: the loop still gets all that is its own, and in time."""

import asyncio
import select
import socket
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE

import pytest

from myna.core.ports import Outlet, Peer
from myna.net.listeners import MqttListener
from myna.sockets.readiness import SharedReadiness, new_event_loop
from myna.sockets.selector import FEW, MANY_TURNS, SharedSelector
from tests.net.harness import Client, Served, Talker, on_our_loop


class Acting(Talker):
    """Does something with what it hears, and says nothing."""

    act: Callable[[], object]

    def feed(self, data: bytes, now: float) -> None:
        self.act()


def acting(act: Callable[[], object]) -> Callable[[Outlet, Peer, float], Talker]:
    def connect(outlet: Outlet, peer: Peer, now: float) -> Talker:
        talker = Acting(outlet, peer, now)
        talker.act = act
        return talker

    return connect


def test_the_loop_has_what_the_selector_looks_at() -> None:
    loop = new_event_loop()
    try:
        assert len(loop._ready) == 0  # type: ignore[attr-defined]
        loop.call_soon(int)
        assert len(loop._ready) == 1  # type: ignore[attr-defined]
        timer = loop.call_later(3600, int)
        assert loop._scheduled[0] is timer  # type: ignore[attr-defined]
    finally:
        loop.close()


@on_our_loop
async def test_streams_are_served_by_the_loops_own_selector() -> None:
    async with Served() as served:
        assert isinstance(served.listeners.streams.readiness, SharedReadiness)


@on_our_loop
async def test_what_a_stream_asks_of_the_loop_happens_though_no_descriptor_of_the_loop_is_ready() -> None:
    """A callback, and a timer due before all others, come up while the selector serves sockets."""
    loop = asyncio.get_running_loop()
    loop.call_later(3600, int)
    called, fired = asyncio.Event(), asyncio.Event()
    async with Served() as served:
        for act, event in (
            (lambda: loop.call_soon(called.set), called),
            (lambda: loop.call_later(0.001, fired.set), fired),
        ):
            opened = served.listeners.open([MqttListener("x", acting(act), host="127.0.0.1", port=0)])[0]
            client = await Client.connect("127.0.0.1", opened.port)
            await client.send(b"x")
            await event.wait()
            client.close()


@on_our_loop
async def test_timers_are_not_kept_waiting_by_busy_streams() -> None:
    """Every message asks for the next one, so the sockets are never quiet."""
    async with Served() as served:
        client = await served.client()
        fired = asyncio.Event()
        asyncio.get_running_loop().call_later(0.02, fired.set)
        while not fired.is_set():
            await client.send(b"x")
            assert await client.read(1) == b"X"
        client.close()


async def talk(client: Client, messages: int) -> None:
    for _ in range(messages):
        await client.send(b"x")
        assert await client.read(1) == b"X"


def talk_from_a_thread(port: int, messages: int) -> None:
    """A client whose waiting is no work of the loop's, so that the selector has many turns within one call."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        for _ in range(messages):
            client.sendall(b"x")
            assert client.recv(1) == b"X"


@pytest.mark.parametrize("has_alarm", [True, False])
@on_our_loop
async def test_a_timer_fires_though_the_sockets_fall_quiet_after_many_turns(has_alarm: bool) -> None:
    loop = asyncio.get_running_loop()
    selector = loop._selector  # type: ignore[attr-defined]
    if not has_alarm:
        selector._alarm.close()
    async with Served() as served:
        done = loop.run_in_executor(None, talk_from_a_thread, served.port, MANY_TURNS * 4)
        for _ in range(2):  # the second time with an alarm that is set already, or has gone off for nothing
            fired = asyncio.Event()
            loop.call_later(0.2, fired.set)
            await fired.wait()
        await done


@on_our_loop
async def test_an_alarm_that_nobody_waits_for_any_more_disturbs_nothing() -> None:
    loop = asyncio.get_running_loop()
    selector = loop._selector  # type: ignore[attr-defined]
    async with Served() as served:
        client = await served.client()
        assert selector._alarm.set(0.001)
        while not select.select([selector._alarm.fileno], [], [], 10)[0]:
            pass
        await talk(client, 3)
        assert not select.select([selector._alarm.fileno], [], [], 0)[0]
        client.close()


@on_our_loop
async def test_more_sockets_than_are_reported_at_first_are_all_served() -> None:
    async with Served() as served:
        clients = [await served.client() for _ in range(FEW * 2 + 3)]
        for client in clients:
            await client.send(b"x")
        for client in clients:
            assert await client.read(1) == b"X"
            client.close()


@on_our_loop
async def test_another_thread_wakes_a_loop_whose_streams_are_quiet() -> None:
    async with Served() as served:
        client = await served.client()
        await client.send(b"x")
        assert await client.read(1) == b"X"
        assert await asyncio.to_thread(lambda: 7) == 7
        client.close()


def test_a_selector_keeps_its_keys_in_order() -> None:
    selector = SharedSelector()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        key = selector.register(ours, EVENT_READ, "data")
        assert selector.get_key(ours) is key
        assert selector.get_map()[ours.fileno()] is key
        with pytest.raises(KeyError):
            selector.register(ours, EVENT_READ)
        assert selector.select(0) == []
        theirs.send(b"x")
        assert selector.select(0) == [(key, EVENT_READ)]
        changed = selector.modify(ours, EVENT_READ | EVENT_WRITE, "more")
        assert selector.select(0) == [(changed, EVENT_READ | EVENT_WRITE)]
        assert selector.unregister(ours) is changed
        assert selector.select(0) == []
        with pytest.raises(KeyError):
            selector.get_key(ours)
        with pytest.raises(ValueError, match="invalid file descriptor"):
            selector.register(-1, EVENT_READ)
        closing = socket.socket()
        selector.register(closing.fileno(), EVENT_READ)
        number = closing.fileno()
        closing.close()
        selector.unregister(number)
        selector.close()
