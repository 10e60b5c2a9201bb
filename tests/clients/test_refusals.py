"""Real clients against a real broker that has had enough: what paho and mosquitto are told when they are refused."""

import http.client
import json
import queue
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest

from tests.commands.processes import PATIENCE, Serving, serve

mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}
TOKEN = "an-administrator-s-token-of-the-tests"
CONFIGURATION = """
[[mqtt]]
listen = "127.0.0.1:0"
[[mqtt]]
listen = "127.0.0.1:0"
proxy_protocol = true
[[mqtt]]
listen = "127.0.0.1:0"
access = ["devicehive"]
[[http]]
listen = "127.0.0.1:0"
[access]
mqtt = ["open"]
[server]
memory = true
[faces.devicehive]
[faces.admin]
[administration]
metrics = "open"
token = "{token}"
[protection]
trusted_proxies = ["127.0.0.1"]
flapping_connects = 5
login_failures = 3
[tenant.full.limits]
connections = 1
[tenant.private.limits]
connections_per_user = 1
[tenant.slow.limits]
connects_per_second = 0.02
[tenant.listed.limits]
subscriptions = 1
[tenant.hub]
profile = "webpubsub"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    file = tmp_path_factory.mktemp("refusals") / "myna.toml"
    file.write_text(CONFIGURATION.replace("{token}", TOKEN))
    with serve("-c", str(file), "--log-level", "warning") as serving:
        yield serving


def ports(broker: Serving) -> list[int]:
    """Of the ordinary listener, the one behind a proxy, and the one for DeviceHive."""
    return [int(line.rsplit(":", 1)[1]) for line in broker.banner.split() if line.startswith("mqtt://127.0.0.1:")]


class Paho:
    def __init__(self, broker: Serving, version: str, client_id: str, user: str, **more: Any) -> None:
        self.answers: queue.Queue[int] = queue.Queue()
        self.granted: queue.Queue[int] = queue.Queue()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=VERSIONS[version], reconnect_on_failure=False
        )
        self.client.username_pw_set(user, more.get("password"))
        self.client.on_connect = lambda client, data, flags, code, properties: self.answers.put(code.value)
        self.client.on_subscribe = lambda client, data, mid, codes, properties: self.granted.put(codes[0].value)
        self.ends: queue.Queue[int] = queue.Queue()
        self.client.on_disconnect = lambda client, data, flags, code, properties: self.ends.put(code.value)
        self.client.connect("127.0.0.1", more.get("port", ports(broker)[0]), keepalive=more.get("keep_alive", 60))
        self.client.loop_start()

    def answer(self) -> int:
        """The reason code of CONNACK; paho has words of MQTT 5 for those of older versions, too."""
        return self.answers.get(timeout=PATIENCE)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def administrate(broker: Serving, method: str, path: str, body: object = None) -> int:
    """The status of a call of the administration API."""
    host, port = broker.address("http")
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request(method, f"/api/admin/{path}", None if body is None else json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def connect(clients: ExitStack, broker: Serving, version: str, client_id: str, user: str, **more: Any) -> int:
    client = Paho(broker, version, client_id, user, **more)
    clients.callback(client.close)
    return client.answer()


UNAVAILABLE = 136  # what paho makes of return code 3
NOT_AUTHORIZED = 135  # and of 5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("tenant", ["full", "private"])
def test_one_connection_too_many(clients: ExitStack, broker: Serving, version: str, tenant: str) -> None:
    user = f"{tenant}/user {version}"
    if tenant == "full" and version != "3.1":
        user = f"{tenant}/user"
    assert connect(clients, broker, version, "one", user) == 0
    assert connect(clients, broker, version, "two", user) == (0x97 if version == "5" else UNAVAILABLE)


@pytest.mark.parametrize(("version", "code"), [("3.1.1", UNAVAILABLE), ("5", 0x9F)])
def test_too_many_connects_a_second(clients: ExitStack, broker: Serving, version: str, code: int) -> None:
    codes = [connect(clients, broker, version, f"c{number}", "slow/user") for number in range(2)]
    assert codes[-1] == code


@pytest.mark.parametrize(("version", "code"), [("3.1.1", NOT_AUTHORIZED), ("5", 0x8A)])
def test_a_client_that_flaps_is_banned(clients: ExitStack, broker: Serving, version: str, code: int) -> None:
    codes = []
    for _ in range(20):
        client = Paho(broker, version, f"flaps {version}", "flapping/user")
        codes.append(client.answer())
        client.close()
        if codes[-1]:
            break
    assert codes[-1] == code
    assert 5 <= len(codes) <= 7  # the broker hears of the last end after the client has begun anew
    assert connect(clients, broker, version, f"calm {version}", "flapping/user") == 0
    what = quote(json.dumps(["user", f"flaps {version}"]))
    assert administrate(broker, "GET", "bans") == 200
    assert administrate(broker, "DELETE", f"bans?kind=client_of_user&what={what}&tenant=flapping") == 204
    assert connect(clients, broker, version, f"flaps {version}", "flapping/user") == 0


@pytest.mark.parametrize(("version", "code"), [("3.1.1", UNAVAILABLE), ("5", 0x9F)])
def test_who_guesses_waits(clients: ExitStack, broker: Serving, version: str, code: int) -> None:
    login = {"port": ports(broker)[2], "password": "guessed"}
    bad = 134
    codes = [connect(clients, broker, version, f"g{number}", f"somebody {version}", **login) for number in range(5)]
    assert set(codes[:3]) <= {bad, NOT_AUTHORIZED}
    assert code in codes[3:]


@pytest.mark.parametrize(("keep_alive", "code"), [(0, UNAVAILABLE), (181, UNAVAILABLE), (180, 0)])
def test_a_keep_alive_that_a_hub_does_not_take(clients: ExitStack, broker: Serving, keep_alive: int, code: int) -> None:
    assert connect(clients, broker, "3.1.1", f"k{keep_alive}", "hub/user", keep_alive=keep_alive) == code


def test_a_subscription_too_many(clients: ExitStack, broker: Serving) -> None:
    client = Paho(broker, "5", "lists", "listed/user")
    clients.callback(client.close)
    assert client.answer() == 0
    client.client.subscribe("a")
    assert client.granted.get(timeout=PATIENCE) == 0
    client.client.subscribe("b")
    assert client.granted.get(timeout=PATIENCE) == 0x97


@pytest.mark.skipif(shutil.which("mosquitto_pub") is None, reason="mosquitto-clients is not installed")
@pytest.mark.parametrize(
    ("version", "words"),
    [("mqttv31", "broker unavailable"), ("mqttv311", "broker unavailable"), ("mqttv5", "Quota exceeded")],
)
def test_what_mosquitto_says_of_it(clients: ExitStack, broker: Serving, version: str, words: str) -> None:
    user = f"private/mosquitto {version}"
    assert connect(clients, broker, "5", "holds", user) == 0
    command = ["mosquitto_pub", "-p", str(ports(broker)[0]), "-V", version, "-u", user, "-i", "m", "-t", "a", "-m", "x"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0
    assert words in done.stderr + done.stdout


def test_behind_a_proxy_the_client_s_own_address_is_what_counts(broker: Serving) -> None:
    port = ports(broker)[1]
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"PROXY TCP4 203.0.113.77 127.0.0.1 4711 1883\r\n" + b"\x10\x0d\0\4MQTT\4\2\0\0\0\1p")
        assert sock.recv(4) == b"\x20\x02\0\0"
        sock.sendall(b"\x10")  # and a mistake, which the log tells of
        sock.sendall(b"\x0d\0\4MQTT\4\2\0\0\0\1p")
        assert sock.recv(4) == b""
    line = broker.wait_for("203.0.113.77:4711")
    assert "a second CONNECT" in line
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"\x10\x0d\0\4MQTT\4\2\0\0\0\1p")
        try:
            assert sock.recv(4) == b""
        except ConnectionResetError:
            pass  # it had been sent something that nobody read
    assert "PROXY" in broker.wait_for("a connection")
    _, text = broker.fetch("/metrics")
    assert 'myna_refused_total{cause="accept:proxy"} 1\n' in text


@pytest.mark.parametrize(("version", "refused"), [("3.1.1", NOT_AUTHORIZED), ("5", 0x8A)])
@pytest.mark.parametrize("kind", ["user", "client_id"])
def test_a_ban_cuts_off_and_keeps_out_until_it_is_lifted(
    clients: ExitStack, broker: Serving, kind: str, version: str, refused: int
) -> None:
    who = f"{kind} {version}"
    client = Paho(broker, version, who, f"bans/{who}")
    clients.callback(client.close)
    assert client.answer() == 0
    assert administrate(broker, "POST", "bans", {"kind": kind, "what": who, "reason": "spam"}) == 201
    end = client.ends.get(timeout=PATIENCE)
    assert end == 0x98 or version != "5"
    assert connect(clients, broker, version, who, f"bans/{who}") == refused
    assert administrate(broker, "DELETE", f"bans?kind={kind}&what={quote(who)}") == 204
    assert connect(clients, broker, version, who, f"bans/{who}") == 0


def test_a_banned_address_gets_403_by_http_and_can_still_be_forgiven(clients: ExitStack, broker: Serving) -> None:
    assert broker.fetch("/health")[0] == 200
    assert administrate(broker, "POST", "bans", {"kind": "address", "what": "127.0.0.0/8"}) == 201
    try:
        assert broker.fetch("/health") == (403, "banned\n")
        assert connect(clients, broker, "5", "here", "bans/here") == 0x8A
        with broker.connect("http") as sock:
            sock.sendall(
                b"GET /mqtt HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            assert sock.recv(13) == b"HTTP/1.1 403 "
    finally:
        assert administrate(broker, "DELETE", "bans?kind=address&what=127.0.0.0%2F8") == 204
    assert broker.fetch("/health")[0] == 200
