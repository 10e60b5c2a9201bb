"""Both webhooks by a real server and a real broker: what they say is what a client meets."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from myna.testing import describe
from myna.wire.packets import Connack, Suback
from myna.wire.properties import Properties
from tests.commands.processes import Serving, serve
from tests.faces.bifromq.test_settings import Line, line, subscribe

ANSWERS = {
    ("acme", "MaximumQoS"): "1",
    ("acme", "MaxTopicLevels"): "2",
    ("acme", "MinKeepAliveSeconds"): "77",
    ("acme", "TotalTransientSubscriptions"): "false",
    ("shut", "TotalConnections"): "false",
    ("kept", "MaximumQoS"): "0",
    ("kept", "MinKeepAliveSeconds"): "78",
}


class Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.headers.get("setting_name") or self.headers["resource_type"]
        answer = ANSWERS.get((self.headers["tenant_id"], name))
        body = (answer or "").encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    path = tmp_path_factory.mktemp("webhooks") / "myna.toml"
    path.write_text(
        f"""
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[[bifromq]]
listen = "127.0.0.1:0"
[access]
mqtt = ["open"]
[server]
memory = true
[faces.bifromq]
settings_url = "{url}"
settings_refresh = "1 s"
throttler_url = "{url}"
[tenant.kept.limits]
maximum_qos = 2
"""
    )
    try:
        with serve("-c", str(path), "--log-level", "error") as serving:
            yield serving
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def connack(broker: Serving, tenant: str) -> Connack:
    stranger = Line(broker, 5)
    answer = stranger.connect(tenant, keep_alive=10)
    stranger.socket.close()
    assert isinstance(answer, Connack)
    return answer


def told(answer: Connack) -> Properties:
    assert answer.properties is not None
    return answer.properties


def told_at_last(broker: Serving, tenant: str, is_it: Callable[[Connack], bool]) -> Connack:
    """The first answer to a CONNECT that is as it should be; what comes before is older than the webhook's word."""
    deadline = time.monotonic() + 60
    while not is_it(answer := connack(broker, tenant)):
        assert time.monotonic() < deadline, describe(answer)
    return answer


def test_settings_of_the_webhook_hold_for_those_who_come_later(broker: Serving) -> None:
    with line(broker, 5, "acme") as first:
        answer = told_at_last(broker, "acme", lambda answer: told(answer).maximum_qos == 1)
        assert told(answer).server_keep_alive == 77
        codes: list[int] = []
        while codes[-1:] != [0x97]:  # the first is granted, for nobody is kept waiting for the webhook
            first.send(subscribe(f"filter {len(codes)}"))
            answered = first.next()
            assert isinstance(answered, Suback)
            codes += answered.codes
            assert len(codes) < 1000
        assert codes[0] == 1


def test_a_tenant_of_the_file_keeps_what_the_file_says(broker: Serving) -> None:
    with line(broker, 5, "kept"):
        answer = told_at_last(broker, "kept", lambda answer: told(answer).server_keep_alive == 78)
        assert told(answer).maximum_qos == -1


def test_the_throttler_s_no_refuses_the_next_client(broker: Serving) -> None:
    with line(broker, 5, "shut"):
        answer = told_at_last(broker, "shut", lambda answer: answer.code == 0x97)
        assert told(answer).reason_string == "TotalConnections"
