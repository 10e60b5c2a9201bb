"""What is taken back while clients are connected, against `myna serve` as a real process: paho, TLS, event streams."""

import base64
import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from myna.commands.certificates.authority import Authority
from tests.commands.processes import PATIENCE, Serving, listeners_of, serve

paho = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

NOT_AUTHORIZED = 0x87
KEY = "the key of a back end"
CHANGES = {"deleted": ("delete",), "disabled": ("change", "--disable"), "anew": ("change", "--generate")}
LISTENERS = ("mqtt", "http")
USERS = ("streamer", "staying", *(f"{change}-{listener}" for change in CHANGES for listener in LISTENERS))
FILE = """
[server]
data = "{here}/data"
[[mqtt]]
listen = "127.0.0.1:0"
[[mqtt]]
listen = "127.0.0.1:0"
tls = true
access = ["certificate"]
[[http]]
listen = "127.0.0.1:0"
[tls]
certificate = "{here}/ca/server.pem"
key = "{here}/ca/server.key"
client_ca = "{here}/trusted.pem"
client_certificate = "required"
[access]
mqtt = ["eventgrid", "api-keys"]
websocket = ["passwords"]
[access.passwords]
file = "{here}/users.jsonl"
[access.api-keys]
keys = [{{ name = "billing", key = "{key}" }}]
[faces.eventgrid]
namespace = "{here}/namespace.json"
access = ["passwords"]
"""
NAMESPACE = """
{"topicSpaces": {"all": {"properties": {"topicTemplates": ["#"]}}},
 "permissionBindings": {"all": {"properties":
   {"clientGroupName": "$all", "topicSpaceName": "all", "permission": "Subscriber"}}}}
"""


class Place:
    def __init__(self, here: Path) -> None:
        self.here = here
        self.one, self.two = Authority(here / "ca"), Authority(here / "other")
        self.one.server(["localhost", "127.0.0.1"], 5)
        self.trust(self.one, self.two)
        self.file = here / "myna.toml"
        self.file.write_text(FILE.format(here=here, key=KEY))
        (here / "namespace.json").write_text(NAMESPACE)
        self.broker: Serving
        self.secrets: dict[str, str] = {}

    def trust(self, *authorities: Authority) -> None:
        whole = b"".join((one.folder / "ca.pem").read_bytes() for one in authorities)
        (self.here / "new.pem").write_bytes(whole)
        os.replace(self.here / "new.pem", self.here / "trusted.pem")

    def passwd(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "myna", "passwd", "-f", str(self.here / "users.jsonl"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.strip()

    def client(self, authority: Authority, name: str) -> ssl.SSLContext:
        certificate, key = authority.client(name, 5)
        context = ssl.create_default_context(cafile=str(self.one.folder / "ca.pem"))
        context.load_cert_chain(certificate, key)
        return context


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("revocation"))
    made.secrets = {name: made.passwd("add", name, "--generate") for name in USERS}
    with serve("-c", str(made.file), "--log-level", "info") as broker:
        made.broker = broker
        yield made


class Inside:
    """A paho client that is connected; `ended` waits for the reason that it is told."""

    def __init__(
        self,
        broker: Serving,
        user: str | None = None,
        password: str | None = None,
        *,
        listener: str = "mqtt",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        transport = "websockets" if listener == "http" else "tcp"
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex[:20], protocol=5, transport=transport
        )
        self.client, self.codes, self.goodbyes = client, list[int](), list[int]()
        client.on_connect = lambda _client, _data, _flags, code, _properties: self.codes.append(code.value)
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: self.goodbyes.append(code.value)
        if user is not None:
            client.username_pw_set(user, password)
        if tls is not None:
            client.tls_set_context(tls)
        client.connect(*broker.address(listener))
        while not self.codes and client.loop(timeout=PATIENCE) == 0:
            pass
        assert self.codes == [0]

    def ended(self) -> int:
        until = time.monotonic() + PATIENCE
        while not self.goodbyes and self.client.loop(timeout=1.0) == 0 and time.monotonic() < until:
            pass
        return self.goodbyes[0]

    def is_still_there(self) -> bool:
        self.client.loop(timeout=0.01)
        there = not self.goodbyes
        self.client.disconnect()
        return there


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("change", CHANGES)
def test_whose_entry_goes_or_changes_is_disconnected(place: Place, listener: str, change: str) -> None:
    """Over TCP it is Event Grid's gate that asks for the password."""
    name = f"{change}-{listener}"
    leaving = Inside(place.broker, name, place.secrets[name], listener=listener)
    staying = Inside(place.broker, "staying", place.secrets["staying"], listener=listener)
    verb, *options = CHANGES[change]
    place.passwd(verb, name, *options)
    assert leaving.ended() == NOT_AUTHORIZED
    line = place.broker.wait_for("refused: to stay connected")
    assert f"user={name}" in line
    assert place.secrets[name] not in line
    assert staying.is_still_there()


def test_an_event_stream_ends_with_the_password_that_opened_it(place: Place) -> None:
    port = int(listeners_of(place.here / "data")["http"].rpartition(":")[2].strip("/"))
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    shown = "Basic " + base64.b64encode(f"streamer:{place.secrets['streamer']}".encode()).decode()
    caller.request("GET", "/mqtt/messages?topicFilter=a", headers={"authorization": shown})
    answer = caller.getresponse()
    assert answer.status == 200
    place.passwd("delete", "streamer")
    while answer.readline():
        pass  # up to its end
    answer.close()
    caller.close()


def test_an_authority_that_goes_takes_its_clients_along(place: Place) -> None:
    one = Inside(place.broker, listener="mqtts", tls=place.client(place.one, "pump"))
    two = Inside(place.broker, listener="mqtts", tls=place.client(place.two, "valve"))
    place.trust(place.one)
    assert two.ended() == NOT_AUTHORIZED
    assert "user=valve" in place.broker.wait_for("the certificate is no longer trusted")
    assert one.is_still_there()


def test_who_came_in_by_what_is_no_longer_listed_has_to_leave(place: Place) -> None:
    anybody = Inside(place.broker, "", KEY)
    text = place.file.read_text()
    place.file.write_text(text.replace('["eventgrid", "api-keys"]', '["eventgrid"]'))
    place.broker.process.send_signal(signal.SIGHUP)
    assert anybody.ended() == NOT_AUTHORIZED
    place.file.write_text(text)
    place.broker.process.send_signal(signal.SIGHUP)
