"""aiomqtt: asyncio on top of paho."""

import asyncio
import uuid

import pytest

aiomqtt = pytest.importorskip("aiomqtt", reason="aiomqtt is not installed")

from tests.commands.processes import PATIENCE, Serving  # noqa: E402


@pytest.mark.parametrize("protocol", ["V311", "V5"])
def test_two_clients_talk_at_every_qos(broker: Serving, protocol: str) -> None:
    async def talk() -> list[tuple[int, bytes]]:
        host, port = broker.address("mqtt")
        version = getattr(aiomqtt.ProtocolVersion, protocol)
        topic = f"aiomqtt/{uuid.uuid4().hex}"
        async with (
            aiomqtt.Client(host, port, protocol=version) as listener,
            aiomqtt.Client(host, port, protocol=version) as speaker,
        ):
            await listener.subscribe(f"{topic}/+", qos=2)
            for qos in (0, 1, 2):
                await speaker.publish(f"{topic}/{qos}", f"at {qos}", qos=qos)
            received: list[tuple[int, bytes]] = []
            async for message in listener.messages:
                received.append((message.qos, bytes(message.payload)))
                if len(received) == 3:
                    break
            return received

    received = asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    assert sorted(received) == [(0, b"at 0"), (1, b"at 1"), (2, b"at 2")]
