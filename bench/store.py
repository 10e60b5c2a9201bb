"""What persistent sessions cost: Myna's embedded store beside mosquitto with persistence, each in a process of its own.

    offline   publishers at QoS 1 into sessions whose clients are away
    online    publishers at QoS 1, each with a connected subscriber whose session is persistent
    resume    a client comes back to 100,000 waiting messages: when does the first one arrive, when the last?

    python bench/store.py [--myna PROGRAM] [--seconds N] [--pairs N]

How to read it: Myna acknowledges a publish when it would survive power loss. mosquitto acknowledges when it has it in
memory and saves now and then (`autosave_interval`, and at its end); kill -9 loses what has come since. So the two rows
are not the same promise. `CPU µs` is the broker's processor time per message.
"""

import argparse
import selectors
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Final

sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.brokers import CannotStart, Mosquitto, Myna, Running  # noqa: E402  the line above makes it possible

SIZE: Final = 64
WINDOW: Final = 200
WAITING: Final = 100_000
PUBACK: Final = 4  # bytes

PERSISTENT: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 0
persistence true
persistence_location {folder}/
autosave_interval 5
log_type error
"""


class DurableMyna(Myna):
    def command(self, port: int, folder: Path) -> list[str]:
        listeners = ["--mqtt", f"127.0.0.1:{port}", "--http", "127.0.0.1:0"]
        return [self.program, "serve", *listeners, "--data", str(folder / "data"), "--log-level", "error"]


class DurableMosquitto(Mosquitto):
    def command(self, port: int, folder: Path) -> list[str]:
        folder.chmod(0o777)  # it gives up root
        configuration = folder / "mosquitto.conf"
        configuration.write_text(PERSISTENT.format(port=port, folder=folder))
        return [self.program, "-c", str(configuration)]


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def connect(port: int, name: str, *, clean: bool) -> socket.socket:
    """An MQTT 3.1.1 connection, its CONNACK read."""
    body = text("MQTT") + bytes((4, 2 if clean else 0, 0, 0)) + text(name)
    held = socket.create_connection(("127.0.0.1", port))
    held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    held.sendall(bytes((0x10, len(body))) + body)
    assert exactly(held, 4)[3] == 0
    return held


def exactly(held: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = held.recv(count - len(data))
        assert chunk, "the broker has closed a connection"
        data += chunk
    return data


def subscribe(held: socket.socket, topic: str) -> None:
    body = b"\0\1" + text(topic) + b"\1"
    held.sendall(bytes((0x82, len(body))) + body)
    assert exactly(held, 5)[4] == 1


def publish(topic: str, packet_id: int) -> bytes:
    body = text(topic) + packet_id.to_bytes(2, "big") + b"x" * SIZE
    return bytes((0x32, len(body))) + body


class Pair:
    """A publisher with a session of its own to fill; its subscriber may be there or not."""

    def __init__(self, port: int, number: int, online: bool) -> None:
        self.topic = f"bench/{number:04d}"
        self.subscriber: socket.socket | None = connect(port, f"sub{number}", clean=False)
        subscribe(self.subscriber, self.topic)
        if not online:
            self.subscriber.sendall(b"\xe0\0")
            self.subscriber.close()
            self.subscriber = None
        self.publisher = connect(port, f"pub{number}", clean=True)
        self.burst = b"".join([publish(self.topic, packet_id) for packet_id in range(1, WINDOW + 1)])
        self.size = len(publish(self.topic, 1))
        self.acked = 0
        self.pending = 0
        self.received = 0
        self.rest = b""

    def fire(self) -> None:
        """Another burst. It fits the socket's buffer, so it never waits for long."""
        self.publisher.sendall(self.burst)
        self.pending = WINDOW * PUBACK

    def take_acks(self) -> bool:
        """Read PUBACKs; True when the burst has all of its own."""
        count = len(self.publisher.recv(65_536))
        assert count, "the broker has closed a connection"
        self.pending -= count
        self.acked += count // PUBACK
        return self.pending == 0

    def take_messages(self) -> None:
        """Read PUBLISH packets, all of one size, and acknowledge them."""
        assert self.subscriber is not None
        data = self.rest + self.subscriber.recv(1 << 18)
        whole = len(data) // self.size
        self.rest = data[whole * self.size :]
        at = self.size - SIZE - 2
        ids = [data[start + at : start + at + 2] for start in range(0, whole * self.size, self.size)]
        self.received += whole
        if ids:
            self.subscriber.sendall(b"\x40\x02" + b"\x40\x02".join(ids))


def cpu(running: Running) -> float:
    """Seconds of processor time of the broker's process."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def load(running: Running, pairs: int, seconds: float, online: bool) -> tuple[float, float]:
    """Messages acknowledged per second, and CPU seconds for each."""
    made = [Pair(running.port, number, online) for number in range(pairs)]
    selector = selectors.DefaultSelector()
    for pair in made:
        selector.register(pair.publisher, selectors.EVENT_READ, (pair, True))
        if pair.subscriber is not None:
            selector.register(pair.subscriber, selectors.EVENT_READ, (pair, False))
        pair.fire()
    begun, before, done = time.perf_counter(), cpu(running), 0
    warm = False
    while (now := time.perf_counter()) < begun + seconds:
        if not warm and now > begun + 0.5:
            warm, begun, before, done = True, now, cpu(running), sum(pair.acked for pair in made)
        for key, _ in selector.select(0.5):
            pair, is_publisher = key.data
            if not is_publisher:
                pair.take_messages()
            elif pair.take_acks():
                pair.fire()
    taken = time.perf_counter() - begun
    count = sum(pair.acked for pair in made) - done
    used = cpu(running) - before
    for pair in made:
        pair.publisher.close()
        if pair.subscriber is not None:
            pair.subscriber.close()
    selector.close()
    return count / taken, used / count


def resume(running: Running) -> tuple[float, float]:
    """Seconds from CONNECT to the first and to the last of many waiting messages."""
    pair = Pair(running.port, 9000, False)
    for _ in range(WAITING // WINDOW):
        pair.fire()
        while not pair.take_acks():
            continue
    begun = time.perf_counter()
    pair.subscriber = connect(running.port, "sub9000", clean=False)
    first = 0.0
    while pair.received < WAITING:
        pair.take_messages()
        first = first or time.perf_counter() - begun
    pair.publisher.close()
    pair.subscriber.close()
    return first, time.perf_counter() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description="What persistent sessions cost.")
    parser.add_argument("--myna", default=shutil.which("myna") or ".venv/bin/myna", help="the program to measure")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--pairs", type=int, default=50)
    options = parser.parse_args()
    brokers = [DurableMyna("myna", options.myna)]
    peer = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    everyone = [*brokers, DurableMosquitto("mosquitto", peer)] if peer else brokers
    print(f"{'broker':<22}{'offline/s':>12}{'CPU µs':>9}{'online/s':>12}{'CPU µs':>9}{'first':>10}{'last of 100k':>14}")
    for broker in everyone:
        try:
            with broker.running() as running:
                offline = load(running, options.pairs, options.seconds, False)
            with broker.running() as running:
                online = load(running, options.pairs, options.seconds, True)
            with broker.running() as running:
                first, last = resume(running)
        except CannotStart as error:
            print(f"{broker.name}: {error}", file=sys.stderr)
            return 1
        name = f"{broker.name} {broker.version()}"[:21]
        print(
            f"{name:<22}{offline[0]:>12,.0f}{offline[1] * 1e6:>9.2f}{online[0]:>12,.0f}{online[1] * 1e6:>9.2f}"
            f"{first * 1000:>7.0f} ms{last:>12.2f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
