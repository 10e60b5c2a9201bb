"""Bridges to mosquitto while one of the two goes down and comes back: what was acknowledged gets to the other side."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from myna.client import Client, ClientError, Introduction
from myna.client.address import parse_url
from myna.client.session import Session
from myna.commands import main
from myna.wire.packets import MQTT_5, Publish, SubscriptionRequest
from myna.wire.properties import Properties
from tests.commands.processes import PATIENCE, serve
from tests.ports import reserved_port
from tests.routing.test_elsewhere import CONFIGURATION, delivering

# `user root`: as root, mosquitto becomes a user of its own, who may not read and write where we do.
LISTENER = """
listener {port} 127.0.0.1
persistence true
persistence_location {folder}/
max_queued_messages 0
user root
"""
OPEN = "allow_anonymous true\n"


class Mosquitto:
    """One that keeps what it has while it is down, on the same port each time."""

    def __init__(self, folder: Path, port: int, more: str) -> None:
        program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
        if program is None:
            pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
        folder.mkdir()
        self.port = port
        self._file = folder / "mosquitto.conf"
        self._file.write_text(LISTENER.format(port=self.port, folder=folder) + more)
        self._command = [program, "-c", str(self._file)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                if time.monotonic() > until or self._process.poll() is not None:
                    self.stop()
                    raise AssertionError("mosquitto does not answer") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """With what it has on disk."""
        self._process.terminate()
        self._process.wait(PATIENCE)


@contextmanager
def mosquitto(folder: Path, more: str = OPEN) -> Iterator[Mosquitto]:
    with reserved_port() as port:
        one = Mosquitto(folder, port, more)
        try:
            yield one
        finally:
            one.stop()


class Persistent:
    """A client that comes back to its session, and knows what was acknowledged and what has come."""

    def __init__(self, url: str, name: str, qos: int) -> None:
        properties = Properties()
        properties.session_expiry = 3600
        self._address = parse_url(url).address
        self._introduction = Introduction(MQTT_5, name, False, 60, properties=properties)
        self._session = Session()
        self._qos = qos
        self.got: list[tuple[str, int]] = []
        self.client: Client | None = None

    def _receive(self, packet: Publish) -> bool:
        self.got.append((packet.topic, int(packet.payload)))
        return True

    async def connect(self, filter: str = "") -> Client:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                await self.close()
                client = Client(self._address, self._introduction, self._receive, self._session)
                await client.connect()
                if filter:
                    await client.subscribe([SubscriptionRequest(filter, self._qos)])
                self.client = client
                return client
            except ClientError:
                assert time.monotonic() < until
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        if self.client is not None:
            await self.client.disconnect()

    async def publish(self, topic: str, numbers: range) -> None:
        """Until all are acknowledged, whatever breaks."""
        client = await self.connect() if self.client is None else self.client
        waiting = list(numbers)
        while waiting:
            try:
                for number in list(waiting):
                    await client.publish(topic, b"%d" % number, self._qos)
                    waiting.remove(number)
            except ClientError:
                client = await self.connect()

    async def wait_for(self, numbers: set[int], filter: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not numbers <= {number for _, number in self.got}:
                client = self.client
                if client is None or client.closed.is_set():
                    await self.connect(filter)
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_sent_arrives_though_the_other_broker_goes_down_again_and_again(tmp_path: Path, qos: int) -> None:
    with mosquitto(tmp_path / "there") as there:
        destination = (
            f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{there.port}"\nqos = {qos}\nordered = true\nconcurrency = 4\n'
            'retry = ["0.1s"]\nhold_back = "0.2s"\nmax_delivery_count = 0\n'
        )

        async def run(port: int) -> None:
            reader = Persistent(f"mqtt://127.0.0.1:{there.port}", "reader", qos)
            await reader.connect("t/#")
            writer = Persistent(f"mqtt://127.0.0.1:{port}", "writer", 1)
            for turn in range(3):
                publishing = asyncio.ensure_future(writer.publish(f"t/{turn % 2}", range(turn * 100, turn * 100 + 100)))
                await asyncio.sleep(0)
                await asyncio.to_thread(there.stop)
                await asyncio.to_thread(there.start)
                await reader.connect("t/#")
                await publishing
            await reader.wait_for(set(range(300)), "t/#")
            for topic in ("t/0", "t/1"):
                firsts = list(dict.fromkeys(number for at, number in reader.got if at == topic))
                assert firsts == sorted(firsts)
            await asyncio.gather(reader.close(), writer.close())

        with delivering(tmp_path, destination) as serving:
            serving.wait_for("is connected to")
            asyncio.run(run(serving.address("mqtt")[1]))


@pytest.mark.parametrize("qos", [1, 2])
def test_what_comes_from_there_survives_our_own_end(tmp_path: Path, qos: int) -> None:
    with mosquitto(tmp_path / "there") as there, reserved_port() as port:
        configuration = CONFIGURATION.replace("127.0.0.1:0", f"127.0.0.1:{port}", 1) + (
            f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{there.port}"\nprefix = "out/"\n'
            f'subscribe = [{{ filter = "in/#", qos = {qos} }}]\n'
        )
        (tmp_path / "myna.toml").write_text(configuration)

        async def run() -> None:
            writer = Persistent(f"mqtt://127.0.0.1:{there.port}", "writer", qos)
            reader = Persistent(f"mqtt://127.0.0.1:{port}", "reader", qos)
            for turn in range(3):
                with serve("-c", "myna.toml", cwd=tmp_path) as serving:
                    await asyncio.to_thread(serving.wait_for, "is connected to")
                    await reader.connect("in/#")
                    await writer.publish("in/1", range(turn * 100, turn * 100 + 60))
                    serving.process.send_signal(signal.SIGKILL)
                    serving.process.wait(PATIENCE)
                await writer.publish("in/1", range(turn * 100 + 60, turn * 100 + 100))
            with serve("-c", "myna.toml", cwd=tmp_path):
                await reader.wait_for(set(range(300)), "in/#")
                await asyncio.gather(reader.close(), writer.close())

        asyncio.run(run())


def test_with_tls_and_a_password_and_only_for_who_may(tmp_path: Path) -> None:
    certificates = tmp_path / "certificates"
    assert main(["cert", "server", "--dir", str(certificates)]) == 0
    users = tmp_path / "users"
    made = subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "bridge", "s3cr3t"], check=False)
    assert made.returncode == 0
    secure = (
        f"certfile {certificates}/server.pem\nkeyfile {certificates}/server.key\npassword_file {users}\n"
        "allow_anonymous false\n"
    )
    with mosquitto(tmp_path / "there", secure) as there:
        url = f"mqtts://localhost:{there.port}"
        right = f'kind = "mqtt"\nurl = "{url}"\ntrust = "{certificates}/ca.pem"\nuser_name = "bridge"\n'
        with delivering(tmp_path, right + 'password = "s3cr3t"\n') as serving:
            assert f"is connected to localhost:{there.port}" in serving.wait_for("is connected to")
            _, _, err = serving.stop()
            assert "s3cr3t" not in serving.banner + err
        with delivering(tmp_path, right + 'password = "wr0ng"\n') as serving:
            said = serving.wait_for("refused the connection")
            assert "wr0ng" not in said
        stranger = f'kind = "mqtt"\nurl = "mqtts://bridge:s3cr3t@localhost:{there.port}"\n'
        with delivering(tmp_path, stranger) as serving:
            said = serving.wait_for("trying again")
            assert "certificate" in said
            assert "s3cr3t" not in said


def test_a_bridge_of_both_directions_makes_no_loop(tmp_path: Path) -> None:
    """The same topics there and back: nothing of ours comes back with MQTT 5, and what comes from there stays here."""
    with mosquitto(tmp_path / "there") as there:
        destination = f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{there.port}"\nsubscribe = [{{ filter = "#" }}]\n'

        async def run(port: int) -> None:
            here = Persistent(f"mqtt://127.0.0.1:{port}", "here", 1)
            afar = Persistent(f"mqtt://127.0.0.1:{there.port}", "afar", 1)
            await here.connect("#")
            await afar.connect("#")
            await here.publish("a", range(1))
            await afar.publish("b", range(1, 2))
            await here.publish("end", range(2, 3))
            await afar.publish("end", range(3, 4))
            await here.wait_for({0, 1, 2, 3}, "#")
            await afar.wait_for({0, 1, 2, 3}, "#")
            for one in (here, afar):
                assert sorted(one.got) == [("a", 0), ("b", 1), ("end", 2), ("end", 3)]
                await one.close()

        with delivering(tmp_path, destination) as serving:
            serving.wait_for("is connected to")
            asyncio.run(run(serving.address("mqtt")[1]))


def test_retained_messages_come_once_however_often_the_connection_breaks(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "there") as there:
        destination = f'kind = "mqtt"\nurl = "mqtt://127.0.0.1:{there.port}"\nsubscribe = [{{ filter = "in/#" }}]\n'

        async def run(port: int) -> None:
            here = Persistent(f"mqtt://127.0.0.1:{port}", "here", 1)
            await here.connect("in/#")
            await here.wait_for({7}, "in/#")
            await asyncio.to_thread(there.stop)
            await asyncio.to_thread(there.start)
            await asyncio.to_thread(serving.wait_for, "is connected to")
            writer = Persistent(f"mqtt://127.0.0.1:{there.port}", "writer", 1)
            await writer.publish("in/live", range(8, 9))
            await here.wait_for({8}, "in/#")
            assert here.got == [("in/kept", 7), ("in/live", 8)]
            await asyncio.gather(here.close(), writer.close())

        assert main(["pub", "-p", str(there.port), "-q", "1", "-r", "-t", "in/kept", "-m", "7"]) == 0
        with delivering(tmp_path, destination) as serving:
            serving.wait_for("is connected to")
            asyncio.run(run(serving.address("mqtt")[1]))


def test_a_secret_in_an_address_is_not_in_what_is_said_of_it(tmp_path: Path) -> None:
    from tests.commands.processes import outcome

    (tmp_path / "myna.toml").write_text(CONFIGURATION + 'kind = "mqtt"\nurl = "mqtt://me:s3cr3t@host:99999"\n')
    code, out, err = outcome("check", "-c", "myna.toml", cwd=tmp_path)
    assert code != 0
    assert "the port is a number" in out + err
    assert "s3cr3t" not in out + err
