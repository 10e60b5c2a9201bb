"""`myna serve` as a deployment runs it: a configuration, a database, a real client; and again after a restart."""

import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.commands.processes import PATIENCE, Serving, myna
from tests.registry.databases import BACKENDS, fresh_database

CONFIGURATION = """\
[server]
data = "{data}"
[[mqtt]]
listen = "127.0.0.1:0"
[access]
mqtt = ["devicehive"]
[faces.devicehive]
registry = "{registry}"
secret = "devicehive"
"""


@contextmanager
def running(file: Path) -> Iterator[Serving]:
    process = myna("serve", "-c", str(file))
    try:
        yield Serving(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


class Client:
    """paho, one question at a time."""

    def __init__(self, address: tuple[str, int], password: str, protocol: MQTTProtocolVersion) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "paho", protocol=protocol)
        self._client.username_pw_set("dhadmin", password)
        self._subscribed, self._answered = threading.Event(), threading.Event()
        self.code: Any = None
        self.answer: dict[str, Any] = {}
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._message
        self._client.connect(*address)
        self._client.loop_start()

    def ask(self, action: str, **members: Any) -> dict[str, Any]:
        assert self._subscribed.wait(PATIENCE)
        self._answered.clear()
        self._client.publish("dh/request", json.dumps({"action": action, **members}), 1)
        assert self._answered.wait(PATIENCE)
        return self.answer

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: mqtt.Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
        client.subscribe("dh/response/#", 1)

    def _message(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        self.answer = json.loads(message.payload)
        self._answered.set()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_deployment_and_its_restart(tmp_path: Path, backend: str) -> None:
    database = fresh_database(backend, tmp_path, development=False)
    file = tmp_path / "myna.toml"
    registry = database if isinstance(database, str) else ""
    file.write_text(CONFIGURATION.format(data=tmp_path / "data", registry=registry))
    with running(file) as server:
        found = re.search(r"the administrator is dhadmin with password (\S+)", server.banner)
        assert found is not None
        client = Client(server.address("mqtt"), found[1], MQTTProtocolVersion.MQTTv5)
        assert client.ask("device/save", deviceId="d", device={"name": "n"})["status"] == "success"
        client.close()
    with running(file) as server:
        assert found[1] not in server.banner
        client = Client(server.address("mqtt"), found[1], MQTTProtocolVersion.MQTTv31)
        devices = client.ask("device/list")["devices"]
        client.close()
    assert [one["id"] for one in devices] == ["d", "e50d6085-2aba-48e9-b1c3-73c673e414be"]


def test_a_database_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        file = tmp_path / "myna.toml"
        url = f"postgresql://myna:hunter2@127.0.0.1:{nobody.getsockname()[1]}/none"
        file.write_text(CONFIGURATION.format(data=tmp_path / "data", registry=url))
        process = myna("serve", "-c", str(file))
        _, error = process.communicate(timeout=PATIENCE)
        assert process.returncode != 0
        assert "Traceback" not in error
        assert "the registry: " in error
        assert "hunter2" not in error
        checked = myna("check", "-c", str(file))
        assert checked.communicate(timeout=PATIENCE)[1] == ""
        assert checked.returncode == 0
