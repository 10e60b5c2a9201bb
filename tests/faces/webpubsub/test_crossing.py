"""One broker: REST, WebSocket clients, MQTT over TCP and another API in the same groups, in the real process."""

import json
import queue
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.faces.webpubsub.tokens import CLIENT, Tokens
from myna.formats import jwt
from tests.commands.processes import Serving, serve

HUB = "DevOnly"  # the tenant of plain MQTT clients


@contextmanager
def json_client(server: Serving) -> Iterator[ClientConnection]:
    host, port = server.address("http")
    claims = {"role": ["webpubsub.sendToGroup"], "webpubsub.group": ["room/1"], "sub": "alice"}
    token = Tokens([DEVELOPMENT_KEY]).issue(CLIENT, HUB, f"http://{host}:{port}", claims, 60, time.time())
    url = f"ws://{host}:{port}/client/hubs/{HUB}?access_token={token}"
    with connect(url, subprotocols=[Subprotocol("json.webpubsub.azure.v1")]) as client:
        assert json.loads(client.recv(60))["event"] == "connected"
        yield client


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.status)


def test_everybody_reaches_everybody() -> None:
    arguments = ("--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--bifromq", "127.0.0.1:0")
    with serve(*arguments) as server, json_client(server) as client:
        heard: queue.Queue[tuple[str, bytes, int]] = queue.Queue()
        ready: queue.Queue[bool] = queue.Queue()
        mqtt = paho.Client(CallbackAPIVersion.VERSION2, "tcp")
        mqtt.on_connect = lambda mqtt, userdata, flags, code, properties: mqtt.subscribe("room/+", 1)
        mqtt.on_subscribe = lambda mqtt, userdata, mid, codes, properties: ready.put(True)
        mqtt.on_message = lambda mqtt, userdata, message: heard.put(
            (message.topic, bytes(message.payload), message.qos)
        )
        mqtt.connect(*server.address("mqtt"))
        mqtt.loop_start()
        ready.get(timeout=60)

        client.send(json.dumps({"type": "sendToGroup", "group": "room/1", "dataType": "text", "data": "json"}))
        assert heard.get(timeout=60) == ("room/1", b"json", 1)
        assert json.loads(client.recv(60))["data"] == "json"

        mqtt.publish("room/1", b"tcp", qos=2)
        message = json.loads(client.recv(60))
        assert (message["dataType"], message["data"], message["fromUserId"]) == ("binary", "dGNw", "DevUser")
        assert heard.get(timeout=60) == ("room/1", b"tcp", 1)

        host, port = server.address("http")
        base = f"http://{host}:{port}/api/hubs/{HUB}"
        token = jwt.sign({"aud": base, "exp": int(time.time()) + 60}, DEVELOPMENT_KEY.encode())
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        assert post(f"{base}/groups/room%2F1/:send?api-version=2024-12-01", b'{"a":1}', headers) == 202
        assert heard.get(timeout=60) == ("room/1", b'{"a":1}', 1)
        assert json.loads(client.recv(60))["data"] == {"a": 1}

        headers = {"tenant_id": HUB, "topic": "room/1", "qos": "1", "client_type": "backend"}
        found = re.search(r"BifroMQ +(http://127\.0\.0\.1:\d+)", server.banner)
        assert found is not None
        assert post(f"{found[1]}/pub", b"other api", headers) == 200
        assert heard.get(timeout=60) == ("room/1", b"other api", 1)
        message = json.loads(client.recv(60))
        assert "fromUserId" not in message
        assert message["dataType"] == "binary"
        mqtt.disconnect()
        mqtt.loop_stop()
