"""DeviceHive under load: answers per second, and how long an event takes from insert to push.

    python bench/devicehive.py [--seconds 5] [--registry postgresql://…]

Starts `myna serve` on loopback with a data folder of its own, pinned to one core where that can be done, and drives it
with plain sockets from the other. Prints one line per measurement.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from myna.wire.encode import encode
from myna.wire.packets import Connect, Publish, Subscribe, SubscriptionRequest
from myna.wire.reader import FrameReader

LEVEL = 4
LOGIN, PASSWORD = "dhadmin", "dhadmin_#911"


class Device(asyncio.Protocol):
    """A connection that counts, or hands over, the messages it gets."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.on_message: Callable[[Publish], None] = lambda message: None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = FrameReader(1 << 24, LEVEL)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.send(encode(Connect(LEVEL, self.name, True, 0, LOGIN, PASSWORD.encode()), LEVEL))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (packet := self._reader.next_packet(LEVEL)) is not None:
            if isinstance(packet, Publish):
                self.on_message(packet)
            elif type(packet).__name__ == "Suback" and not self.ready.done():
                self.ready.set_result(None)

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    async def subscribe(self, *filters: str) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.send(encode(Subscribe(1, [SubscriptionRequest(filter, 0) for filter in filters]), LEVEL))
        await self.ready

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


def request(action: str, **members: Any) -> bytes:
    return encode(Publish("dh/request", json.dumps({"action": action, **members}).encode()), LEVEL)


async def connect(port: int, name: str) -> Device:
    _, device = await asyncio.get_running_loop().create_connection(lambda: Device(name), "127.0.0.1", port)
    return device


async def once(device: Device, packet: bytes) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(message: Publish) -> None:
        if not done.done():
            done.set_result(None)

    device.on_message = settle
    device.send(packet)
    await done


async def answers_per_second(server: int, port: int, action: str, seconds: float, clients: int, **members: Any) -> None:
    """Each client asks again when it has been answered."""
    packet = request(action, **members)
    count = 0
    running = True
    devices = []
    for number in range(clients):
        device = await connect(port, f"{action}-{number}")
        await device.subscribe(f"dh/response/{action}@{device.name}")
        devices.append(device)

    def answered(device: Device) -> Callable[[Publish], None]:
        def again(message: Publish) -> None:
            nonlocal count
            count += 1
            if running:
                device.send(packet)

        return again

    before = used(server)
    began = time.perf_counter()
    for device in devices:
        device.on_message = answered(device)
        device.send(packet)
    await asyncio.sleep(seconds)
    rate = count / (time.perf_counter() - began)
    cost = (used(server) - before) / count * 1e6
    running = False
    await asyncio.sleep(0.2)
    for device in devices:
        device.close()
    print(f"{action:<20} {clients} clients  {rate:>9,.0f} answers/s, {cost:.0f} µs of CPU each")


async def insert_to_push(server: int, port: int, rate: int, seconds: float, pairs: int) -> None:
    """Devices insert at a steady rate; subscribers, one a device, note when the push comes."""
    latencies: list[float] = []
    senders, receivers = [], []
    for number in range(pairs):
        sender = await connect(port, f"s{number}")
        sender.send(request("device/save", deviceId=f"bench-{number}", device={"name": "bench"}))
        await sender.subscribe(f"dh/response/device/get@s{number}")
        await once(sender, request("device/get", deviceId=f"bench-{number}"))
        sender.on_message = lambda message: None
        await sender.subscribe(f"dh/response/notification/insert@s{number}")
        receiver = await connect(port, f"r{number}")
        await receiver.subscribe(f"dh/notification/+/+/bench-{number}/t")

        def noted(message: Publish) -> None:
            now = time.perf_counter()
            latencies.append(now - float(re.search(rb'"at": ?([0-9.]+)', message.payload).group(1)))  # type: ignore[union-attr]

        receiver.on_message = noted
        senders.append(sender)
        receivers.append(receiver)
    before = used(server)
    began = time.perf_counter()
    sent = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        while sent < elapsed * rate:
            sender = senders[sent % pairs]
            body = {"notification": "t", "parameters": {"at": time.perf_counter()}}
            sender.send(request("notification/insert", deviceId=f"bench-{sent % pairs}", notification=body))
            sent += 1
        await asyncio.sleep(0.001)
    deadline = time.perf_counter() + 10
    while len(latencies) < sent and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began
    latencies.sort()
    cost = (used(server) - before) / sent * 1e6
    print(
        f"insert to push       {pairs} pairs   {sent / seconds:>9,.0f} sent/s, {len(latencies) / took:,.0f} pushed/s, "
        f"{sent - len(latencies)} missing, p50 {statistics.median(latencies) * 1000:.2f} ms, "
        f"p99 {latencies[int(len(latencies) * 0.99)] * 1000:.2f} ms, {cost:.0f} µs of CPU each"
    )
    for device in (*senders, *receivers):
        device.close()


def used(process: int) -> float:
    """Seconds of CPU a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin(process: int, cores: set[int]) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        for task in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


async def measure(server: int, port: int, seconds: float) -> None:
    admin = await connect(port, "admin")
    await admin.subscribe("dh/response/device/save@admin")
    for number in range(30):
        await once(
            admin, request("device/save", deviceId=f"d{number}", device={"name": f"n{number}", "data": {"a": 1}})
        )
    await answers_per_second(server, port, "server/info", seconds, 50)
    await answers_per_second(server, port, "device/list", seconds, 50, take=20)
    await answers_per_second(server, port, "device/get", seconds, 50, deviceId="d1")
    await insert_to_push(server, port, 1000, seconds, 10)
    await insert_to_push(server, port, 5000, seconds, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--registry", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if options.registry:
            environment["MYNA_FACES__DEVICEHIVE__REGISTRY"] = options.registry
        command = [sys.executable, "-m", "myna", "serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        command += ["--data", folder]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if b"ready after" in line:
                    break
            listeners = json.loads((Path(folder) / "listeners.json").read_text())["listeners"]
            port = next(one["port"] for one in listeners if one["name"] == "mqtt")
            pin(server.pid, {0})
            pin(os.getpid(), {1})
            asyncio.run(measure(server.pid, port, options.seconds))
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()
