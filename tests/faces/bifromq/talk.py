"""Both sides of BifroMQ's API: the calls of a back end, and MQTT clients by paho."""

import http.client
import queue
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.commands.processes import Serving

PATIENCE = 60.0
VERSIONS = {"3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]

    def told(self) -> tuple[int, str]:
        return self.status, self.body.decode()


class Api:
    """A back end with one connection that it keeps."""

    def __init__(self, broker: Serving) -> None:
        found = re.search(r"BifroMQ +http://127\.0\.0\.1:(\d+)", broker.banner)
        assert found is not None
        self.port = int(found[1])
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def call(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            self._connection.putheader(name, value.encode())
        self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body)
        response = self._connection.getresponse()
        said = response.read()
        return Reply(response.status, said, {name.lower(): value for name, value in response.getheaders()})

    def publish(self, tenant: str, topic: str, body: bytes = b"", qos: int = 1, **more: str) -> Reply:
        headers = {"tenant_id": tenant, "topic": topic, "qos": str(qos), "client_type": "test", **more}
        return self.call("POST", "/pub", headers, body)

    def retain(self, tenant: str, topic: str, body: bytes = b"", qos: int = 1, **more: str) -> Reply:
        headers = {"tenant_id": tenant, "topic": topic, "qos": str(qos), "client_type": "test", **more}
        return self.call("POST", "/retain", headers, body)

    def kill(self, tenant: str, **more: str) -> Reply:
        return self.call("DELETE", "/kill", {"tenant_id": tenant, "client_type": "test", **more})

    def close(self) -> None:
        self._connection.close()


class Paho:
    """An MQTT client whose callbacks are queues. Its user name is `tenant/user`, the open gate's way of naming both."""

    def __init__(
        self, broker: Serving, version: str, tenant: str, user: str, client_id: str = "", *, persistent: bool = False
    ) -> None:
        self.version = version
        self.client_id = client_id or uuid.uuid4().hex[:20]
        self.key = {"tenant_id": tenant, "user_id": user, "client_id": self.client_id}
        self.persistent = persistent
        self.messages: queue.Queue[Any] = queue.Queue()
        self.gone: queue.Queue[Any] = queue.Queue()
        self._connected: queue.Queue[Any] = queue.Queue()
        self._granted: queue.Queue[Any] = queue.Queue()
        self._published: queue.Queue[Any] = queue.Queue()
        fields: dict[str, Any] = {} if version == "5" else {"clean_session": not persistent}
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            self.client_id,
            protocol=VERSIONS[version],
            reconnect_on_failure=False,
            **fields,
        )
        self.client.username_pw_set(f"{tenant}/{user}", "any")
        self.client.on_connect = lambda c, u, flags, code, properties: self._connected.put((flags, code, properties))
        self.client.on_disconnect = lambda c, u, flags, code, properties: self.gone.put((flags, code, properties))
        self.client.on_message = lambda c, u, message: self.messages.put(message)
        self.client.on_subscribe = lambda c, u, mid, codes, properties: self._granted.put(codes)
        self.client.on_unsubscribe = lambda c, u, mid, codes, properties: self._granted.put(codes)
        self.client.on_publish = lambda c, u, mid, code, properties: self._published.put(code)
        self._address = broker.address("mqtt")

    def connect(self, *, clean: bool | None = None, keepalive: int = 60) -> Any:
        """Flags, code and properties of the CONNACK."""
        options: dict[str, Any] = {}
        if self.version == "5":
            options["clean_start"] = not self.persistent if clean is None else clean
            if self.persistent:
                options["properties"] = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                options["properties"].SessionExpiryInterval = 600
        self.client.connect(*self._address, keepalive=keepalive, **options)
        self.client.loop_start()
        return self._connected.get(timeout=PATIENCE)

    def subscribe(self, filter: str, qos: int = 1) -> int:
        self.client.subscribe(filter, qos)
        return int(self._granted.get(timeout=PATIENCE)[0].value)

    def unsubscribe(self, filter: str) -> Any:
        self.client.unsubscribe(filter)
        return self._granted.get(timeout=PATIENCE)

    def publish(self, topic: str, payload: bytes, qos: int = 1, **options: Any) -> Any:
        self.client.publish(topic, payload, qos, **options)
        return self._published.get(timeout=PATIENCE)

    def next(self) -> Any:
        return self.messages.get(timeout=PATIENCE)

    def end(self) -> Any:
        """How the connection ended: flags, code and properties."""
        return self.gone.get(timeout=PATIENCE)

    def leave(self) -> None:
        """A clean end, awaited."""
        self.client.disconnect()
        self.end()
        self.client.loop_stop()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def paho(
    broker: Serving, version: str, tenant: str, user: str = "alice", client_id: str = "", *, persistent: bool = False
) -> Iterator[Paho]:
    """A client that is connected."""
    client = Paho(broker, version, tenant, user, client_id, persistent=persistent)
    client.connect()
    try:
        yield client
    finally:
        client.stop()


def new_tenant() -> str:
    """One nobody else uses."""
    return f"t{uuid.uuid4().hex[:12]}"
