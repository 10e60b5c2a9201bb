"""BifroMQ's `POST /pub` on one core: requests a second with keep-alive, and whether memory stays where it is.

    taskset -c 0 myna serve …   <- wrk -c 16, 64 bytes, one MQTT subscriber that reads everything

Both figures are of the process under load. `--million` sends a million requests over ONE connection instead, 64 at a
time, and says every 100,000 what the process holds.
Needs wrk (Debian: apt-get install wrk). `--myna` names the program, so that an uncompiled one can be measured, too.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

SCRIPT: Final = """\
wrk.method = "POST"
wrk.body = string.rep("x", 64)
wrk.headers["tenant_id"] = "DevOnly"
wrk.headers["topic"] = "bench/pub"
wrk.headers["qos"] = "{qos}"
wrk.headers["client_type"] = "bench"
"""
CONNECT: Final = b"\x10\x11\0\x04MQTT\x04\x02\0\0\0\x05bench"
SUBSCRIBE: Final = b"\x82\x0e\0\x01\0\x09bench/pub\0"
AT_ONCE: Final = 64
PACKET: Final = 2 + 2 + len("bench/pub") + 64


class Subscriber(threading.Thread):
    """Counts the bytes that come, which at QoS 0 all have one size."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(CONNECT + SUBSCRIBE)
        self._socket.recv(64)
        self.received = 0

    def run(self) -> None:
        while data := self._socket.recv(1 << 20):
            self.received += len(data)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--myna", default=str(Path(sys.executable).with_name("myna")), help="the program to measure")
    options.add_argument("--seconds", type=int, default=5, help="of a round (5)")
    options.add_argument("--rounds", type=int, default=3, help="(3)")
    options.add_argument("--connections", type=int, default=16, help="kept alive (16)")
    options.add_argument("--qos", type=int, default=0, help="in the request; the subscriber takes QoS 0 (0)")
    options.add_argument("--million", action="store_true", help="memory over a million requests on one connection")
    asked = options.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is needed: apt-get install wrk", file=sys.stderr)
        return 1
    with TemporaryDirectory() as folder:
        script = Path(folder, "pub.lua")
        script.write_text(SCRIPT.format(qos=asked.qos))
        return measure(asked, script)


def measure(asked: argparse.Namespace, script: Path) -> int:
    free = ("--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--bifromq", "127.0.0.1:0")
    broker = subprocess.Popen(["taskset", "-c", "0", asked.myna, "serve", *free], stdout=subprocess.PIPE, text=True)
    try:
        ports = wait_ready(broker)
        subscriber = Subscriber(ports["MQTT"])
        subscriber.start()
        url = f"http://127.0.0.1:{ports['BifroMQ']}/pub"
        print(f"start: rss {rss(broker.pid):,} KiB")
        if asked.million:
            send_million(ports["BifroMQ"], asked.qos, broker.pid)
            return 0
        requests = 0
        for number in range(asked.rounds):
            before = cpu(broker.pid)
            load = ["wrk", "-t1", f"-c{asked.connections}", f"-d{asked.seconds}", "-s", str(script), url]
            said = subprocess.run(["taskset", "-c", "1", *load], check=True, capture_output=True, text=True).stdout
            done, rate = read_wrk(said)
            used = cpu(broker.pid) - before
            requests += done
            print(
                f"round {number + 1}: {rate:,.0f} requests/s, {used / done * 1e6:.1f} us of the broker's time each"
                f" ({done / used:,.0f}/s on a whole core), rss {rss(broker.pid):,} KiB"
            )
        print(f"{requests:,} requests, {subscriber.received // PACKET:,} deliveries")
        return 0
    finally:
        broker.terminate()
        broker.wait(10)


def send_million(port: int, qos: int, pid: int) -> None:
    names = f"host: x\r\ntenant_id: DevOnly\r\ntopic: bench/pub\r\nqos: {qos}\r\nclient_type: bench"
    request = f"POST /pub HTTP/1.1\r\n{names}\r\ncontent-length: 64\r\n\r\n{'x' * 64}".encode()
    before = cpu(pid)
    with socket.create_connection(("127.0.0.1", port)) as http:
        for number in range(1_000_000 // AT_ONCE):
            http.sendall(request * AT_ONCE)
            answered = b""
            while answered.count(b"\r\n\r\nOK") < AT_ONCE:
                answered += http.recv(1 << 16)
            done = (number + 1) * AT_ONCE
            if done % 100_000 < AT_ONCE:
                print(f"{done:,} requests: rss {rss(pid):,} KiB")
    print(f"{(cpu(pid) - before):.1f} us of the broker's time each")


def wait_ready(broker: "subprocess.Popen[str]") -> dict[str, int]:
    assert broker.stdout is not None  # it is a pipe
    ports: dict[str, int] = {}
    for line in broker.stdout:
        if found := re.match(r"\s+(MQTT|HTTP|BifroMQ)\s+\S+://127\.0\.0\.1:(\d+)", line):
            ports[found[1]] = int(found[2])
        if line.startswith("ready"):
            return ports
    raise SystemExit("the broker did not start")


def read_wrk(said: str) -> tuple[int, float]:
    done = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if done is None or rate is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    return int(done[1]), float(rate[1])


def rss(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]  # every process has that line


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
