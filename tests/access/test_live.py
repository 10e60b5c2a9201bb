"""Every way of proving who one is, against `myna serve` as a real process: paho, mqtt.js, TLS, HTTP."""

import base64
import http.client
import json
import shutil
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.clients.test_mqtt_js import folder as mqtt_js
from tests.commands.processes import PATIENCE, Serving, listeners_of, serve
from tests.net import certificates

paho = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

__all__ = ["mqtt_js"]  # a fixture

KEY = "the key of a back end"
FILE = """
[server]
data = "{here}/data"
[[mqtt]]
listen = "127.0.0.1:0"
[[mqtt]]
listen = "127.0.0.1:0"
tls = true
access = ["certificate", "passwords"]
[[http]]
listen = "127.0.0.1:0"
[[bifromq]]
listen = "127.0.0.1:0"
[tls]
certificate = "{certificates}/server.pem"
key = "{certificates}/server.key"
client_ca = "{certificates}/ca.pem"
client_certificate = "optional"
[access]
mqtt = ["eventgrid", "api-keys"]
websocket = ["passwords"]
[access.passwords]
file = "{here}/users.jsonl"
[access.certificate]
tenant_field = "organizationName"
disabled = ["stolen"]
[access.api-keys]
keys = [{{ name = "billing", key = "{key}", tenant = "acme" }}]
[faces.eventgrid]
namespace = "{here}/namespace.json"
access = ["passwords"]
[faces.bifromq]
access = ["api-keys", "passwords"]
trust_loopback = false
"""
NAMESPACE = {
    "clients": {"d17": {"properties": {"authenticationName": "Device-17"}}},
    "topicSpaces": {"own": {"properties": {"topicTemplates": ["own/${client.authenticationName}/#"]}}},
    "permissionBindings": {
        permission: {"properties": {"clientGroupName": "$all", "topicSpaceName": "own", "permission": permission}}
        for permission in ("Publisher", "Subscriber")
    },
}


