"""How many events a second leave by a webhook: publishers at QoS 1 on one side, an endpoint of our own on the other.

    python bench/routing.py [--events 20000] [--batch 1] [--concurrency 32] [--topics 50] [--ordered] [--down]

Every event is waited for at the endpoint. What a newcomer gets wrong: publishing is part of the measurement. Each
message is stored, acknowledged when that is safe, formed into an event, sent, and forgotten by the store again.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import cast

from myna.sockets.readiness import new_event_loop
from myna.wire.encode import encode
from myna.wire.packets import MQTT_3_1_1, Connect, Publish

WINDOW = 5_000  # publishes under way
CONFIGURATION = """
[server]
data = "{folder}/data"
sync = "{sync}"
[[mqtt]]
listen = "127.0.0.1:{mqtt}"
[[http]]
listen = "127.0.0.1:{http}"
[administration]
metrics = "open"
[log]
connections = false
[access]
mqtt = ["open"]
[routing.destinations.hook]
kind = "webhook"
url = "http://127.0.0.1:{sink}/hook"
concurrency = {concurrency}
max_events_per_batch = {batch}
preferred_batch_size = "256 KiB"
ordered = {ordered}
[routing.rules.all]
destination = "hook"
topic_filters = ["bench/#"]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("--sync", default="full")
    parser.add_argument("--ordered", action="store_true")
    parser.add_argument("--down", action="store_true", help="the endpoint is not there: what publishing costs then")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="myna-routing-") as folder:
        run(args, Path(folder))


def run(args: argparse.Namespace, folder: Path) -> None:
    mqtt, http, sink = free_ports(3)
    file = folder / "myna.toml"
    settings = vars(args) | {"ordered": str(args.ordered).lower()}
    file.write_text(CONFIGURATION.format(folder=folder, mqtt=mqtt, http=http, sink=sink, **settings), encoding="utf-8")
    received = multiprocessing.Value("q", 0)
    endpoint = multiprocessing.Process(target=serve, args=(sink, received), daemon=True)
    if not args.down:
        endpoint.start()
    broker = subprocess.Popen(
        [sys.executable, "-m", "myna", "serve", "-c", str(file)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert broker.stdout is not None
        for line in broker.stdout:
            if line.startswith("ready"):
                break
        began, cpu = time.perf_counter(), cpu_seconds(broker.pid)
        asyncio.run(publish(mqtt, args))
        published = time.perf_counter() - began
        print(f"published {args.events:,} of {args.payload} bytes: {args.events / published:,.0f}/s")
        if not args.down:
            progress = received.value, time.perf_counter()
            while received.value < args.events and time.perf_counter() - progress[1] < 10:
                time.sleep(0.01)
                if received.value != progress[0]:
                    progress = received.value, time.perf_counter()
            took = time.perf_counter() - began
            spent = cpu_seconds(broker.pid) - cpu
            print(f"delivered {received.value:,} in {took:.2f} s: {received.value / took:,.0f}/s")
            print(f"{spent / args.events * 1e6:.0f} µs of the broker's CPU each, {spent / took:.0%} of a core")
        else:
            spent = cpu_seconds(broker.pid) - cpu
            print(f"{spent / args.events * 1e6:.0f} µs of the broker's CPU each")
        text = urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics").read().decode()
        print("\n".join(re.findall(r"^(?:myna_routing|mqtt_.*routed|process_resident).*$", text, re.MULTILINE)))
    finally:
        broker.terminate()
        broker.wait(20)
        if endpoint.is_alive():
            endpoint.terminate()


# Publishing


async def publish(port: int, args: argparse.Namespace) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(encode(Connect(MQTT_3_1_1, "bench", True, 60), MQTT_3_1_1))
    await reader.readexactly(4)
    payload = b"." * args.payload
    free = WINDOW
    sent = done = 0
    while done < args.events:
        count = min(free, args.events - sent)
        if count:
            packets = [
                Publish(f"bench/{number % args.topics}", payload, 1, packet_id=number % 65_535 + 1)
                for number in range(sent, sent + count)
            ]
            writer.write(b"".join([encode(packet, MQTT_3_1_1) for packet in packets]))
            sent += count
            free -= count
        acks = len(await reader.readexactly(4))
        acks += len(reader._buffer) // 4 * 4 and len(await reader.readexactly(len(reader._buffer) // 4 * 4))  # type: ignore[attr-defined]
        done += acks // 4
        free += acks // 4
    writer.close()


# The endpoint


class Endpoint(asyncio.Protocol):
    """As little HTTP as is needed to read our requests and answer 200."""

    ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    def __init__(self, received: "Synchronized[int]") -> None:
        self._received = received
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # it is one in all but name

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = int(re.search(rb"(?i)content-length: (\d+)", self._data[:end])[1])  # type: ignore[index]
            if len(self._data) < end + 4 + length:
                return
            body = self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            with self._received.get_lock():
                self._received.value += body.count(b'"specversion"')
            self._transport.write(self.ANSWER)


def serve(port: int, received: "Synchronized[int]") -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Endpoint(received), "127.0.0.1", port)
        await server.serve_forever()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(forever())


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
