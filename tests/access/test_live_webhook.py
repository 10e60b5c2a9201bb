"""Webhooks that answer, refuse, dawdle, talk nonsense or are dead, asked by `myna serve` as a real process."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from myna.testing import properties
from myna.wire.encode import encode
from myna.wire.packets import Connack, Connect
from myna.wire.reader import FrameReader
from tests.access.services import CLIENT, Hook, provider, webhook
from tests.commands.processes import PATIENCE, Serving, serve
from tests.net import certificates

FILE = """
[server]
data = "{here}/data"
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[administration]
metrics = "open"
[protection]
login_failures = 0
[access]
mqtt = ["{name}"]
websocket = ["open"]
[access.webhook]
url = "{url}"
{settings}
[faces.eventgrid]
namespace = "{here}/namespace.json"
[faces.eventgrid.webhook]
credentials = {{ bearer = "ours" }}
timeout = "{patience}"
"""
OK = {"ok": {"tenantId": "acme", "userId": "alice"}}
ALLOW = {"decision": "allow", "clientAuthenticationName": "alice"}


def namespace(url: str) -> dict[str, Any]:
    hook = {"clientAuthentication": {"webhookAuthentication": {"endpointUrl": url}}}
    binding = {"clientGroupName": "$all", "topicSpaceName": "own", "permission": "Publisher"}
    return {
        "topicSpacesConfiguration": hook,
        "topicSpaces": {"own": {"properties": {"topicTemplates": ["own/${client.authenticationName}/#"]}}},
        "permissionBindings": {"p": {"properties": binding}},
    }


def configure(here: Path, hook: Hook, settings: str = "", name: str = "webhook", patience: str = "60 s") -> str:
    (here / "namespace.json").write_text(json.dumps(namespace(hook.url)))
    file = here / "myna.toml"
    file.write_text(FILE.format(here=here, url=hook.url, settings=settings, name=name, patience=patience))
    return str(file)


def connect(broker: Serving, *, level: int = 5, scheme: str = "mqtt", client_id: str = "c", method: str = "") -> int:
    """The code of the CONNACK."""
    fields = properties(authentication_method=method, authentication_data=b"\x01") if method else None
    with broker.connect(scheme) as stream:
        stream.sendall(encode(Connect(level, client_id, True, 0, "alice", b"secret", None, fields), level))
        reader = FrameReader(0x0FFF_FFFF, level)
        while (packet := reader.next_packet(level)) is None:
            data = stream.recv(65536)
            assert data, "no CONNACK"
            reader.feed(data)
    assert isinstance(packet, Connack)
    return packet.code


def publish(broker: Serving, token: str, topic: str = "own%2Falice%2Fx") -> int:
    with broker.connect("http") as http:
        head = f"POST /mqtt/messages?topic={topic} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        http.sendall(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        return int(http.recv(65536).split(b" ")[1])


@pytest.mark.parametrize(
    ("form", "answers"),
    [
        (
            "bifromq",
            [
                (OK, 200, 0, 0),
                ({"reject": {"code": "BadPass"}}, 200, 0x86, 4),
                ({"reject": {"code": "NotAuthorized"}}, 200, 0x87, 5),
                ({"reject": {"code": "Error"}}, 200, 0x80, 3),
                (OK, 500, 0x80, 3),
                ("nonsense", 200, 0x80, 3),
            ],
        ),
        (
            "eventgrid",
            [
                (ALLOW, 200, 0, 0),
                ({"decision": "deny"}, 200, 0x87, 5),
                (ALLOW, 503, 0x88, 3),
                ("nonsense", 200, 0x88, 3),
            ],
        ),
    ],
)
def test_what_it_says_becomes_the_code_of_connack(tmp_path: Path, form: str, answers: list[Any]) -> None:
    with webhook() as hook, serve("-c", configure(tmp_path, hook, f'form = "{form}"')) as broker:
        for answer, status, code, code_3 in answers:
            hook.answer, hook.status = answer, status
            assert (connect(broker), connect(broker, level=4)) == (code, code_3), answer
        asked = hook.asked[0].json()
        assert (asked["clientId"], base64.b64decode(asked["password"])) == ("c", b"secret")
        assert hook.asked[0].path == ("/auth" if form == "bifromq" else "/")
        _, _, log = broker.stop()
    assert "c2VjcmV0" not in log
    assert "secret" not in log


def test_a_slow_one_holds_nobody_up_but_those_who_wait_for_it(tmp_path: Path) -> None:
    settings = 'timeout = "60 s"\nconcurrent = 2\nwaiting = 2'
    with webhook() as hook, serve("-c", configure(tmp_path, hook, settings)) as broker, ThreadPoolExecutor(6) as pool:
        hook.answer = OK
        hook.may_answer.clear()
        try:
            waiting = [pool.submit(connect, broker, client_id=f"c{number}") for number in range(6)]
            refused = list(islice(as_completed(waiting, PATIENCE), 2))
            assert [one.result() for one in refused] == [0x89, 0x89]  # they have found the line full
            assert broker.fetch("/health")[0] == 200
            assert sum(one.done() for one in waiting) == 2
        finally:
            hook.may_answer.set()
        assert sorted(one.result(timeout=PATIENCE) for one in waiting) == [0, 0, 0, 0, 0x89, 0x89]
        assert 'myna_refused_total{cause="webhook:busy"} 2' in broker.fetch("/metrics")[1]


def test_one_that_takes_too_long_is_waited_for_no_longer(tmp_path: Path) -> None:
    with webhook() as hook, serve("-c", configure(tmp_path, hook, 'timeout = "300 ms"')) as broker:
        hook.answer = OK
        hook.may_answer.clear()
        assert connect(broker) == 0x80
        hook.may_answer.set()
        assert 'myna_refused_total{cause="webhook:timeout"} 1' in broker.fetch("/metrics")[1]


def test_a_dead_one_is_noticed_and_the_next_answer_is_taken(tmp_path: Path) -> None:
    with webhook() as gone:
        pass
    with serve("-c", configure(tmp_path, gone, 'form = "eventgrid"')) as broker:
        assert [connect(broker) for _ in range(8)] == [0x88] * 8
        assert connect(broker, level=4) == 3
        _, _, log = broker.stop()
    assert "who clients are cannot be found out" in log
    assert log.count("cannot be found out") <= 3


def test_it_is_shown_our_own_credentials_got_by_a_grant(tmp_path: Path) -> None:
    with provider() as oidc, webhook() as hook:
        hook.answer, hook.accepts = OK, "Bearer granted-1"
        grant = f'token_url = "{oidc.issuer}/token", client_id = "{CLIENT[0]}", client_secret = "{CLIENT[1]}"'
        with serve("-c", configure(tmp_path, hook, f"credentials = {{ {grant} }}")) as broker:
            assert [connect(broker) for _ in range(3)] == [0, 0, 0]
            assert oidc.given == 1
            hook.accepts = "Bearer granted-2"
            assert [connect(broker) for _ in range(2)] == [0x80, 0]
            assert oidc.given == 2
            _, _, log = broker.stop()
    assert CLIENT[1] not in log
    assert "granted" not in log


def test_https_is_verified_with_the_authority_that_settings_name(tmp_path: Path) -> None:
    with webhook(tls=True) as hook:
        hook.answer = OK
        for trust, code in (("ca.pem", 0), ("another.pem", 0x80), ("", 0x80)):
            settings = f'trust = "{certificates.folder() / trust}"' if trust else ""
            with serve("-c", configure(tmp_path, hook, settings)) as broker:
                assert connect(broker) == code
                _, _, log = broker.stop()
            assert ("is not trusted" in log) == bool(code)


def test_the_hook_of_a_namespace_knows_mqtt_clients_and_http_callers(tmp_path: Path) -> None:
    with webhook() as hook:
        hook.answer = {**ALLOW, "expiration": int(time.time()) + 600}
        with serve("-c", configure(tmp_path, hook, name="eventgrid-webhook")) as broker:
            assert connect(broker) == 0
            assert connect(broker, method="MINE") == 0
            assert hook.asked[-1].json()["authenticationData"] == "AQ=="
            assert [publish(broker, "opaque") for _ in range(3)] == [204] * 3
            assert len(hook.asked) == 3
            assert hook.asked[-1].headers["authorization"] == "Bearer ours"
            assert publish(broker, "opaque", "elsewhere") == 403
            hook.answer = {"decision": "deny"}
            assert (publish(broker, "another"), connect(broker, client_id="d")) == (401, 0x87)
            page = broker.fetch("/metrics")[1]
    assert 'mqtt_successful_webhook_authentication_requests_total{decision="Allow"} 3' in page
    assert 'mqtt_successful_webhook_authentication_requests_total{decision="Deny"} 2' in page


def test_the_hook_of_a_namespace_is_not_waited_for_too_long(tmp_path: Path) -> None:
    with webhook() as hook:
        hook.answer = {**ALLOW, "expiration": int(time.time()) + 600}
        with serve("-c", configure(tmp_path, hook, name="eventgrid-webhook", patience="300 ms")) as broker:
            hook.may_answer.clear()
            assert publish(broker, "slow") == 503
            hook.may_answer.set()
            page = broker.fetch("/metrics")[1]
    assert 'mqtt_failed_webhook_authentication_requests_total{error="ServiceError"} 1' in page
