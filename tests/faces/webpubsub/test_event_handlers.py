"""npm's @azure/web-pubsub-express as the back end of a hub: its handlers see what published clients do against
`myna serve`, and the clients get what it answers.
"""

import json
import queue
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from myna.faces.webpubsub.tokens import MQTT, Tokens
from tests.commands.processes import Serving, serve
from tests.faces.webpubsub.test_sdks import SDK, SERVICES, node_modules, python_with

KEY = "a key for the tests of event handlers, long enough"
PATIENCE = 60.0
EVENTS = "$webpubsub/server/events/"
SYSTEM_EVENTS = '["connect", "connected", "disconnected", "joined", "left"]'
HOST = "push.example:8080"  # which the middleware has been told to take calls of

pytestmark = pytest.mark.slow


class BackEnd:
    """A Node process with the middleware. `wait` waits for an event it has been told of."""

    def __init__(self, middleware: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(SDK / "backend.mjs"), KEY],
            stdout=subprocess.PIPE,
            text=True,
            env={
                "MYNA_NODE_MODULES": str(node_modules()),
                "MYNA_EXPRESS": middleware,
                "PATH": "/usr/local/bin:/usr/bin:/bin",
            },
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.seen: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        ends = time.monotonic() + PATIENCE
        with self._more:
            while True:
                found = next((event for event in self.seen if wanted(event)), None)
                if found is not None:
                    return found
                assert self._more.wait(ends - time.monotonic()), self.seen

    def of(self, connection_id: str) -> list[str]:
        return [event["event"] for event in self.seen if event["id"] == connection_id]

    def release(self) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/release", b"", method="POST")
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self.seen.append(json.loads(line))
                self._more.notify_all()


def is_end_of(field: str, value: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == "disconnected" and event.get(field) == value


@pytest.fixture
def back_end(request: pytest.FixtureRequest) -> Iterator[BackEnd]:
    """With the newest middleware, or the one that a test names."""
    made = BackEnd(getattr(request, "param", "@azure/web-pubsub-express"))
    yield made
    made.stop()


def configure(back_end: BackEnd, folder: Path, store: str) -> str:
    configuration = folder / "myna.toml"
    configuration.write_text(
        f"""
        [server]
        {store}
        [[http]]
        listen = "127.0.0.1:0"
        [log]
        level = "error"
        [faces.webpubsub]
        access_key = "{KEY}"
        hosts = ["{HOST}"]
        [faces.webpubsub.hubs.chat]
        timeout = "5 s"
        [[faces.webpubsub.hubs.chat.handlers]]
        url_template = "http://127.0.0.1:{back_end.port}/events/?code=secret"
        user_event_pattern = "*"
        system_events = {SYSTEM_EVENTS}
        """,
        encoding="utf-8",
    )
    return str(configuration)


@pytest.fixture
def server(back_end: BackEnd, tmp_path: Path) -> Iterator[Serving]:
    with serve("-c", configure(back_end, tmp_path, "memory = true")) as serving:
        yield serving


def connection_string(server: Serving) -> str:
    host, port = server.address("http")
    return f"Endpoint=http://{host}:{port};AccessKey={KEY};Version=1.0;"


def run(server: Serving, *command: str) -> None:
    ran = subprocess.run(
        [*command, connection_string(server)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"MYNA_NODE_MODULES": str(node_modules()), "PATH": "/usr/local/bin:/usr/bin:/bin"},
    )
    assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["done"]), ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("command", "users"),
    [
        (("node", "handled.mjs"), ("js-json", "js-reliable", "js-simple")),
        (("python", "handled.py"), ("py-json", "py-reliable")),
    ],
)
def test_websocket_clients(server: Serving, back_end: BackEnd, command: tuple[str, str], users: list[str]) -> None:
    interpreter = "node" if command[0] == "node" else python_with(SERVICES[0])
    run(server, interpreter, str(SDK / command[1]))
    for user in users:
        gone = back_end.wait(is_end_of("user", user))
        assert gone["reason"] == "Normal"
        told = back_end.of(gone["id"])
        assert told[:2] == ["connect", "connected"]
        in_between = ["joined", "left"] if user in ("js-json", "js-reliable") else []
        assert [event for event in told[2:-1] if event != "user"] == in_between
        assert gone["state"]["visits"] == 1
        assert gone["state"]["events"] == 2
    assert all(event["signed"] for event in back_end.seen)
    assert all(event["protocol"] == "default" for event in back_end.seen)
    assert {event["origin"] for event in back_end.seen if event["event"] == "connect"} == {HOST}
    assert {event["group"] for event in back_end.seen if event["event"] in ("joined", "left")} <= {"room"}


@pytest.mark.parametrize(
    "back_end",
    ["@azure/web-pubsub-express", "web-pubsub-express-1.0"],
    ids=["newest", "the year before"],
    indirect=True,
)
def test_mqtt_js(server: Serving, back_end: BackEnd) -> None:
    run(server, "node", str(SDK / "handled_mqtt.mjs"))
    for client_id in ("mqttjs4", "mqttjs5"):
        gone = back_end.wait(is_end_of("id", client_id))
        assert gone["mqtt"] == {"initiatedByClient": True, "disconnectPacket": {"code": 0, "userProperties": None}}
        assert back_end.of(client_id) == ["connect", "connected", "user", "user", "disconnected"]
        connect = next(event for event in back_end.seen if event["id"] == client_id)
        assert (connect["mqtt"]["username"], connect["mqtt"]["password"]) == ("mary", "c2VjcmV0")
        assert not connect["session"]
    assert all(event["signed"] and event["protocol"] == "mqtt" for event in back_end.seen)


class Device:
    """paho over WebSocket with a token; what it hears."""

    def __init__(
        self,
        server: Serving,
        name: str,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
        *,
        is_lasting: bool = False,
    ) -> None:
        host, port = server.address("http")
        token = Tokens([KEY]).issue(MQTT, "chat", f"http://{host}:{port}", {"sub": name}, 60, time.time())
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        clean = None if protocol == MQTTProtocolVersion.MQTTv5 else not is_lasting
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, clean, transport="websockets", protocol=protocol)
        self._client.ws_set_options(f"/clients/mqtt/hubs/chat?access_token={token}")
        self._client.on_connect = lambda client, userdata, flags, code, more: self.heard.put((str(code), more))
        self._client.on_message = lambda client, userdata, message: self.heard.put((message.topic, message.payload))
        self._client.connect(host, port)
        self._client.loop_start()

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *details: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def take(self) -> tuple[str, Any]:
        return self.heard.get(timeout=PATIENCE)

    def wait_for(self, heard: tuple[str, bytes]) -> None:
        """Others may come before: again, as they were not acknowledged before a crash."""
        while self.take() != heard:
            pass

    def say(self, event: str, payload: bytes = b"") -> None:
        self._client.publish(f"{EVENTS}{event}", payload, qos=1)

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1)


@pytest.mark.parametrize("protocol", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
def test_paho(server: Serving, back_end: BackEnd, protocol: MQTTProtocolVersion) -> None:
    with Device(server, "paho", protocol) as device:
        code, properties = device.take()
        assert code == "Success"
        if protocol == MQTTProtocolVersion.MQTTv5:
            assert properties.UserProperty == [("hello", "paho")]
        device.say("say", b"hi")
        assert device.take() == (f"{EVENTS}say/succeeded", b"echo hi")
    back_end.wait(lambda event: event["event"] == "disconnected")
    assert back_end.of("paho") == ["connect", "connected", "user", "disconnected"]


def test_a_slow_handler_holds_up_nobody_but_who_asked(server: Serving, back_end: BackEnd) -> None:
    with Device(server, "waiting") as waiting, Device(server, "working") as working:
        assert (waiting.take()[0], working.take()[0]) == ("Success", "Success")
        waiting.say("slow")
        waiting.say("say", b"after")
        back_end.wait(lambda event: event.get("name") == "slow")
        working.say("say", b"hi")
        assert working.take()[1] == b"echo hi"
        assert waiting.heard.empty()
        back_end.release()
        assert [waiting.take()[1] for _ in range(2)] == [b"at last", b"echo after"]


def test_without_its_back_end_nobody_comes_in_and_who_is_in_stays(server: Serving, back_end: BackEnd) -> None:
    with Device(server, "first") as first:
        assert first.take()[0] == "Success"
        back_end.stop(signal.SIGKILL)
        first.say("say", b"hi")
        assert first.take()[0] == f"{EVENTS}say/failed"
        with Device(server, "second") as second:
            assert second.take()[0] != "Success"
        first.publish("everybody", b"still here")
        assert first.take() == ("everybody", b"still here")


def test_what_handlers_said_of_a_session_is_there_again_after_a_crash(back_end: BackEnd, tmp_path: Path) -> None:
    configuration = configure(back_end, tmp_path, f'data = "{tmp_path}/data"')
    for events, number in (((1, 2), signal.SIGKILL), ((3,), signal.SIGTERM)):
        with serve("-c", configuration) as server, Device(server, "lasting", is_lasting=True) as device:
            assert device.take()[0] == "Success"
            for count in events:
                device.say("say", b"%d" % count)
                device.wait_for((f"{EVENTS}say/succeeded", b"echo %d" % count))
            # What the handler has said is safe before this message is, which does not come before it is.
            device.publish("everybody", b"%d" % len(events))
            device.wait_for(("everybody", b"%d" % len(events)))
            server.stop(number)
    told = [event for event in back_end.seen if event["event"] in ("connect", "user")]
    assert [(event["event"], event["state"].get("events")) for event in told] == [
        ("connect", None), ("user", None), ("user", 1), ("connect", 2), ("user", 2),
    ]  # fmt: skip
    assert back_end.of("lasting").count("connected") == 1
