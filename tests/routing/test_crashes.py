"""kill -9 at any moment, again and again, and an account of every event: what was acknowledged to its publisher reaches
the endpoint, whatever that does meanwhile, and for each topic in order.

Lives per run: MYNA_ROUNDS times six; a short round runs always. What a newcomer gets wrong: an event may come twice,
and one that was not acknowledged may come as well. It may not come before an earlier one of its topic has.
"""

import base64
import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.routing.running import PATIENCE, Endpoint, configure, endpoint

LIVES = int(os.environ.get("MYNA_ROUNDS", "1")) * 6
TOPICS = 5
UNRELIABLE = ("--fail", "0.1", "--drop", "0.05", "--slow", "0.2")
MORE = {
    "single": "ordered = true\nconcurrency = 8\n",
    "batches": "ordered = true\nconcurrency = 4\nmax_events_per_batch = 20\n",
}


class Life:
    """One life of the broker, on what the one before has left."""

    def __init__(self, file: Path) -> None:
        serving = Path(__file__).parents[1] / "store" / "serving.py"
        self.process = subprocess.Popen(
            [sys.executable, str(serving), "-c", str(file), "--log-level", "error"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None  # it is a pipe
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("ready"):
                break
        found = re.search(r"mqtt://127\.0\.0\.1:(\d+)", self.said)
        assert found is not None, self.said
        self.port = int(found[1])

    def kill(self) -> None:
        self.process.kill()
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        assert "Traceback" not in self.said, self.said


class Publisher:
    """At QoS 1, with few under way; knows which were acknowledged."""

    def __init__(self, seed: int) -> None:
        self.acknowledged: set[int] = set()
        self.sent = 0
        self._dice = random.Random(seed)

    def work(self, life: Life, count: int) -> None:
        """Publish so many, then kill the broker with some of them under way."""
        dice = self._dice
        with socket.create_connection(("127.0.0.1", life.port), timeout=PATIENCE) as client:
            client.sendall(b"\x10\x0f\0\4MQTT\4\2\0\0\0\3pub")
            assert client.recv(4) == b"\x20\2\0\0"
            waiting: list[int] = []
            for _ in range(count):
                burst = range(self.sent, self.sent + dice.randint(1, 12))
                client.sendall(b"".join(packet(number) for number in burst))
                self.sent = burst.stop
                waiting += burst
                if dice.random() < 0.9:
                    self._read(client, waiting, all_of_them=True)
            self._read(client, waiting, all_of_them=False)
            life.kill()

    def _read(self, client: socket.socket, waiting: list[int], *, all_of_them: bool) -> None:
        """PUBACKs come in the order of the publishes."""
        while waiting:
            if not all_of_them:
                client.setblocking(False)
            try:
                data = client.recv(4, socket.MSG_WAITALL if all_of_them else 0)
            except BlockingIOError:
                return
            assert data[:2] == b"\x40\2"
            number = waiting.pop(0)
            assert int.from_bytes(data[2:4], "big") == number % 65_535 + 1
            self.acknowledged.add(number)


def packet(number: int) -> bytes:
    topic = b"t/%d" % (number % TOPICS)
    body = len(topic).to_bytes(2, "big") + topic + (number % 65_535 + 1).to_bytes(2, "big") + b"%d" % number
    return b"\x32" + bytes((len(body),)) + body


def check(hook: Endpoint, publisher: Publisher) -> None:
    def numbers(events: list[dict[str, object]]) -> list[int]:
        return [int(base64.b64decode(str(event["data_base64"]))) for event in events]

    events = hook.wait_for(lambda events: publisher.acknowledged <= set(numbers(events)))
    firsts = list(dict.fromkeys(numbers(events)))
    assert set(firsts) <= set(range(publisher.sent))
    for topic in range(TOPICS):
        mine = [number for number in firsts if number % TOPICS == topic]
        assert mine == sorted(mine)
    ids: dict[int, set[object]] = {}
    for event, number in zip(events, numbers(events), strict=True):
        ids.setdefault(number, set()).add(event["id"])
    assert all(len(same) == 1 for same in ids.values()), "a repetition has another id"


def account(folder: Path, form: str, lives: int, seed: int) -> None:
    with endpoint(folder / "events", "--seed", str(seed), *UNRELIABLE) as hook:
        file = configure(folder, hook.port, MORE[form])
        publisher = Publisher(seed)
        for _ in range(lives):
            publisher.work(Life(file), 40)
        last = Life(file)
        try:
            check(hook, publisher)
        finally:
            last.kill()
        assert len(publisher.acknowledged) > 100 * lives


def test_a_crash_loses_no_event_that_was_acknowledged(tmp_path: Path) -> None:
    account(tmp_path, "single", 2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("form", list(MORE))
@pytest.mark.parametrize("seed", range(2))
def test_many_crashes_lose_no_event_that_was_acknowledged(tmp_path: Path, form: str, seed: int) -> None:
    account(tmp_path, form, LIVES, seed)
