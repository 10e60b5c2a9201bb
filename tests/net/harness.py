"""What the tests of `net` share: a loop with a bound, a conversation without a protocol, clients without manners."""

import asyncio
import functools
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Self

from myna.core.ports import Conversation, Outlet, Peer, Ticking
from myna.net.doorstep import Doorstep
from myna.net.http import HttpProtocol
from myna.net.listeners import Listener, Listeners, MqttListener, Opened
from myna.sockets.backpressure import StreamLimits
from myna.sockets.readiness import new_event_loop

BOUND = 60.0  # seconds; only a hang takes them, most tests take milliseconds
BUFFER = 32768  # bytes the kernel keeps in either direction at either end, so that megabytes have to wait everywhere


def on_our_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test under the loop that the broker runs on, within BOUND."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(asyncio.wait_for(test(*args, **kwargs), BOUND))

    return run


class QuietBroker(Ticking):
    """A broker with at most one deadline."""

    def __init__(self) -> None:
        self.deadline = 0.0
        self.ticks: list[float] = []

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        if self.deadline <= now:
            self.deadline = 0.0

    def next_deadline(self) -> float:
        return self.deadline


class Talker(Conversation):
    """A conversation that answers `line` with `LINE`; `bye` closes after its answer, `bug` is a bug of ours."""

    def __init__(self, outlet: Outlet, peer: Peer, now: float) -> None:
        self.outlet = outlet
        self.peer = peer
        self.heard = b""
        self.unsent = 0
        self.losses = 0
        self.changed = asyncio.Event()
        self._chunks: list[bytes] = []

    def feed(self, data: bytes, now: float) -> None:
        assert self.losses == 0, "nothing is heard after the end"
        self.heard += data
        self.changed.set()
        if b"bug" in data:
            raise RuntimeError("a bug for the test")
        self.say(data.upper())
        if b"bye" in data:
            self.outlet.close()

    def say(self, data: bytes) -> None:
        if not self._chunks:
            self.outlet.wake()
        self._chunks.append(data)

    def has_pending(self) -> bool:
        return bool(self._chunks)

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks = []
        self.unsent += len(data)
        return data

    def sent(self, count: int, now: float) -> None:
        assert self.losses == 0, "nothing is said after the end"
        self.unsent -= count
        assert self.unsent >= 0
        self.changed.set()

    def lost(self, now: float) -> None:
        self.losses += 1
        assert self.losses == 1, "lost is called once"
        self.changed.set()

    async def until(self, condition: Callable[["Talker"], bool]) -> None:
        while not condition(self):
            self.changed.clear()
            await self.changed.wait()


class Served:
    """Listeners with talkers behind them, closed at the end of the block."""

    def __init__(
        self,
        *listeners: Listener,
        limits: StreamLimits | None = None,
        patience: float = 0.02,
        doorstep: Doorstep | None = None,
    ) -> None:
        self.broker = QuietBroker()
        self.talkers: list[Talker] = []
        self._wanted = listeners
        self._limits = limits
        self._patience = patience
        self._doorstep = doorstep
        self._arrived = asyncio.Event()
        self.listeners: Listeners
        self.opened: list[Opened]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.listeners = Listeners(
            loop, self.broker, self._limits, doorstep=self._doorstep, patience_interval=self._patience
        )
        wanted = self._wanted or (MqttListener("mqtt", self.connect, host="127.0.0.1", port=0),)
        self.opened = self.listeners.open(wanted)
        for acceptor in self.listeners._acceptors:
            bound_buffers(acceptor._listening)  # accepted sockets inherit it
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listeners.close()
        await asyncio.sleep(0)

    def connect(self, outlet: Outlet, peer: Peer, now: float) -> Talker:
        talker = Talker(outlet, peer, now)
        self.talkers.append(talker)
        self._arrived.set()
        return talker

    async def talker(self, index: int = 0) -> Talker:
        while len(self.talkers) <= index:
            self._arrived.clear()
            await self._arrived.wait()
        return self.talkers[index]

    async def overdue(self, come_so_far: Callable[[HttpProtocol], object]) -> None:
        """The time of the HTTP connection that has come so far has passed; nobody has waited, nobody can be late."""
        while not (found := [one for one in self.http_connections() if come_so_far(one)]):
            await asyncio.sleep(0)
        found[0].deadline = self.listeners.clock.now()

    def http_connections(self) -> list[HttpProtocol]:
        return [one for one in self.listeners._ports[0].state.connections if isinstance(one, HttpProtocol)]

    @property
    def port(self) -> int:
        return self.opened[0].port

    async def client(self, index: int = 0) -> "Client":
        return await Client.connect(self.opened[index].host, self.opened[index].port)


def bound_buffers(sock: socket.socket) -> None:
    """Else one machine's kernel takes 200 KB from a writer nobody listens to, and another one's 100 MB."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)


class Client:
    """A non-blocking socket that reads what is asked for, with small buffers in the kernel."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.loop = asyncio.get_running_loop()
        self._rest = bytearray()

    @classmethod
    async def connect(cls, host: str, port: int) -> "Client":
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.setblocking(False)
        bound_buffers(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return cls(sock)

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.socket, data)

    async def read(self, size: int) -> bytes:
        """Exactly so many bytes, or fewer where the stream ends."""
        while len(self._rest) < size:
            data = await self.loop.sock_recv(self.socket, 65536)
            if not data:
                break
            self._rest += data
        return self._pop(size)

    async def read_until(self, mark: bytes) -> bytes:
        seen = 0
        while (start := self._rest.find(mark, seen)) < 0:
            seen = max(0, len(self._rest) - len(mark))
            data = await self.loop.sock_recv(self.socket, 65536)
            assert data, f"ended before {mark!r}: {self._rest!r}"
            self._rest += data
        return self._pop(start + len(mark))

    async def read_all(self) -> bytes:
        """Up to the orderly end of the stream; a reset raises."""
        while data := await self.loop.sock_recv(self.socket, 65536):
            self._rest += data
        return self._pop(len(self._rest))

    def _pop(self, size: int) -> bytes:
        result = bytes(self._rest[:size])
        del self._rest[:size]
        return result

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """End with a RST, as a crashed peer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()