class Place:
    """The broker, the folder of its files, and a secret for each user."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.users = here / "users.jsonl"
        self.passwd("add", "device-17", "--iterations", "4096", stdin="pencil")
        self.passwd("add", "locked", "--disable", stdin="pencil")
        self.secret = self.passwd("add", "pump", "--generate").strip()
        (here / "namespace.json").write_text(json.dumps(NAMESPACE))
        (here / "myna.toml").write_text(FILE.format(here=here, certificates=certificates.folder(), key=KEY))
        self.broker: Serving

    def passwd(self, *arguments: str, stdin: str = "") -> str:
        command = [sys.executable, "-m", "myna", "passwd", "-f", str(self.users), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout

    def call(self, listener: str, method: str, path: str, headers: dict[str, str]) -> int:
        port = int(listeners_of(self.here / "data")[listener].rpartition(":")[2].strip("/"))
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        caller.request(method, path, body=b"x", headers=headers)
        status = caller.getresponse().status
        caller.close()
        return status


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("access"))
    with serve("-c", str(made.here / "myna.toml"), "--log-level", "info") as broker:
        made.broker = broker
        yield made


def connect(
    broker: Serving,
    user: str | None = None,
    password: str | None = None,
    *,
    version: int = 5,
    tls: ssl.SSLContext | None = None,
    websocket: bool = False,
) -> int:
    """The code of the CONNACK, by paho."""
    transport = "websockets" if websocket else "tcp"
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id=uuid.uuid4().hex[:20], protocol=version, transport=transport
    )
    codes: list[int] = []
    client.on_connect = lambda _client, _data, _flags, code, _properties: codes.append(code.value)
    if user is not None or password is not None:
        client.username_pw_set(user, password)
    if tls is not None:
        client.tls_set_context(tls)
    client.connect(*broker.address("http" if websocket else "mqtt" if tls is None else "mqtts"))
    while not codes and client.loop(timeout=PATIENCE) == 0:
        pass
    client.disconnect()
    return codes[0]


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("websocket", [False, True])
def test_user_name_and_password(place: Place, version: int, websocket: bool) -> None:
    def told(user: str, password: str | None) -> int:
        return connect(place.broker, user, password, version=version, websocket=websocket)

    assert told("device-17", "pencil") == 0
    assert told("pump", place.secret) == 0
    refused = told("device-17", "wrong")
    assert refused == 0x86
    assert told("nobody", "pencil") == refused
    assert told("pump", "wrong") == refused
    assert told("device-17", None) == refused
    assert told("locked", "pencil") == (0x8A if version == 5 else 0x87)


def test_a_key_without_a_user_name(place: Place) -> None:
    assert connect(place.broker, "", KEY) == 0
    assert connect(place.broker, "", KEY + "x") == 0x87


def test_who_is_added_gets_in_and_who_is_deleted_does_not(place: Place) -> None:
    secret = place.passwd("add", "late", "--generate").strip()
    place.broker.wait_for("has been read again")
    assert connect(place.broker, "late", secret) == 0
    place.passwd("delete", "late")
    place.broker.wait_for("has been read again")
    assert connect(place.broker, "late", secret) == 0x86
    whole = place.users.read_bytes()
    place.users.write_text("{broken\n")
    place.broker.wait_for("NOT taken over")
    assert connect(place.broker, "pump", place.secret) == 0
    place.users.write_bytes(whole)
    place.broker.wait_for("has been read again")


def test_client_certificates(place: Place) -> None:
    assert connect(place.broker, tls=certificates.client_context(certificate=True)) == 0
    assert connect(place.broker, tls=certificates.client_context()) == 0x87
    assert connect(place.broker, "pump", place.secret, tls=certificates.client_context()) == 0
    assert connect(place.broker, tls=signed(place.here, "/O=Birds/CN=stolen")) == 0x8A
    assert connect(place.broker, tls=signed(place.here, "/CN=no-tenant")) == 0x87
    with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
        connect(place.broker, tls=signed(place.here, "/O=Birds/CN=late", days=-1))
    with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
        connect(place.broker, tls=signed(place.here, "/O=Birds/CN=foreign", authority="another"))


@pytest.mark.parametrize(
    ("headers", "topic", "status"),
    [
        (basic("device-17", "pencil"), "own%2FDevice-17%2Fx", 204),
        (basic("device-17", "pencil"), "own%2Fpump%2Fx", 403),
        (basic("device-17", "wrong"), "own%2FDevice-17%2Fx", 401),
        (basic("nobody", "pencil"), "own%2FDevice-17%2Fx", 401),
        (basic("locked", "pencil"), "own%2FDevice-17%2Fx", 403),
        ({"x-api-key": KEY}, "own%2Fbilling%2Fx", 401),
        ({}, "own%2FDevice-17%2Fx", 401),
        ({"authorization": "Basic !!!"}, "own%2FDevice-17%2Fx", 401),
    ],
)
def test_event_grid_takes_http_basic(place: Place, headers: dict[str, str], topic: str, status: int) -> None:
    assert place.call("http", "POST", f"/mqtt/messages?topic={topic}", headers) == status


@pytest.mark.parametrize(
    ("headers", "tenant", "status"),
    [
        ({"x-api-key": KEY}, "acme", 200),
        ({"authorization": f"Bearer {KEY}"}, "acme", 200),
        ({"x-api-key": KEY}, "other", 403),
        ({"x-api-key": "guess"}, "acme", 401),
        (basic("device-17", "pencil"), "DevOnly", 200),
        (basic("device-17", "wrong"), "DevOnly", 401),
        (basic("locked", "pencil"), "DevOnly", 403),
        ({}, "acme", 401),
    ],
)
def test_bifromq_s_api_knows_its_callers(place: Place, headers: dict[str, str], tenant: str, status: int) -> None:
    said = {"tenant_id": tenant, "topic": "t", "qos": "0", "client_type": "test", **headers}
    assert place.call("bifromq", "POST", "/pub", said) == status


@pytest.mark.skipif(shutil.which("mosquitto_pub") is None, reason="mosquitto-clients is not installed")
@pytest.mark.parametrize(("password", "code"), [("pencil", 0), ("wrong", 4)])
def test_mosquitto_pub_with_a_password(place: Place, password: str, code: int) -> None:
    """MQTT 3.1.1, as it speaks unless told otherwise: its exit code is that of the CONNACK."""
    host, port = place.broker.address("mqtt")
    command = ["mosquitto_pub", "-h", host, "-p", str(port), "-u", "device-17", "-P", password, "-t", "own/Device-17/x"]
    assert subprocess.run([*command, "-m", "on"], capture_output=True, timeout=PATIENCE, check=False).returncode == code


@pytest.mark.skipif(shutil.which("node") is None or shutil.which("npm") is None, reason="Node.js is not installed")
@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("device-17", "pencil", {"code": 0, "proved": True}),
        ("device-17", "wrong", {"code": 0x86, "proved": False}),
        ("nobody", "pencil", {"code": 0x86, "proved": False}),
    ],
)
def test_mqtt_js_proves_a_password_by_scram(
    place: Place, mqtt_js: Path, name: str, password: str, told: dict[str, Any]
) -> None:
    shutil.copy(Path(__file__).parent / "prove.mjs", mqtt_js)
    host, port = place.broker.address("mqtt")
    command = ["node", "prove.mjs", f"mqtt://{host}:{port}", name, password]
    done = subprocess.run(command, cwd=mqtt_js, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == told


def signed(here: Path, subject: str, *, days: int = 1, authority: str = "ca") -> ssl.SSLContext:
    """A client's context with a certificate of this subject; one that ended yesterday where `days` is -1."""
    of = certificates.folder()
    signer = x509.load_pem_x509_certificate((of / f"{authority}.pem").read_bytes())
    signing = serialization.load_pem_private_key((of / f"{authority}.key").read_bytes(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    names = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
    parts = [part.split("=") for part in subject.strip("/").split("/")]
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(names[kind], value) for kind, value in parts]))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .sign(signing, hashes.SHA256())
    )
    name = here / uuid.uuid4().hex
    name.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    name.with_suffix(".key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    context = certificates.client_context()
    context.load_cert_chain(name.with_suffix(".pem"), name.with_suffix(".key"))
    return context
