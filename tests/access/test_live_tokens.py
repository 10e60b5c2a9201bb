"""Tokens of a real identity provider, against `myna serve` as a real process: paho, AUTH by hand, HTTP callers."""

import http.client
import queue
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from myna.testing import properties
from myna.wire.encode import encode
from myna.wire.packets import Auth, Connack, Connect, Disconnect, Packet, Pingreq, Pingresp
from myna.wire.reader import FrameReader
from tests.access.services import Provider, provider
from tests.commands.processes import PATIENCE, Serving, listeners_of, serve
from tests.formats.signers import OTHER_RSA, RSA, confused, token, unsigned

paho = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402

FILE = """
[server]
data = "{here}/data"
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[[bifromq]]
listen = "127.0.0.1:0"
[administration]
metrics = "open"
[protection]
login_failures = 0
[access]
mqtt = ["jwt"]
[[access.jwt.issuers]]
issuer = "{issuer}"
audiences = ["broker"]
leeway = 0
refresh_pause = "200 ms"
client_id_claim = ""
attributes = {{ role = "realm_access.roles" }}
[faces.bifromq]
access = ["jwt"]
trust_loopback = false
[faces.webpubsub.oidc]
issuer = "{issuer}"
"""


class Place:
    def __init__(self, here: Path, oidc: Provider, broker: Serving) -> None:
        self.here, self.oidc, self.broker = here, oidc, broker

    def connect(self, shown: str, *, version: int = 5, websocket: bool = False, method: str = "") -> "Paho":
        return Paho(self.broker, shown, version, websocket, method)

    def code(self, shown: str, **more: Any) -> int:
        client = self.connect(shown, **more)
        client.stop()
        return client.code

    def call(self, listener: str, method: str, path: str, shown: str, **headers: str) -> int:
        port = int(listeners_of(self.here / "data")[listener].rpartition(":")[2].strip("/"))
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        caller.request(method, path, body=b"x", headers={"authorization": f"Bearer {shown}", **headers})
        status = caller.getresponse().status
        caller.close()
        return status


class Paho:
    """A paho client that shows a token; `code` is what its CONNACK said."""

    def __init__(self, broker: Serving, shown: str, version: int, websocket: bool, method: str) -> None:
        self.codes: queue.Queue[int] = queue.Queue()
        self.gone: queue.Queue[int] = queue.Queue()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=f"paho-{time.monotonic_ns()}",
            protocol=version,
            transport="websockets" if websocket else "tcp",
            reconnect_on_failure=False,
        )
        self.client.on_connect = lambda _client, _data, _flags, code, _properties: self.codes.put(code.value)
        self.client.on_disconnect = lambda _client, _data, _flags, code, _properties: self.gone.put(code.value)
        options: dict[str, Any] = {}
        if method:
            made: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types for it
            made.AuthenticationMethod = method
            made.AuthenticationData = shown.encode()
            options["properties"] = made
        else:
            self.client.username_pw_set("somebody", shown)
        self.client.connect(*broker.address("http" if websocket else "mqtt"), **options)
        self.client.loop_start()
        self.code = self.codes.get(timeout=PATIENCE)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Raw:
    """MQTT 5 by hand, for the packets that client libraries do not send."""

    def __init__(self, broker: Serving) -> None:
        self._socket = broker.connect("mqtt")
        self._reader = FrameReader(0x0FFF_FFFF, 5)

    def send(self, packet: Packet) -> None:
        self._socket.sendall(encode(packet, 5))

    def receive(self) -> Packet:
        while (packet := self._reader.next_packet(5)) is None:
            data = self._socket.recv(65536)
            assert data, "the broker has closed the connection"
            self._reader.feed(data)
        return packet

    def connect(self, shown: str, method: str = "CUSTOM-JWT") -> Connack:
        fields = properties(authentication_method=method, authentication_data=shown.encode())
        self.send(Connect(5, "raw", True, 0, None, None, None, fields))
        answer = self.receive()
        assert isinstance(answer, Connack)
        return answer

    def renew(self, shown: str) -> Packet:
        self.send(Auth(0x19, properties(authentication_method="CUSTOM-JWT", authentication_data=shown.encode())))
        return self.receive()

    def close(self) -> None:
        self._socket.close()


@contextmanager
def raw(broker: Serving) -> Iterator[Raw]:
    made = Raw(broker)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    here = tmp_path_factory.mktemp("tokens")
    with provider() as oidc:
        (here / "myna.toml").write_text(FILE.format(here=here, issuer=oidc.issuer))
        with serve("-c", str(here / "myna.toml")) as broker:
            yield Place(here, oidc, broker)


@pytest.mark.parametrize("websocket", [False, True])
@pytest.mark.parametrize("version", [paho.MQTTv31, paho.MQTTv311, paho.MQTTv5])
def test_a_token_is_a_password_of_every_version(place: Place, version: int, websocket: bool) -> None:
    assert place.code(place.oidc.token(), version=version, websocket=websocket) == 0


@pytest.mark.parametrize("method", ["OAUTH2-JWT", "CUSTOM-JWT"])
def test_a_token_is_shown_by_a_method(place: Place, method: str) -> None:
    assert place.code(place.oidc.token(), method=method) == 0


