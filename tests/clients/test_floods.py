"""A flood of connects, from processes of their own, while a client that is there measures how long a PINGREQ takes.

`pytest -s` prints the figures, before and during.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.flooder import connect_packet
from tests.commands.processes import Serving, serve

pytestmark = pytest.mark.slow

FLOODER = Path(__file__).with_name("flooder.py")
FLOODERS = 2
SECONDS = 3.0
CONFIGURATION = """
[server]
memory = true
[access]
mqtt = ["open"]
[log]
level = "error"
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[administration]
metrics = "open"
[protection]
{protection}
"""


@contextmanager
def flooded(port: int, kind: str, rates: list[float]) -> Iterator[None]:
    """`rates` gets the connections a second of each flooder when it is over."""
    command = [sys.executable, str(FLOODER), str(port), kind]
    pipe = subprocess.PIPE
    flooders = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(FLOODERS)]
    try:
        for flooder in flooders:
            assert flooder.stdout is not None
            assert flooder.stdout.readline() == "going\n"
        yield
    finally:
        rates += [float(flooder.communicate(timeout=60)[0]) for flooder in flooders]


def client(port: int, name: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(connect_packet(name))
    assert sock.recv(4) == b"\x20\x02\0\0"
    return sock


def pings(sock: socket.socket) -> list[float]:
    """Milliseconds of a client's PINGREQs, sorted."""
    measured = []
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        began = time.perf_counter()
        sock.sendall(b"\xc0\0")
        assert sock.recv(2) == b"\xd0\0", "it is still served"
        measured.append((time.perf_counter() - began) * 1000)
        time.sleep(0.002)  # one at a time, as a client would
    return sorted(measured)


def show(when: str, measured: list[float]) -> str:
    middle, high = measured[len(measured) // 2], measured[len(measured) * 99 // 100]
    return f"{when}: median {middle:.2f} ms, 99 % {high:.2f} ms, worst {measured[-1]:.2f} ms"


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serving]:
    file = tmp_path / "flood.toml"
    file.write_text(CONFIGURATION.format(protection=request.param))
    with serve("-c", str(file)) as serving:
        yield serving


@pytest.mark.parametrize("kind", ["connects", "silent", "gone"])
@pytest.mark.parametrize(
    "broker",
    ["", "accepts_per_second = 200", "half_open = 50"],
    ids=["as it comes", "paced", "few half-open"],
    indirect=True,
)
def test_a_client_that_is_there_is_served_while_thousands_connect(broker: Serving, kind: str) -> None:
    _, port = broker.address("mqtt")
    with client(port, "there") as there:
        before = pings(there)
        rates: list[float] = []
        with flooded(port, kind, rates):
            during = pings(there)
    print(f"\n{kind}, {sum(rates):,.0f} a second\n  {show('before', before)}\n  {show('during', during)}")
    assert during[len(during) * 99 // 100] < 500, "it is served in good time, on a machine that others use as well"
    status, text = broker.fetch("/metrics")
    assert status == 200
    assert "myna_half_open" in text
