"""NATS going down and up while events go to it: a stream has each of them, once, and in the order of its topic."""

import asyncio
import importlib.util
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from myna.client import Client, Introduction
from myna.client.address import parse_url
from tests.commands.processes import PATIENCE, Serving
from tests.ports import reserved_port
from tests.routing.test_elsewhere import delivering

TOPICS = 4


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as number:
        yield number


class Nats:
    def __init__(self, folder: Path, port: int, password: str = "") -> None:
        program = shutil.which("nats-server")
        if program is None:
            pytest.skip("nats-server is not installed (apt-get install nats-server)")
        if importlib.util.find_spec("nats") is None:
            pytest.skip("the client of NATS is not installed (pip install nats-py)")
        self._file = folder.with_suffix(".conf")
        self._settings = f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}" }}\n'
        self._command = [program, "-c", str(self._file)]
        self.start(password)

    def start(self, password: str = "") -> None:
        wanted = f"authorization {{ user: me, password: {password} }}\n" if password else ""
        self._file.write_text(self._settings + wanted)
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None  # it is a pipe
        next(line for line in self._process.stderr if "Server is ready" in line)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)


async def publish(port: int, numbers: range) -> None:
    client = Client(parse_url(f"mqtt://127.0.0.1:{port}").address, Introduction())
    await client.connect()
    sent = [await client.send(f"t/{number % TOPICS}", b"%d" % number, 1) for number in numbers]
    await asyncio.gather(*sent)
    await client.disconnect()


async def read(client: Any, count: int) -> list[tuple[str, int]]:
    subscription = await client.jetstream().pull_subscribe("kept.>", "reader")
    found: list[tuple[str, int]] = []
    async with asyncio.timeout(PATIENCE):
        while len(set(found)) < count:
            for message in await subscription.fetch(100, PATIENCE):
                found.append((message.subject, int(message.data)))
                await message.ack()
    return found


def test_a_stream_gets_every_event_though_its_server_is_killed_again_and_again(tmp_path: Path, port: int) -> None:
    server = Nats(tmp_path / "jetstream", port)
    destination = (
        f'kind = "nats"\nservers = ["nats://127.0.0.1:{port}"]\nsubject = "kept.${{topic}}"\njetstream = true\n'
        'mode = "binary"\nordered = true\nretry = ["0.1s"]\nhold_back = "0.2s"\nmax_delivery_count = 0\n'
        'timeout = "1s"\n'
    )

    async def run(serving: Serving) -> list[tuple[str, int]]:
        import nats  # where there is a server, there is its client

        client = await nats.connect(f"nats://127.0.0.1:{port}", max_reconnect_attempts=-1)
        await client.jetstream().add_stream(name="kept", subjects=["kept.>"])
        entry = serving.address("mqtt")[1]
        for turn in range(3):
            publishing = asyncio.ensure_future(publish(entry, range(turn * 60, turn * 60 + 60)))
            await asyncio.sleep(0)
            await asyncio.to_thread(server.kill)
            await publishing
            await asyncio.to_thread(server.start)
        await client.close()
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        found = await read(client, 180)
        await client.close()
        return found

    try:
        with delivering(tmp_path, destination) as serving:
            found = asyncio.run(run(serving))
            _, _, err = serving.stop()
            assert "Traceback" not in err
    finally:
        server.kill()
    assert {number for _, number in found} == set(range(180))
    for topic in range(TOPICS):
        firsts = list(dict.fromkeys(number for subject, number in found if subject == f"kept.t.{topic}"))
        assert firsts == sorted(firsts)


def test_a_server_that_wants_a_password_gets_it_and_nobody_else_does(tmp_path: Path, port: int) -> None:
    server = Nats(tmp_path / "jetstream", port, "s3cr3t")
    try:
        for address, right in (("me:s3cr3t@127.0.0.1", True), ("me:wr0ng@127.0.0.1", False), ("127.0.0.1", False)):
            folder = tmp_path / address.replace(":", "-")
            folder.mkdir()
            with delivering(folder, plain(address, port)) as serving:
                asyncio.run(publish(serving.address("mqtt")[1], range(1)))
                if right:
                    wait_for_deliveries(serving, 1)
                said = "" if right else serving.wait_for("uthorization")
                _, _, err = serving.stop()
                assert "s3cr3t" not in said + err
                assert "wr0ng" not in said + err
    finally:
        server.kill()


def test_a_login_that_is_refused_for_a_while_is_not_given_up(tmp_path: Path, port: int) -> None:
    server = Nats(tmp_path / "jetstream", port, "s3cr3t")
    try:
        with delivering(tmp_path, plain("me:s3cr3t@127.0.0.1", port)) as serving:
            asyncio.run(publish(serving.address("mqtt")[1], range(1)))
            wait_for_deliveries(serving, 1)
            server.kill()
            server.start("0ther")
            asyncio.run(publish(serving.address("mqtt")[1], range(1)))
            serving.wait_for("uthorization")
            server.kill()
            server.start("s3cr3t")
            wait_for_deliveries(serving, 2)
    finally:
        server.kill()


def plain(address: str, port: int) -> str:
    return (
        f'kind = "nats"\nservers = ["nats://{address}:{port}"]\nretry = ["0.1s"]\nhold_back = "0.2s"\n'
        "max_delivery_count = 0\ntimeout = '1s'\n[administration]\nmetrics = 'open'\n"
    )


def wait_for_deliveries(serving: Serving, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while f'delivered_total{{destination="there"}} {count}' not in serving.fetch("/metrics")[1]:
        assert time.monotonic() < until
        time.sleep(0.05)
