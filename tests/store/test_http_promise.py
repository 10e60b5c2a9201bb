"""What an HTTP API has answered with 2xx at QoS 1 survives as well."""

import asyncio
import re
import urllib.request
from pathlib import Path

import pytest

from tests.store.accounting import Subscriber
from tests.store.test_crashes import IDLE, Server

COUNT = 25


def publish(address: str, number: int) -> str:
    """One message over the BifroMQ API; its body."""
    headers = {"tenant_id": "DevOnly", "topic": "t/http", "qos": "1", "client_type": "test"}
    request = urllib.request.Request(f"{address}/pub", data=b"http:%d:" % number, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200
        told: str = reply.read().decode()
    return told


@pytest.mark.slow
def test_what_an_api_has_taken_at_qos_1_is_there_after_a_crash(tmp_path: Path) -> None:
    async def story() -> None:
        server = Server(tmp_path, "--bifromq", "127.0.0.1:0")
        mqtt = await asyncio.to_thread(server.wait_until_ready)
        found = re.search(r"BifroMQ\D+(http://127\.0\.0\.1:\d+)", server.said) or re.search(
            r"bifromq\S*\s+(http://127\.0\.0\.1:\d+)", server.said
        )
        assert found is not None, server.said
        subscriber = Subscriber("away", 1)
        await subscriber.subscribe(mqtt, "t/http")
        for number in range(COUNT):
            told = await asyncio.to_thread(publish, found[1], number)
            assert "NO_MATCH" not in told
        server.kill()
        server = Server(tmp_path, "--bifromq", "127.0.0.1:0")
        mqtt = await asyncio.to_thread(server.wait_until_ready)
        await subscriber.run(mqtt, idle=IDLE, due=lambda: len(subscriber.seen.get("http", ())) < COUNT)
        server.kill()
        assert subscriber.seen == {"http": list(range(COUNT))}

    asyncio.run(story())
