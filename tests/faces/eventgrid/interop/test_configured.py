"""A broker with a configuration file: an issuer of its own, and a namespace that changes while it runs."""

import json
import time
from pathlib import Path

from myna.formats.jwt import sign
from tests.commands.processes import Serving, serve
from tests.faces.eventgrid.harness import SECRET
from tests.faces.eventgrid.test_importing import BINDING, GROUP, SPACE

FILE = """
[[mqtt]]
listen = "localhost:0"

[[http]]
listen = "localhost:0"

[access]
mqtt = ["eventgrid-jwt"]

[server]
memory = true

[faces.eventgrid]
host = "broker.example"
namespace = "{namespace}"
log_file = "{log}"

[[faces.eventgrid.issuers]]
issuer = "https://issuer.example"
secret = "{secret}"
"""
NAMESPACE = {
    "clients": {"d17": {"properties": {"attributes": {"sensors": ["noise"]}}}},
    "clientGroups": {"noisy": GROUP},
    "topicSpaces": {"sample": SPACE},
    "permissionBindings": {"b": BINDING},
}


def request(broker: Serving, token: str, topic: str) -> int:
    head = (
        f"POST /mqtt/messages?topic={topic} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        f"authorization: Bearer {token}\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
    )
    with broker.connect("http") as http:
        http.sendall(head.encode())
        answer = http.recv(65536)
        if b"100 Continue" in answer:
            http.sendall(b"5\r\nhello\r\n0\r\n\r\n")
            answer = http.recv(65536)
    return int(answer.split(b" ")[1])


def test_a_namespace_in_the_vendor_s_json_decides_and_may_change(tmp_path: Path) -> None:
    namespace, log, config = tmp_path / "namespace.json", tmp_path / "publish.jsonl", tmp_path / "myna.toml"
    namespace.write_text(json.dumps(NAMESPACE))
    config.write_text(FILE.format(namespace=namespace, log=log, secret=SECRET))
    claims = {"iss": "https://issuer.example", "sub": "d17", "aud": "broker.example", "exp": int(time.time()) + 600}
    token = sign(claims, SECRET.encode())
    with serve("-c", str(config)) as broker:
        assert request(broker, token, "areas%2F1%2Falerts%2Fx") == 204
        assert request(broker, token, "elsewhere") == 403
        assert request(broker, token + "x", "areas%2F1%2Falerts%2Fx") == 401
        namespace.write_text(json.dumps({**NAMESPACE, "permissionBindings": {}}))
        broker.wait_for("the namespace has been read again")
        assert request(broker, token, "areas%2F1%2Falerts%2Fx") == 403
        code, _, _ = broker.stop()
    assert code == 0
    statuses = [json.loads(line)["properties"]["statusCode"] for line in log.read_text().splitlines()]
    assert statuses == [204, 403, 401, 403]


def test_settings_that_cannot_work_are_named(tmp_path: Path) -> None:
    config = tmp_path / "myna.toml"
    config.write_text(FILE.format(namespace="/nowhere.json", log="", secret=SECRET))
    from tests.commands.processes import outcome

    code, _, error = outcome("serve", "-c", str(config))
    assert code != 0
    assert "faces.eventgrid: " in error
    assert "/nowhere.json" in error
