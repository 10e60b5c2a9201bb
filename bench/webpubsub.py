"""What Web PubSub clients and back ends cost: `python bench/webpubsub.py [rest] [connects] [idle] [fanout] [families]`.

    rest       POSTs of `:send` with a token as the SDKs make them, 32 connections
    connects   10,000 WebSocket clients, each with a token of its own, as fast as they get in
    idle       what each of them then weighs
    fanout     2 KB of text to 5,000 clients, beside a bare loop that sends the same bytes to as many sockets
    families   the same to JSON and to protobuf clients in turns, plain and reliable ones

Starts `myna serve` and drives it from this process. Processor time is the server's own, per request or delivery: it
holds on a busy machine, rates do not.
"""

import asyncio
import contextlib
import gc
import os
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.formats import jwt
from myna.sockets.readiness import new_event_loop

KEY = DEVELOPMENT_KEY.encode()
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CLIENTS = 5_000
CONNECTS = 10_000
AT_ONCE = 100
ROUNDS = 60
UNDER_WAY = 4
TEXT = b"x" * 2048
JSON = "json.webpubsub.azure.v1"
RELIABLE_JSON = "json.reliable.webpubsub.azure.v1"
PROTOBUF = "protobuf.webpubsub.azure.v1"
RELIABLE_PROTOBUF = "protobuf.reliable.webpubsub.azure.v1"


class Process:
    """A server's process: how much processor time it has used, how much memory it holds."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def seconds(self) -> float:
        fields = (self._proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> int:
        return int((self._proc / "statm").read_text(encoding="ascii").split()[1]) * PAGE


@contextlib.contextmanager
def serve() -> Iterator[tuple[Process, int]]:
    arguments = [sys.executable, "-m", "myna", "serve", "--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    quiet = {**os.environ, "MYNA_LOG__LEVEL": "error"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=quiet) as process:
        try:
            banner = ""
            assert process.stdout is not None
            for line in process.stdout:
                banner += line
                if line.startswith("ready"):
                    break
            found = re.search(r"http://127\.0\.0\.1:(\d+)", banner)
            assert found is not None, banner
            yield Process(process.pid), int(found[1])
        finally:
            process.terminate()
            process.communicate()


def client_token(port: int, number: int = 0) -> str:
    claims = {"sub": f"user {number}", "webpubsub.group": ["g"], "exp": int(time.time()) + 600}
    return jwt.sign({"aud": f"http://127.0.0.1:{port}/client/hubs/bench", **claims}, KEY)


def send_request(port: int, body: bytes, content_type: str) -> bytes:
    """`:send` to the group, as the Python SDK writes it."""
    target = "/api/hubs/bench/groups/g/:send?api-version=2024-12-01"
    token = jwt.sign({"aud": f"http://127.0.0.1:{port}{target}", "exp": int(time.time()) + 600}, KEY)
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json, text/json\r\nAccept-Encoding: gzip, deflate\r\n"
        "x-ms-client-request-id: c1e6c8e2-0d5c-4f5e-9c62-0a2f4a1d5a11\r\nConnection: keep-alive\r\n"
        "User-Agent: azsdk-python-messaging-webpubsubservice/1.3.0 Python/3.11\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    return head.encode() + body


# REST


class Caller(asyncio.Protocol):
    """Sends the next request when the last has been answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answered = 0
        self.wrong = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.answered += 1
        if not data.startswith(b"HTTP/1.1 202"):
            self.wrong += 1
        assert self.transport is not None
        self.transport.write(self.request)


