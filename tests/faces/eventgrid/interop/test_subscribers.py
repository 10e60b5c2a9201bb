"""What is published over HTTP, as paho and mqtt.js see it: every property, at both versions, over both transports."""

import json
import queue
import subprocess
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.faces.eventgrid.interop.conftest import HERE, Broker

EVERY_BYTE = bytes(range(256))
HEADERS = {
    "mqtt-response-topic": "replies%2F%C3%BC",
    "mqtt-correlation-data": "PlXCscK2wrbCuy8=",
    "mqtt-user-properties": "W3siYSI6IjEifSx7ImEiOiIyIn0seyLQutC70Y7RhyI6IsOpIn1d",
    "mqtt-message-expiry": "300",
    "mqtt-payload-format-indicator": "0",
    "content-type": "text/plain;charset=UTF-8",
}
PATIENCE = 60.0


def publish(broker: Broker, topic: str, payload: bytes, headers: dict[str, str], query: str = "") -> int:
    request = urllib.request.Request(
        f"{broker.url}/mqtt/messages?topic={topic}&api-version=2025-02-15-preview{query}",
        data=payload,
        headers={"authorization": f"Bearer {broker.token}", **headers},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            assert response.headers["mqtt-reason-code"] == "0"
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


class Subscriber:
    def __init__(self, broker: Broker, version: MQTTProtocolVersion, filter: str, **more: Any) -> None:
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        subscribed: queue.Queue[bool] = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, f"paho-{uuid.uuid4().hex}", protocol=version)
        client.on_message = lambda _client, _data, message: self.messages.put(message)
        client.on_subscribe = lambda *_: subscribed.put(True)
        for name, value in more.items():
            client.username_pw_set(name, value)
        client.connect(*broker.mqtt)
        client.loop_start()
        client.subscribe(filter, 1)
        subscribed.get(timeout=PATIENCE)
        self._client = client

    def next(self) -> paho.MQTTMessage:
        return self.messages.get(timeout=PATIENCE)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_paho_sees_every_property_and_both_versions_the_same_payload(broker: Broker) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    five = Subscriber(broker, MQTTProtocolVersion.MQTTv5, topic)
    four = Subscriber(broker, MQTTProtocolVersion.MQTTv311, "paho/+")
    assert publish(broker, topic.replace("/", "%2F"), EVERY_BYTE, HEADERS) in (202, 204)
    message = five.next()
    assert (message.topic, message.payload, message.qos, message.retain) == (topic, EVERY_BYTE, 1, False)
    properties: Any = message.properties  # its attributes are made at run time
    assert properties.ResponseTopic == "replies/ü"
    assert properties.CorrelationData == bytes.fromhex("3E55C2B1C2B6C2B6C2BB2F")
    assert properties.UserProperty == [("a", "1"), ("a", "2"), ("ключ", "é")]
    assert properties.ContentType == "text/plain;charset=UTF-8"
    assert properties.MessageExpiryInterval in (299, 300)
    message = four.next()
    assert (message.topic, message.payload, message.qos) == (topic, EVERY_BYTE, 1)
    five.stop()
    four.stop()


def test_a_token_is_a_password(broker: Broker) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    subscriber = Subscriber(broker, MQTTProtocolVersion.MQTTv311, topic, anybody=broker.token)
    assert publish(broker, topic.replace("/", "%2F"), b"x", {}, "&qos=0") in (202, 204)
    assert (message := subscriber.next()).qos == 0
    assert message.payload == b"x"
    subscriber.stop()


@pytest.mark.parametrize("scheme", ["mqtt", "ws"])
@pytest.mark.parametrize("version", ["4", "5"])
def test_mqtt_js_sees_every_property(broker: Broker, npm: Path, version: str, scheme: str) -> None:
    topic = f"js/{uuid.uuid4().hex}"
    script = npm / "subscribe.mjs"
    script.write_text((HERE / "subscribe.mjs").read_text())
    url = "mqtt://{}:{}".format(*broker.mqtt) if scheme == "mqtt" else broker.url.replace("http", "ws") + "/mqtt"
    process = subprocess.Popen(["node", str(script), url, version, topic], cwd=npm, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert publish(broker, topic.replace("/", "%2F"), EVERY_BYTE, HEADERS) in (202, 204)
    output, _ = process.communicate(timeout=PATIENCE)
    message = json.loads(output)
    assert (message["topic"], message["payload"], message["qos"]) == (topic, EVERY_BYTE.hex(), 1)
    if version == "5":
        properties = message["properties"]
        assert properties["responseTopic"] == "replies/ü"
        assert properties["correlationData"] == "3e55c2b1c2b6c2b6c2bb2f"
        assert properties["userProperties"] == {"a": ["1", "2"], "ключ": "é"}
        assert properties["contentType"] == "text/plain;charset=UTF-8"
        assert properties["messageExpiryInterval"] in (299, 300)


def test_44_kilobytes_of_headers_pass_and_more_than_64_do_not(broker: Broker) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    subscriber = Subscriber(broker, MQTTProtocolVersion.MQTTv5, topic)
    pairs = '[{"k":"' + "x" * 43_900 + '"}]'
    assert publish(broker, topic.replace("/", "%2F"), b"x", {"mqtt-user-properties": pairs}) in (202, 204)
    properties: Any = subscriber.next().properties
    assert len(properties.UserProperty[0][1]) == 43_900
    subscriber.stop()
    pairs = '[{"k":"' + "x" * 66_000 + '"}]'
    assert publish(broker, "paho%2Fx", b"x", {"mqtt-user-properties": pairs}) == 431
