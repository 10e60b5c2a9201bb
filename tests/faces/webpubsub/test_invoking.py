"""Invocations in the real process: a client asks, a back end over HTTP answers, in JSON and in protobuf."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from myna.faces.webpubsub.protobuf.schema import DownstreamMessage, UpstreamMessage
from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.faces.webpubsub.tokens import CLIENT, Tokens
from tests.commands.processes import Serving, serve
from tests.faces.webpubsub.test_sdks import SDK, node_modules, run

PROTOBUF = "protobuf.webpubsub.azure.v1"


class BackEnd(BaseHTTPRequestHandler):
    """`sum` adds numbers, `fail` fails, `slow` waits for `released`: longer than anybody waits."""

    released = Event()

    def do_OPTIONS(self) -> None:
        self.send_response(200)
        self.send_header("WebHook-Allowed-Origin", "*")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        event = self.headers["ce-eventName"]
        if event == "slow":
            self.released.wait(60)
        answer = json.dumps(sum(json.loads(body))).encode() if event == "sum" else b""
        self.send_response(500 if event == "fail" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):  # nobody waits that long
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def serving(folder: Path, patience: str) -> Iterator[Serving]:
    """A broker that waits so long for its back end."""
    BackEnd.released.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), BackEnd) as back_end:
        Thread(target=back_end.serve_forever).start()
        config = folder / "myna.toml"
        config.write_text(
            f"""
            [server]
            data = "{config.parent / "data"}"
            [[mqtt]]
            listen = "127.0.0.1:0"
            [[http]]
            listen = "127.0.0.1:0"
            [faces.webpubsub]
            access_key = "{DEVELOPMENT_KEY}"
            invocation_timeout = "{patience}"
            [[faces.webpubsub.hubs.chat.handlers]]
            url_template = "http://127.0.0.1:{back_end.server_port}/"
            user_event_pattern = "sum, fail, slow, nothing"
            """,
            encoding="utf-8",
        )
        try:
            with serve("-c", str(config), environ={"MYNA_LOG__LEVEL": "error"}) as serving:
                yield serving
        finally:
            BackEnd.released.set()
            back_end.shutdown()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, "60 s") as server:
        yield server


@contextmanager
def client(server: Serving, protocol: str) -> Iterator[ClientConnection]:
    host, port = server.address("http")
    token = Tokens([DEVELOPMENT_KEY]).issue(CLIENT, "chat", f"http://{host}:{port}", {"sub": "alice"}, 60, time.time())
    url = f"ws://{host}:{port}/client/hubs/chat?access_token={token}"
    with connect(url, subprotocols=[Subprotocol(protocol)]) as opened:
        opened.recv(60)
        yield opened


def test_json_clients(server: Serving) -> None:
    with client(server, "json.webpubsub.azure.v1") as alice:
        for event, data in (("sum", [1, 2]), ("fail", 1), ("unknown", 1)):
            question = {"type": "invoke", "invocationId": event, "target": "event", "event": event, "data": data}
            alice.send(json.dumps(question))
            answer = json.loads(alice.recv(60))
            assert (answer.pop("type"), answer.pop("invocationId")) == ("invokeResponse", event)
            if event == "sum":
                assert answer == {"success": True, "dataType": "json", "data": 3}
            else:
                names = {"fail": "InternalServerError", "unknown": "NotFound"}
                assert (answer["success"], answer["error"]["name"]) == (False, names[event])


def test_a_back_end_that_takes_too_long_is_a_timeout(tmp_path: Path) -> None:
    with serving(tmp_path, "100 ms") as server, client(server, "json.webpubsub.azure.v1") as alice:
        alice.send(json.dumps({"type": "invoke", "invocationId": "1", "target": "event", "event": "slow", "data": 1}))
        answer = json.loads(alice.recv(60))
        assert (answer["success"], answer["error"]["name"]) == (False, "Timeout")


def test_protobuf_clients(server: Serving) -> None:
    with client(server, PROTOBUF) as alice:
        question = {"event": "sum", "invocation_id": "i", "data": {"json_data": "[1, 2, 3]"}}
        alice.send(UpstreamMessage(invoke_event_message=question).SerializeToString())
        answer = DownstreamMessage.FromString(alice.recv(60)).invoke_response_message
        assert (answer.success, answer.invocation_id, answer.data.text_data) == (True, "i", "6")


@pytest.mark.slow
def test_the_javascript_client(tmp_path: Path) -> None:
    with serving(tmp_path, "5 s") as server:  # which it waits for twice
        run(server, "node", str(SDK / "invoking.mjs"), MYNA_NODE_MODULES=str(node_modules()))
