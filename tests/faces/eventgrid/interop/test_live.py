"""Streams and replies over real sockets: a client that goes and comes back, and a device that answers."""

import queue
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.faces.eventgrid.interop.conftest import Broker
from tests.faces.eventgrid.interop.test_subscribers import PATIENCE, publish


class EventSource:
    """As little of one as it takes."""

    def __init__(self, broker: Broker, filter: str, last: str = "") -> None:
        host, port = broker.serving.address("http")
        self._socket = socket.create_connection((host, port), timeout=PATIENCE)
        resume = f"last-event-id: {last}\r\n" if last else ""
        head = (
            f"GET /mqtt/messages?topicFilter={filter} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
            f"authorization: Bearer {broker.token}\r\n{resume}\r\n"
        )
        self._socket.sendall(head.encode())
        self._text = b""
        while b"retry: " not in self._text:
            self._read()

    def event(self) -> dict[str, str]:
        while b"\ndata: " not in self._text or not self._text.rsplit(b"\ndata: ", 1)[1].count(b"\n"):
            self._read()
        lines = [line for line in self._text.decode().split("\n") if ": " in line]
        fields = dict(line.split(": ", 1) for line in lines)
        self._text = b""
        return fields

    def leave(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        chunk = self._socket.recv(65536)
        assert chunk, self._text
        self._text += chunk


def test_a_stream_is_resumed_where_it_was_left(broker: Broker) -> None:
    source = EventSource(broker, "live%2F%23")
    assert publish(broker, "live%2F1", b"first", {}) in (202, 204)
    event = source.event()
    assert '"payload":"first"' in event["data"]
    source.leave()
    assert publish(broker, "live%2F2", b"meanwhile", {}) in (202, 204)  # somebody still wants it
    again = EventSource(broker, "live%2F%23", event["id"])
    assert '"payload":"meanwhile"' in again.event()["data"]
    again.leave()


def test_a_device_answers_a_request_over_http(broker: Broker) -> None:
    device = paho.Client(CallbackAPIVersion.VERSION2, "live-device", protocol=MQTTProtocolVersion.MQTTv5)
    ready: queue.Queue[bool] = queue.Queue()

    def answer(client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        asked: Any = message.properties  # their attributes are made at run time
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's has no types
        properties.CorrelationData = asked.CorrelationData
        properties.ContentType = "text/plain"
        client.publish(asked.ResponseTopic, b"pong to " + message.payload, 1, properties=properties)

    device.on_message = answer
    device.on_subscribe = lambda *_: ready.put(True)
    device.connect(*broker.mqtt)
    device.loop_start()
    device.subscribe("live/device/prompt", 1)
    ready.get(timeout=PATIENCE)
    status, body, content_type = ask(broker, "live%2Fdevice%2Fprompt", b"ping", 10_000)
    assert (status, body, content_type) == (200, b"pong to ping", "text/plain")
    device.disconnect()
    device.loop_stop()
    began = time.monotonic()
    status, _, _ = ask(broker, "live%2Fdevice%2Fprompt", b"ping", 50)
    assert status == 504
    assert time.monotonic() - began < PATIENCE


def ask(broker: Broker, topic: str, payload: bytes, milliseconds: int) -> tuple[int, bytes, str]:
    request = urllib.request.Request(
        f"{broker.url}/mqtt/messages?topic={topic}",
        data=payload,
        headers={"authorization": f"Bearer {broker.token}", "mqtt-reply-wait-ms": str(milliseconds)},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read(), response.headers["content-type"]
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers["content-type"]
