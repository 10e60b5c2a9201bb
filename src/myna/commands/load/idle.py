"""Many connections that do nothing: how quickly a broker takes them, and how much memory each costs it.

Connections are opened in batches, each batch at once and without blocking, and closed all together at the end.
A connection counts when its CONNACK has come; at the end each must still be open.
"""

import errno
import os
import resource
import secrets
import select
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from myna.client.errors import connack_text
from myna.commands.load.channel import PATIENCE, CannotReach, Refused, Target, unreachable
from myna.commands.load.meter import usage

BATCH: Final = 64  # below the backlog of 100 that brokers commonly listen with: a refused SYN costs a second
SETTLE: Final = 1.0  # seconds a broker is left alone before its memory is read
_SPARE_DESCRIPTORS: Final = 64


@dataclass
class IdleResult:
    connections: int
    seconds: float
    per_second: float
    resident_before: int | None = None
    resident_after: int | None = None
    bytes_per_connection: float | None = None
    broker_us_per_connection: float | None = None
    closed_by_broker: int = 0

    def as_json(self) -> dict[str, Any]:
        return {"load": "connections", **asdict(self), "complete": self.closed_by_broker == 0}


def describe_idle(result: IdleResult) -> str:
    lines = [f"load       connections: {result.connections:,} idle"]
    lines.append(f"rate       {result.per_second:,.0f} connections/s ({result.seconds:.1f} s)")
    if result.resident_after is not None and result.resident_before is not None:
        grown = f"{result.resident_before / 1e6:,.1f} MB -> {result.resident_after / 1e6:,.1f} MB"
        lines.append(f"broker     {result.bytes_per_connection:,.0f} bytes of memory per connection ({grown})")
        lines.append(f"           {result.broker_us_per_connection:,.0f} µs of processor per connection")
    closed = result.closed_by_broker
    lines.append(f"checked    {f'FAILED: the broker closed {closed:,} of them' if closed else 'all stayed open'}")
    return "\n".join(lines)


def run_idle(
    target: Target, count: int, pid: int | None = None, progress: Callable[[float, int], None] | None = None
) -> IdleResult:
    allow_descriptors(count)
    before = usage(pid) if pid is not None else None
    started = time.perf_counter()
    opened: list[socket.socket] = []
    mark = secrets.token_hex(3)
    try:
        while len(opened) < count:
            names = [f"{mark}-{number}" for number in range(len(opened), min(len(opened) + BATCH, count))]
            open_batch(target, names, opened)
            if progress is not None:
                progress(time.perf_counter(), len(opened))
        seconds = time.perf_counter() - started
        result = IdleResult(count, seconds, count / seconds)
        time.sleep(SETTLE)
        if before is not None and pid is not None:
            after = usage(pid)
            result.resident_before, result.resident_after = before.resident, after.resident
            result.bytes_per_connection = (after.resident - before.resident) / count
            result.broker_us_per_connection = (after.seconds - before.seconds) / count * 1e6
        result.closed_by_broker = sum(not is_open(connection) for connection in opened)
        return result
    finally:
        for connection in opened:
            connection.close()


def open_batch(target: Target, names: list[str], opened: list[socket.socket]) -> None:
    """Connect them all at once, wait for every CONNACK. What was opened is in `opened` even if one fails."""
    waiting: dict[int, tuple[socket.socket, str]] = {}
    with select.epoll() as poller:
        for name in names:
            connection = socket.socket(_family(target), socket.SOCK_STREAM)
            opened.append(connection)
            connection.setblocking(False)
            status = connection.connect_ex((target.host, target.port))
            if status not in (0, errno.EINPROGRESS):
                raise unreachable(target, _as_error(status))
            waiting[connection.fileno()] = (connection, name)
            poller.register(connection, select.EPOLLOUT)
        until = time.perf_counter() + PATIENCE
        while waiting:
            events = poller.poll(1.0, len(names))
            if not events and time.perf_counter() > until:
                raise CannotReach(f"{len(waiting)} connections got no CONNACK within {PATIENCE:.0f} seconds")
            for fd, event in events:
                connection, name = waiting[fd]
                if event & select.EPOLLOUT:
                    _introduce(target, connection, name)
                    poller.modify(connection, select.EPOLLIN)
                else:
                    _welcome(target, connection, name)
                    poller.unregister(connection)
                    del waiting[fd]


def is_open(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def allow_descriptors(count: int) -> None:
    """Raise this process's limit of open files as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _SPARE_DESCRIPTORS
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise CannotReach(f"{count:,} connections need {needed:,} open files, {hard:,} are allowed: see ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _family(target: Target) -> socket.AddressFamily:
    return socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)[0][0]


def _as_error(status: int) -> OSError:
    return OSError(status, os.strerror(status))  # becomes ConnectionRefusedError and the like by its number


def _introduce(target: Target, connection: socket.socket, name: str) -> None:
    status = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if status:
        raise unreachable(target, _as_error(status))
    connection.send(target.connect_packet(name))


def _welcome(target: Target, connection: socket.socket, name: str) -> None:
    try:
        connack = connection.recv(4096)
    except OSError as error:
        raise CannotReach(f"connection of {name} lost: {error.strerror}") from None
    if len(connack) < 4 or connack[0] != 0x20:
        raise CannotReach(f"{name} got no CONNACK: the broker closed the connection")
    code = connack[3]  # its remaining length takes one byte
    if code:
        raise Refused(f"CONNECT of {name} was refused: {connack_text(code, target.level)}")
