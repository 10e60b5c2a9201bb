"""How many authenticated publishes a second one core takes: `wrk` against `myna serve`, each on a core of its own.

    python bench/eventgrid_publish.py [--seconds 8] [--connections 32] [--payload 64] [--subscriber]

Prints requests a second and the broker's CPU per request. What a newcomer gets wrong: compare only numbers of one
run on one machine, and look at the CPU: where wrk is slower than the broker, the rate is wrk's.
"""

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BODY = """wrk.method = "POST"
wrk.body = string.rep("x", %d)
wrk.headers["authorization"] = "Bearer %s"
wrk.headers["content-type"] = "application/octet-stream"
wrk.headers["mqtt-qos"] = "%d"
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--payload", type=int, default=64)
    parser.add_argument("--qos", type=int, default=1, choices=(0, 1))
    parser.add_argument("--subscriber", action="store_true", help="with one MQTT subscriber to the topic")
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 2
    asyncio.run(measure(args))
    return 0


async def measure(args: argparse.Namespace) -> None:
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "myna", "serve", "--memory", "--mqtt", "localhost:0", "--http", "localhost:0"]
    broker = subprocess.Popen(pinned(command, cores[0]), stdout=subprocess.PIPE, text=True)
    assert broker.stdout is not None
    subscriber: subprocess.Popen[str] | None = None
    try:
        banner = ""
        for line in broker.stdout:
            banner += line
            if line.startswith("ready"):
                break
        token = found(r"TOKEN=(eyJ\S+)", banner)
        url = found(r"(http://127\.0\.0\.1:\d+)", banner)
        mqtt = found(r"mqtt://127\.0\.0\.1:(\d+)", banner)
        if args.subscriber:
            listen = [sys.executable, "-m", "myna", "sub", "-p", mqtt, "-t", "devices/#", "-q", "0"]
            subscriber = subprocess.Popen(pinned(listen, cores[-1]), stdout=subprocess.DEVNULL, text=True)
            await asyncio.sleep(1)
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "publish.lua"
            script.write_text(BODY % (args.payload, token, args.qos), encoding="utf-8")
            target = f"{url}/mqtt/messages?topic=devices%2Fd1%2Fprompt&api-version=2025-02-15-preview"
            load = ["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "--latency", "-s", str(script), target]
            before, began = cpu_seconds(broker.pid), time.perf_counter()
            process = await asyncio.create_subprocess_exec(*pinned(load, cores[-1]), stdout=subprocess.PIPE)
            output = (await process.communicate())[0].decode()
            spent, wall = cpu_seconds(broker.pid) - before, time.perf_counter() - began
        report(output, spent, wall)
    finally:
        for one in (subscriber, broker):
            if one is not None:
                one.terminate()
                one.wait(10)


def report(output: str, spent: float, wall: float) -> None:
    requests = int(found(r"(\d+) requests in", output))
    rate = float(found(r"Requests/sec:\s+([\d.]+)", output))
    half, most = found(r"50%\s+(\S+)", output), found(r"99%\s+(\S+)", output)
    print(f"{rate:,.0f} requests/s")
    print(f"{spent / requests * 1e6:.1f} µs of the broker's CPU each, {spent / wall:.0%} of a core")
    print(f"latency 50 % {half}, 99 % {most}")
    if errors := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        print(f"{errors[1]} ERRORS")


def pinned(command: list[str], core: int) -> list[str]:
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") else command


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"{pattern!r} is not in:\n{text}")
    return match[1]


if __name__ == "__main__":
    sys.exit(main())
