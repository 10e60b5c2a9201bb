"""One connection of the load: a non-blocking socket, what could not be sent yet, and its place in the poller.

Knows MQTT only to open the conversation (CONNECT, SUBSCRIBE), which it does blocking, before any clock runs.
The poller is the kernel's own, without an event loop in between: that costs less than the messages do.
"""

import select
import socket
from dataclasses import dataclass
from typing import Final, TypeVar

from myna.client.errors import connack_text
from myna.wire.encode import encode
from myna.wire.packets import Connack, Connect, Packet, Suback, Subscribe, SubscriptionRequest
from myna.wire.reader import FrameReader
from myna.wire.reasons import reason_name

CHUNK: Final = 1 << 18
PATIENCE: Final = 10.0  # seconds a broker has to answer CONNECT or SUBSCRIBE
_LARGEST_PACKET: Final = 268_435_460

P = TypeVar("P", bound=Packet)


class CannotReach(Exception):
    """There is no connection, or no longer one. Says what happened and what may help."""


class Refused(Exception):
    """The broker answered, and said no."""


@dataclass(frozen=True)
class Target:
    """The broker under load, and how to introduce oneself."""

    host: str
    port: int
    level: int = 4
    user_name: str | None = None
    password: bytes | None = None
    prefix: str = "bench"

    def connect_packet(self, name: str) -> bytes:
        client_id = f"{self.prefix}-{name}"
        return encode(Connect(self.level, client_id, True, 0, self.user_name, self.password), self.level)


class Channel:
    """Bytes in and out of one socket, without ever waiting."""

    def __init__(self, target: Target, name: str) -> None:
        self.name = name
        self.level = target.level
        self.receive_maximum = 65_535
        self.socket = _open(target)
        self._poller: select.epoll | None = None
        self._rest = b""  # what the kernel would not take
        try:
            self._introduce(target)
        except BaseException:
            self.socket.close()
            raise

    @property
    def blocked(self) -> bool:
        return bool(self._rest)

    def subscribe(self, filter: str, qos: int) -> None:
        """Blocking; only before `join`."""
        self.socket.sendall(encode(Subscribe(1, [SubscriptionRequest(filter, qos)]), self.level))
        codes = self._answer(Suback).codes
        if codes != [qos]:
            raise Refused(f"SUBSCRIBE to {filter} at QoS {qos} was answered with: {reason_name(codes[0])}")

    def join(self, poller: select.epoll) -> None:
        """From here on nothing waits."""
        self.socket.setblocking(False)
        self._poller = poller
        poller.register(self.socket, select.EPOLLIN)

    def receive(self, most: int = CHUNK) -> bytes:
        """What has come; empty if nothing has. Raises once the broker has closed."""
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from None
        if not data:
            raise self._lost("the broker closed it")
        return data

    def send(self, data: bytes | bytearray | memoryview) -> None:
        if self._rest:
            self._rest += bytes(data)
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from None
        if sent < len(data):
            self._rest = bytes(data[sent:])
            self._watch(select.EPOLLIN | select.EPOLLOUT)

    def flush(self) -> None:
        """The kernel takes bytes again."""
        rest = self._rest
        self._rest = b""
        if rest:
            self.send(rest)
        if not self._rest:
            self._watch(select.EPOLLIN)

    def close(self) -> None:
        self.socket.close()

    def _watch(self, events: int) -> None:
        assert self._poller is not None  # only a channel that joined sends
        self._poller.modify(self.socket, events)

    def _lost(self, why: str) -> CannotReach:
        return CannotReach(f"connection of {self.name} lost: {why}")

    def _introduce(self, target: Target) -> None:
        self.socket.sendall(target.connect_packet(self.name))
        connack = self._answer(Connack)
        if connack.code:
            raise Refused(f"CONNECT of {self.name} was refused: {connack_text(connack.code, self.level)}")
        if connack.properties is not None and connack.properties.receive_maximum > 0:
            self.receive_maximum = connack.properties.receive_maximum

    def _answer(self, kind: type[P]) -> P:
        """The next packet, which is to be of this kind."""
        reader = FrameReader(_LARGEST_PACKET, self.level)
        while True:
            try:
                data = self.socket.recv(4096)
            except TimeoutError:
                raise self._lost(f"no {kind.__name__} within {PATIENCE:.0f} seconds") from None
            except OSError as error:
                raise self._lost(error.strerror or str(error)) from None
            if not data:
                raise self._lost(f"the broker closed it instead of sending {kind.__name__}")
            reader.feed(data)
            packet = reader.next_packet(self.level)
            if packet is None:
                continue
            if not isinstance(packet, kind):
                raise self._lost(f"{type(packet).__name__} came where {kind.__name__} was due")
            return packet


def unreachable(target: Target, error: OSError) -> CannotReach:
    why = error.strerror or str(error) or type(error).__name__
    where = f"{target.host}:{target.port}"
    if isinstance(error, ConnectionRefusedError):
        return CannotReach(f"{where}: connection refused. Is the broker running? Start one with: myna serve")
    return CannotReach(f"{where}: {why}")


def _open(target: Target) -> socket.socket:
    try:
        opened = socket.create_connection((target.host, target.port), timeout=PATIENCE)
    except OSError as error:
        raise unreachable(target, error) from None
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened
