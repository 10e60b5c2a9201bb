"""Eclipse paho-mqtt, the client most Python programs use: every version, every QoS, TCP and WebSocket."""

import queue
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402
from paho.mqtt.subscribeoptions import SubscribeOptions  # noqa: E402

from tests.commands.processes import Serving  # noqa: E402

PATIENCE = 60.0
VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}
TRANSPORTS = ("tcp", "websockets")


class PahoClient:
    """A paho client whose callbacks are queues."""

    def __init__(
        self, broker: Serving, version: str, transport: str = "tcp", client_id: str = "", **options: Any
    ) -> None:
        self.connected: queue.Queue[Any] = queue.Queue()
        self.gone: queue.Queue[Any] = queue.Queue()
        self.messages: queue.Queue[Any] = queue.Queue()
        self.granted: queue.Queue[Any] = queue.Queue()
        self.published: queue.Queue[Any] = queue.Queue()
        if VERSIONS[version] != mqtt.MQTTv5 and "clean_session" not in options:
            options["clean_session"] = True
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id or uuid.uuid4().hex[:20],
            protocol=VERSIONS[version],
            transport=transport,
            **options,
        )
        self.client.on_connect = lambda c, u, flags, code, properties: self.connected.put((flags, code, properties))
        self.client.on_disconnect = lambda c, u, flags, code, properties: self.gone.put(code)
        self.client.on_message = lambda c, u, message: self.messages.put(message)
        self.client.on_subscribe = lambda c, u, mid, codes, properties: self.granted.put(codes)
        self.client.on_publish = lambda c, u, mid, code, properties: self.published.put(code)
        self._address = broker.address("mqtt" if transport == "tcp" else "http")

    def connect(self, **options: Any) -> Any:
        self.client.connect(*self._address, **options)
        self.client.loop_start()
        return self.connected.get(timeout=PATIENCE)

    def subscribe(self, filter: str, qos: int = 0, **options: Any) -> Any:
        self.client.subscribe(filter, qos, **options)
        return self.granted.get(timeout=PATIENCE)

    def next_message(self) -> Any:
        return self.messages.get(timeout=PATIENCE)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def client(broker: Serving, version: str, transport: str = "tcp", client_id: str = "", **options: Any) -> Iterator[Any]:
    made = PahoClient(broker, version, transport, client_id, **options)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_messages_of_every_qos_go_both_ways(broker: Serving, version: str, transport: str) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    with client(broker, version, transport) as paho:
        paho.connect()
        paho.subscribe(topic, 2)
        for qos in (0, 1, 2):
            paho.client.publish(topic, f"qos {qos}".encode(), qos)
        received = [paho.next_message() for _ in range(3)]
    assert sorted((message.qos, message.payload) for message in received) == [
        (0, b"qos 0"),
        (1, b"qos 1"),
        (2, b"qos 2"),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_reach_one_another(broker: Serving, version: str) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    with client(broker, "5") as new, client(broker, version) as other:
        new.connect()
        other.connect()
        other.subscribe(topic, 1)
        new.client.publish(topic, b"from 5", 1)
        assert other.next_message().payload == b"from 5"
        new.subscribe(topic, 1)
        other.client.publish(topic, b"from another", 1)
        assert new.next_message().payload == b"from another"


def test_mqtt_5_properties_arrive_as_they_were_sent(broker: Serving) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    sent: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answers/here"
    sent.CorrelationData = b"\x00\x01\xff"
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 60
    sent.UserProperty = [("a", "1"), ("b", "2"), ("a", "3")]
    with client(broker, "5") as paho:
        paho.connect()
        paho.subscribe(topic, 1)
        paho.client.publish(topic, b"x", 1, properties=sent)
        got = paho.next_message().properties
    assert (got.ContentType, got.ResponseTopic, got.CorrelationData) == ("text/plain", "answers/here", b"\x00\x01\xff")
    assert got.PayloadFormatIndicator == 1
    assert 0 < got.MessageExpiryInterval <= 60
    assert got.UserProperty == [("a", "1"), ("b", "2"), ("a", "3")]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_persistent_session_gets_what_came_while_it_was_away(broker: Serving, version: str) -> None:
    topic, name = f"paho/{uuid.uuid4().hex}", uuid.uuid4().hex[:20]
    forever: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # as above
    forever.SessionExpiryInterval = 300
    is_5 = version == "5"
    session: dict[str, Any] = {} if is_5 else {"clean_session": False}
    start: dict[str, Any] = {"clean_start": False, "properties": forever} if is_5 else {}
    with client(broker, version, client_id=name, **session) as first:
        first.connect(**start)
        first.subscribe(topic, 1)
    with client(broker, version) as publisher:
        publisher.connect()
        publisher.client.publish(topic, b"while away", 1).wait_for_publish(PATIENCE)
    with client(broker, version, client_id=name, **session) as second:
        flags, code, _ = second.connect(**start)
        assert not code.is_failure
        assert flags.session_present or version == "3.1"  # which knows no such flag
        assert second.next_message().payload == b"while away"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_will_is_published_when_the_connection_breaks(broker: Serving, version: str) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    with client(broker, "5") as watcher:
        watcher.connect()
        watcher.subscribe(topic, 1)
        dying = PahoClient(broker, version)
        dying.client.will_set(topic, b"gone", 1)
        dying.connect()
        dying.client.loop_stop()
        dying.client.socket().close()
        assert watcher.next_message().payload == b"gone"


def test_retained_messages_are_there_for_later_subscribers_and_can_be_cleared(broker: Serving) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    with client(broker, "5") as publisher, client(broker, "3.1.1") as later:
        publisher.connect()
        publisher.client.publish(topic, b"kept", 1, retain=True).wait_for_publish(PATIENCE)
        later.connect()
        later.subscribe(topic)
        message = later.next_message()
        assert (message.payload, message.retain) == (b"kept", True)
        publisher.client.publish(topic, b"", 1, retain=True).wait_for_publish(PATIENCE)
        assert later.next_message().payload == b""
    with client(broker, "5") as latest:
        latest.connect()
        latest.subscribe(topic)
        latest.client.publish(topic, b"marker", 0)
        assert latest.next_message().payload == b"marker"


def test_shared_subscriptions_share_in_every_version(broker: Serving) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    with client(broker, "3.1.1") as one, client(broker, "5") as two, client(broker, "5") as publisher:
        for member in (one, two):
            member.connect()
            member.subscribe(f"$share/workers/{topic}", 1)
        publisher.connect()
        for number in range(40):
            publisher.client.publish(topic, str(number).encode(), 1).wait_for_publish(PATIENCE)
        received: list[int] = []
        while len(received) < 40:
            for member in (one, two):
                while not member.messages.empty():
                    received.append(int(member.messages.get().payload))
            if len(received) < 40:
                received.append(int(_either(one, two).payload))
    assert sorted(received) == list(range(40))


def test_no_local_and_retain_handling_are_heeded(broker: Serving) -> None:
    topic = f"paho/{uuid.uuid4().hex}"
    with client(broker, "5") as paho:
        paho.connect()
        paho.client.publish(topic, b"kept", 1, retain=True).wait_for_publish(PATIENCE)
        options = SubscribeOptions(qos=1, noLocal=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        paho.subscribe(topic, options=options)
        paho.client.publish(topic, b"own", 1).wait_for_publish(PATIENCE)
        paho.subscribe(topic + "/marker", 1)
        paho.client.publish(topic + "/marker", b"marker", 1)
        assert paho.next_message().payload == b"marker"


def test_a_second_client_of_the_same_name_takes_over(broker: Serving) -> None:
    name = uuid.uuid4().hex[:20]
    with client(broker, "5", client_id=name, reconnect_on_failure=False) as old:
        old.connect()
        with client(broker, "5", client_id=name) as new:
            _, code, _ = new.connect()
            assert not code.is_failure
            assert old.gone.get(timeout=PATIENCE).getName() == "Session taken over"


def test_a_publisher_of_mqtt_5_learns_that_nobody_listens(broker: Serving) -> None:
    with client(broker, "5") as paho:
        paho.connect()
        paho.client.publish(f"paho/{uuid.uuid4().hex}", b"x", 1)
        assert paho.published.get(timeout=PATIENCE).getName() == "No matching subscribers"


def _either(*clients: Any) -> Any:
    """The next message of whoever gets one first."""
    for _ in range(int(PATIENCE * 100)):
        for one in clients:
            try:
                return one.messages.get(timeout=0.01)
            except queue.Empty:
                continue
    raise AssertionError("nobody got a message")
