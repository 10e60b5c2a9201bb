"""gmqtt: an asyncio client with an MQTT 5 codec of its own."""

import asyncio
import uuid

import pytest

gmqtt = pytest.importorskip("gmqtt", reason="gmqtt is not installed")

from tests.commands.processes import PATIENCE, Serving  # noqa: E402


@pytest.mark.parametrize("version", [4, 5])
def test_messages_and_properties_arrive(broker: Serving, version: int) -> None:
    async def talk() -> list[tuple[bytes, int, object]]:
        host, port = broker.address("mqtt")
        topic = f"gmqtt/{uuid.uuid4().hex}"
        received: asyncio.Queue[tuple[bytes, int, object]] = asyncio.Queue()
        subscribed = asyncio.Event()
        client = gmqtt.Client(uuid.uuid4().hex[:20])

        def on_message(client: object, topic: str, payload: bytes, qos: int, properties: dict[str, object]) -> int:
            received.put_nowait((payload, qos, properties.get("content_type")))
            return 0

        client.on_message = on_message
        client.on_subscribe = lambda client, mid, codes, properties: subscribed.set()
        await client.connect(host, port, version=version)
        client.subscribe(topic, qos=2)
        await subscribed.wait()
        for qos in (0, 1, 2):
            client.publish(topic, f"at {qos}", qos=qos, content_type="text/plain")
        messages = [await received.get() for _ in range(3)]
        await client.disconnect()
        return messages

    messages = asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    kind = ["text/plain"] if version == 5 else None
    assert sorted(messages, key=lambda message: message[1]) == [(f"at {qos}".encode(), qos, kind) for qos in (0, 1, 2)]