def test_what_proves_nothing_opens_nothing(place: Place) -> None:
    oidc = place.oidc
    claims = {"iss": oidc.issuer, "aud": "broker", "sub": "alice", "exp": int(time.time()) + 600}
    bad = {
        "signature": oidc.token()[:-8] + "AAAAAAAA",
        "expired": oidc.token(exp=int(time.time()) - 1),
        "not yet": oidc.token(nbf=int(time.time()) + 600),
        "audience": oidc.token(aud="elsewhere"),
        "issuer": oidc.token(iss="https://mallory.example"),
        "key": token(claims, OTHER_RSA, kid="k1"),
        "kid": token(claims, OTHER_RSA, kid="unheard-of"),
        "none": unsigned(claims),
        "confused": confused(claims, RSA),
        "no user": oidc.token(sub=None),
    }
    assert {why: place.code(shown) for why, shown in bad.items()} == dict.fromkeys(bad, 0x87)
    assert place.code(bad["confused"], version=paho.MQTTv311) == 0x87  # paho's word for 5
    assert place.code("", method="SCRAM-SHA-1") == 0x8C
    assert oidc.fetches() <= 1 + 2  # the first time, and for those that a newer key might have signed


def test_a_new_key_is_found_and_the_old_one_opens_nothing_any_more(place: Place) -> None:
    old = place.oidc.token()
    assert place.code(old) == 0
    place.oidc.rotate()
    deadline = time.monotonic() + PATIENCE
    before = place.oidc.fetches()
    while place.code(place.oidc.token()) != 0:  # within the pause between two looks it is not known yet
        assert time.monotonic() < deadline
    assert place.oidc.fetches() == before + 1
    while place.code(old) != 0x87:  # the memory of good tokens is looked through once a second
        assert time.monotonic() < deadline


def short_lived(place: Place, **how: Any) -> Paho:
    """Connected by a token that expires as soon as this machine is quick enough for."""
    for life in (2, 10, 60):
        client = place.connect(place.oidc.token(exp=int(time.time()) + life), **how)
        if client.code == 0:
            return client
        client.stop()
    raise AssertionError("it was never quick enough")


@pytest.mark.parametrize("websocket", [False, True])
@pytest.mark.parametrize(("version", "code"), [(paho.MQTTv311, None), (paho.MQTTv5, 0x87)])
def test_a_connection_ends_with_its_token(place: Place, version: int, code: int | None, websocket: bool) -> None:
    client = short_lived(place, version=version, websocket=websocket)
    said = client.gone.get(timeout=PATIENCE)
    client.stop()
    assert code is None or said == code


def test_a_token_is_renewed_by_auth(place: Place) -> None:
    for life in (2, 10, 60):  # as short as this machine is quick enough for
        expires = int(time.time()) + life
        with raw(place.broker) as client:
            connack = client.connect(place.oidc.token(exp=expires))
            answer = client.renew(place.oidc.token()) if connack.code == 0 else None
            if isinstance(answer, Auth):
                assert connack.properties is not None
                assert connack.properties.authentication_method == "CUSTOM-JWT"
                assert answer.code == 0
                outlive(place, client, expires)
                return
    raise AssertionError("it was never quick enough")


def outlive(place: Place, client: "Raw", expires: int) -> None:
    """The token it came with has expired, and it is still there."""
    while time.time() < expires + 0.5:
        client.send(Pingreq())
        assert isinstance(client.receive(), Pingresp)
        select_nothing(0.1)
    assert isinstance(client.renew(place.oidc.token(sub="bob")), Disconnect)


def select_nothing(seconds: float) -> None:
    """Wait on a socket that nothing comes by."""
    left, right = socket.socketpair()
    left.settimeout(seconds)
    with left, right, pytest.raises(TimeoutError):
        left.recv(1)


def test_http_callers_show_the_same_tokens(place: Place) -> None:
    shown = place.oidc.token()
    headers = {"tenant_id": "DevOnly", "user_id": "alice", "topic": "a", "qos": "1", "client_type": "t"}
    assert place.call("bifromq", "POST", "/pub", shown, **headers) == 200
    assert place.call("bifromq", "POST", "/pub", shown + "x", **headers) == 401


def test_the_rest_api_of_web_pub_sub_takes_the_provider_s_tokens(place: Place) -> None:
    path = "/api/hubs/chat/:send?api-version=2024-12-01"
    shown = place.oidc.token(aud="https://webpubsub.azure.com")
    assert place.call("http", "POST", path, shown, **{"content-type": "text/plain"}) == 202
    assert place.call("http", "POST", path, place.oidc.token(), **{"content-type": "text/plain"}) == 401


def test_a_provider_that_is_down_from_the_start_is_no_fault_of_the_client(tmp_path: Path) -> None:
    with provider() as oidc:
        oidc.is_down = True
        (tmp_path / "myna.toml").write_text(FILE.format(here=tmp_path, issuer=oidc.issuer))
        with serve("-c", str(tmp_path / "myna.toml")) as broker:
            down = Place(tmp_path, oidc, broker)
            assert down.code(oidc.token()) == 0x88
            oidc.is_down = False
            deadline = time.monotonic() + PATIENCE
            while down.code(oidc.token()) != 0:
                assert time.monotonic() < deadline
            _, _, log = broker.stop()
    assert "could not be fetched: the answer is 503" in log
    assert "eyJ" not in log