async def call_for(port: int, seconds: float) -> list[Caller]:
    loop = asyncio.get_running_loop()
    request = send_request(port, b'{"hello":"world","n":12345}', "application/json")
    callers = [Caller(request) for _ in range(32)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.sleep(seconds)
    for caller in callers:
        assert caller.transport is not None
        caller.transport.abort()
    return callers


def rest() -> None:
    with serve() as (process, port):
        before, start = process.seconds(), time.perf_counter()
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            callers = runner.run(call_for(port, 5))
        used, took = process.seconds() - before, time.perf_counter() - start
    answered = sum(caller.answered for caller in callers)
    assert sum(caller.wrong for caller in callers) == 0
    print(f"rest      {answered / used:8.0f} requests per second of processor, {answered / took:.0f}/s here")


# WebSocket clients


def upgrade_request(port: int, number: int, *, protocol: str = "") -> bytes:
    offer = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    return (
        f"GET /client/hubs/bench?access_token={client_token(port, number)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    ).encode()


def connect_all(port: int, requests: list[bytes]) -> list[socket.socket]:
    """Every request on a connection of its own, so many at once; returns when all have been answered."""
    poll = select.epoll()
    waiting: dict[int, socket.socket] = {}
    done: list[socket.socket] = []
    left = iter(requests)

    def start() -> bool:
        request = next(left, None)
        if request is None:
            return False
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(request)
        poll.register(one, select.EPOLLIN)
        waiting[one.fileno()] = one
        return True

    for _ in range(AT_ONCE):
        start()
    while waiting:
        for number, _ in poll.poll():
            one = waiting.pop(number)
            reply = one.recv(65536)
            assert reply.startswith(b"HTTP/1.1 101"), reply
            poll.unregister(one)
            one.setblocking(False)
            done.append(one)
            start()
    return done


def connects(*, weigh: bool) -> None:
    for name, protocol in (("simple", ""), ("JSON", JSON), ("reliable", RELIABLE_JSON), ("protobuf", PROTOBUF)):
        with serve() as (process, port):
            requests = [upgrade_request(port, number, protocol=protocol) for number in range(CONNECTS)]
            resident, before, start = process.resident(), process.seconds(), time.perf_counter()
            sockets = connect_all(port, requests)
            used, took = process.seconds() - before, time.perf_counter() - start
            print(f"connects  {CONNECTS} {name} clients in {took:.1f} s, {used:.1f} s of processor")
            if weigh:
                time.sleep(1)
                print(
                    f"idle      {(process.resident() - resident) / len(sockets) / 1024:.1f} KiB for each {name} client"
                )
            close_all(sockets)


def close_all(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


# Fan-out


class Readers:
    """Reads and drops what comes to many sockets, and knows how much that was."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.received = 0
        self._poll = select.epoll()
        self._by_number = {one.fileno(): one for one in sockets}
        self._buffer = bytearray(1 << 20)
        for one in sockets:
            self._poll.register(one, select.EPOLLIN)

    def read(self) -> None:
        for number, _ in self._poll.poll(timeout=10, maxevents=1024):
            self.received += self._by_number[number].recv_into(self._buffer)

    def drain(self) -> None:
        """What is there already."""
        while events := self._poll.poll(timeout=0.3, maxevents=1024):
            for number, _ in events:
                self._by_number[number].recv_into(self._buffer)
        self.received = 0


def fan_out_here(protocol: str) -> tuple[float, float]:
    """Microseconds of processor per delivery, and deliveries a second."""
    with serve() as (process, port):
        sockets = connect_all(port, [upgrade_request(port, n, protocol=protocol) for n in range(CLIENTS)])
        readers = Readers(sockets)
        readers.drain()
        caller = socket.create_connection(("127.0.0.1", port))
        request = send_request(port, TEXT, "text/plain")
        caller.sendall(request)
        readers.read()
        readers.drain()
        caller.recv(65536)
        size = frame_size(sockets, request, caller, readers)
        before, start = process.seconds(), time.perf_counter()
        for round_ in range(ROUNDS):
            caller.sendall(request)
            while readers.received < max(0, round_ + 1 - UNDER_WAY) * size * CLIENTS:
                readers.read()
        while readers.received < ROUNDS * size * CLIENTS:
            readers.read()
        used, took = process.seconds() - before, time.perf_counter() - start
        close_all(sockets)
    return used / ROUNDS / CLIENTS * 1e6, ROUNDS * CLIENTS / took


def frame_size(sockets: list[socket.socket], request: bytes, caller: socket.socket, readers: Readers) -> int:
    caller.sendall(request)
    select.select([sockets[0]], [], [], 10)
    time.sleep(0.5)
    size = len(sockets[0].recv(1 << 20))
    readers.drain()
    return size


def fan_out_bare(size: int) -> tuple[float, float]:
    """The same bytes by a loop of non-blocking sends in a process of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    control, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        gc.disable()
        held = [listener.accept()[0] for _ in range(CLIENTS)]
        for one in held:
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        theirs.send(b"r")
        frame = b"x" * size
        while theirs.recv(1) == b"g":
            for one in held:
                one.send(frame)
        os._exit(0)
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]
    for one in sockets:
        one.setblocking(False)
    control.recv(1)
    readers = Readers(sockets)
    process = Process(pid)
    before, start = process.seconds(), time.perf_counter()
    for round_ in range(ROUNDS):
        control.send(b"g")
        while readers.received < max(0, round_ + 1 - UNDER_WAY) * size * CLIENTS:
            readers.read()
    while readers.received < ROUNDS * size * CLIENTS:
        readers.read()
    used, took = process.seconds() - before, time.perf_counter() - start
    control.send(b"q")
    os.waitpid(pid, 0)
    listener.close()
    close_all(sockets)
    return used / ROUNDS / CLIENTS * 1e6, ROUNDS * CLIENTS / took


def fan_out() -> None:
    ratios: list[float] = []
    rates: list[float] = []
    for name, protocol in (("simple", ""), ("JSON", JSON)):
        for _ in range(3):
            bare, bare_rate = fan_out_bare(len(TEXT) + 4)
            here, rate = fan_out_here(protocol)
            print(
                f"fanout    {name}: {here:.2f} us of processor per delivery, bare loop {bare:.2f}: {bare / here:.0%}; "
                f"{rate:.0f}/s against {bare_rate:.0f}/s: {rate / bare_rate:.0%}"
            )
            ratios.append(bare / here)
            rates.append(rate / bare_rate)
    print(f"fanout    medians: {statistics.median(ratios):.0%} by processor, {statistics.median(rates):.0%} by rate")


def families() -> None:
    for name, json, protobuf in (("plain", JSON, PROTOBUF), ("reliable", RELIABLE_JSON, RELIABLE_PROTOBUF)):
        costs: list[float] = []
        rates: list[float] = []
        for _ in range(3):
            (of_json, json_rate), (of_protobuf, protobuf_rate) = fan_out_here(json), fan_out_here(protobuf)
            print(
                f"families  {name}: protobuf {of_protobuf:.2f} us of processor per delivery, {protobuf_rate:.0f}/s; "
                f"JSON {of_json:.2f} us, {json_rate:.0f}/s"
            )
            costs.append(of_json / of_protobuf)
            rates.append(protobuf_rate / json_rate)
        print(
            f"families  {name}: protobuf at {statistics.median(costs):.0%} of JSON by processor, "
            f"{statistics.median(rates):.0%} by rate (medians)"
        )


def main() -> None:
    chosen = sys.argv[1:] or ["rest", "connects", "idle", "fanout", "families"]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if "rest" in chosen:
        rest()
    if "connects" in chosen or "idle" in chosen:
        connects(weigh="idle" in chosen)
    if "fanout" in chosen:
        fan_out()
    if "families" in chosen:
        families()


if __name__ == "__main__":
    main()
