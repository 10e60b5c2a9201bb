"""Event listeners with everything behind them: events of a hub reach a destination of routing, by `myna serve`."""

import asyncio
import http.server
import json
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from myna.faces.webpubsub.tokens import CLIENT, Tokens
from tests.commands.processes import serve

KEY = "a key for the tests of event listeners, long enough"
PATIENCE = 60.0


class Destination(http.server.ThreadingHTTPServer):
    """Takes CloudEvents."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_OPTIONS(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Destination)
        self.server.events.put(json.loads(body))
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        return

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("WebHook-Allowed-Origin", "*")
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def destination() -> Iterator[Destination]:
    with Destination() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_what_clients_do_leaves_as_events(destination: Destination, tmp_path: Path) -> None:
    configuration = tmp_path / "myna.toml"
    configuration.write_text(
        f"""
        [server]
        data = "{tmp_path / "data"}"
        [log]
        level = "error"
        [[http]]
        listen = "127.0.0.1:0"
        [faces.webpubsub]
        access_key = "{KEY}"
        [faces.webpubsub.hubs.chat]
        routed_user_events = "*"
        routed_system_events = ["connected", "disconnected"]
        [routing.destinations.back-end]
        kind = "webhook"
        url = "http://127.0.0.1:{destination.server_port}/"
        ordered = true
        [routing.rules.chat]
        destination = "back-end"
        events = ["webpubsub"]
        tenants = ["chat"]
        """,
        encoding="utf-8",
    )

    async def talk(base: str) -> dict[str, Any]:
        token = Tokens([KEY]).issue(CLIENT, "chat", base, {"sub": "alice"}, 60, time.time())
        url = f"{base}/client/hubs/chat?access_token={token}"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
        ):
            await socket.receive(PATIENCE)
            await socket.send_str('{"type":"event","event":"move","data":{"x":1},"ackId":1}')
            ack: dict[str, Any] = await socket.receive_json(timeout=PATIENCE)
            return ack

    with serve("-c", str(configuration)) as serving:
        host, port = serving.address("http")
        assert asyncio.run(talk(f"http://{host}:{port}")) == {"type": "ack", "ackId": 1, "success": True}
        events = [destination.events.get(timeout=PATIENCE) for _ in range(3)]
    assert [event["type"].removeprefix("azure.webpubsub.") for event in events] == [
        "sys.connected",
        "user.move",
        "sys.disconnected",
    ]
    assert [event["data"] for event in events] == [{}, {"x": 1}, {"reason": "Normal"}]
    assert {(event["hub"], event["userid"]) for event in events} == {("chat", "alice")}
