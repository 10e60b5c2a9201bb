"""Memory stays within its bounds whatever clients do, drops are counted by cause, and nobody else is disturbed.

Real sockets and the real process; its memory and its counters are asked from outside.
"""

import re
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from myna.faces import FACES
from myna.wire.encode import encode
from myna.wire.packets import Connect, Publish, Subscribe, SubscriptionRequest
from myna.wire.properties import Properties
from tests.commands.processes import PATIENCE, Serving, serve

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024
CONFIGURATION = """
[administration]
metrics = "open"
[server]
memory = true

[network]
output_high_water = "1 MiB"
output_memory = "16 MiB"

[access]
mqtt = ["open"]

[limits]
queue_bytes = "8 MiB"
retained_messages = 200000

[log]
level = "warning"

[[mqtt]]
listen = "127.0.0.1:0"

[[http]]
listen = "127.0.0.1:0"
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Serving]:
    file = tmp_path / "bounds.toml"
    file.write_text(CONFIGURATION)
    own_port = ["--bifromq", "127.0.0.1:0"] if "bifromq" in FACES else []
    with serve("-c", str(file), *own_port) as serving:
        yield serving


class Clients:
    """Connections by hand, all closed at the end."""

    def __init__(self, broker: Serving) -> None:
        self._broker = broker
        self._open: list[socket.socket] = []

    def connect(self, name: str, level: int = 4, receive_buffer: int = 0, expiry: int = 0) -> socket.socket:
        made = socket.socket()
        self._open.append(made)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(PATIENCE)
        made.connect(self._broker.address("mqtt"))
        properties = Properties()
        properties.session_expiry = expiry
        made.sendall(encode(Connect(level, name, True, 0, properties=properties if level == 5 else None), level))
        assert made.recv(4096)[0] == 0x20
        return made

    def close(self) -> None:
        for one in self._open:
            one.close()


@pytest.fixture
def clients(broker: Serving) -> Iterator[Clients]:
    made = Clients(broker)
    yield made
    made.close()


def subscribe(client: socket.socket, filter: str, qos: int, level: int = 4) -> None:
    client.sendall(encode(Subscribe(1, [SubscriptionRequest(filter, qos)]), level))
    assert client.recv(4096)[0] == 0x90


class Flood:
    """A publisher that sends as much as the broker takes. What it is answered is read and thrown away."""

    def __init__(self, publisher: socket.socket, packets: bytes) -> None:
        self._publisher = publisher
        self._packets = packets
        self._offset = 0
        publisher.setblocking(False)

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            readable, writable, _ = select.select([self._publisher], [self._publisher], [], 0.1)
            if readable:
                self._publisher.recv(MEGABYTE)
            if writable:
                self._offset += self._publisher.send(self._packets[self._offset : self._offset + 256 * 1024])
                if self._offset == len(self._packets):
                    self._offset = 0


def memory_of(broker: Serving) -> int:
    status = Path(f"/proc/{broker.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def counted(broker: Serving, cause: str) -> int:
    _, metrics = broker.fetch("/metrics")
    found = re.search(rf'myna_messages_dropped_total\{{cause="{cause}"\}} (\d+)', metrics)
    return int(found[1]) if found else 0


def echo_time(client: socket.socket) -> float:
    """Seconds for a message of one's own to come back."""
    packet = encode(Publish("quiet/topic", b"x" * 32), 4)
    started = time.monotonic()
    client.sendall(packet)
    got = b""
    while len(got) < len(packet):
        got += client.recv(4096)
    return time.monotonic() - started


def test_a_subscriber_that_stops_reading_costs_a_bounded_amount_and_disturbs_nobody(
    broker: Serving, clients: Clients
) -> None:
    quiet = clients.connect("quiet")
    subscribe(quiet, "quiet/topic", 0)
    stuck = clients.connect("stuck", receive_buffer=4096)
    subscribe(stuck, "flood", 0)
    before = memory_of(broker)
    flood = Flood(clients.connect("publisher"), encode(Publish("flood", b"x" * 1000), 4) * 2000)
    slowest = 0.0
    until = time.monotonic() + PATIENCE
    while counted(broker, "qos0_slow_reader") <= 10_000:  # what the kernel has taken for the stuck one comes first
        assert time.monotonic() < until
        flood.run(0.5)
        slowest = max(slowest, echo_time(quiet))
    assert memory_of(broker) - before < 32 * MEGABYTE
    assert slowest < 20.0  # it is served, however busy the machine


def test_qos_1_for_a_subscriber_that_stops_reading_waits_within_its_queue(broker: Serving, clients: Clients) -> None:
    stuck = clients.connect("stuck", level=5, receive_buffer=4096, expiry=100)
    subscribe(stuck, "flood", 1, level=5)
    before = memory_of(broker)
    packets = b"".join(encode(Publish("flood", b"x" * 1000, 1, packet_id=number), 4) for number in range(1, 2001))
    flood = Flood(clients.connect("publisher"), packets)
    until = time.monotonic() + PATIENCE
    while counted(broker, "queue_full") <= 1000:
        assert time.monotonic() < until
        flood.run(0.5)
    assert memory_of(broker) - before < 64 * MEGABYTE


def test_retained_topics_stop_at_the_tenants_limit(broker: Serving, clients: Clients) -> None:
    publisher = clients.connect("publisher")
    before = memory_of(broker)
    for block in range(30):
        topics = range(block * 10_000, (block + 1) * 10_000)
        publisher.sendall(b"".join(encode(Publish(f"r/{n % 1000}/{n}", b"kept", 0, True), 4) for n in topics))
    publisher.sendall(b"\xc0\x00")
    assert publisher.recv(2) == b"\xd0\x00"  # everything before it has been handled
    _, metrics = broker.fetch("/metrics")
    assert 'cause="retained_limit"' in metrics
    assert memory_of(broker) - before < 400 * MEGABYTE


def test_a_new_subscriber_gets_every_one_of_many_retained_messages(clients: Clients) -> None:
    publisher = clients.connect("publisher")
    count = 100_000
    for block in range(10):
        topics = range(block * 10_000, (block + 1) * 10_000)
        publisher.sendall(b"".join(encode(Publish(f"many/{n:06d}", b"x" * 50, 0, True), 4) for n in topics))
    publisher.sendall(b"\xc0\x00")
    assert publisher.recv(2) == b"\xd0\x00"
    late = clients.connect("late", receive_buffer=8192)
    late.sendall(encode(Subscribe(1, [SubscriptionRequest("many/#", 0)]), 4))
    size = len(encode(Publish("many/000000", b"x" * 50, 0, True), 4))
    expected = count * size + 5  # and SUBACK
    got = 0
    while got < expected:
        chunk = late.recv(65536)
        assert chunk, f"closed after {got} of {expected} bytes"
        got += len(chunk)
    assert got == expected
