"""The published SDKs, unchanged, against `myna serve` as a real process.

Each Python SDK lives in an environment of its own and the npm packages in one folder, all under .cache; they are
made once per machine. Where that cannot be done the tests are skipped and say why.
"""

import os
import queue
import shutil
import subprocess
import time
import venv
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.faces.webpubsub.tokens import MQTT, Tokens
from tests.access.services import provider
from tests.commands.processes import Serving, serve
from tests.net import certificates

CHECKOUT = Path(__file__).resolve().parents[3]
SDK = Path(__file__).resolve().parent / "sdk"
CACHE = CHECKOUT / ".cache"
SERVICES = ("1.3.0", "1.2.2", "1.0.1")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    # Errors alone are logged: nobody reads the pipe while the SDKs run.
    with serve(
        "--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", environ={"MYNA_LOG__LEVEL": "error"}
    ) as serving:
        yield serving


def connection_string(server: Serving) -> str:
    host, port = server.address("http")
    return f"Endpoint=http://{host}:{port};AccessKey={DEVELOPMENT_KEY};Version=1.0;"


def python_with(version: str) -> str:
    """The Python of an environment with this service SDK, and the client SDK."""
    home = CACHE / f"sdk-python-{version}"
    python = home / "bin/python"
    done = home / "complete"
    if not done.exists():
        venv.create(home, with_pip=True, clear=True)
        packages = [f"azure-messaging-webpubsubservice=={version}", "azure-messaging-webpubsubclient==1.1.0", "aiohttp"]
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
        made = subprocess.run(install, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"the SDK {version} cannot be installed: {made.stderr.strip()[-300:]}")
        done.touch()
    return str(python)


def node_modules() -> Path:
    """The npm packages of package.json."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    home = CACHE / "npm-webpubsub"
    listed = (SDK / "package.json").read_bytes()
    done = home / "complete"
    if not done.exists() or done.read_bytes() != listed:
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_bytes(listed)
        install = ["npm", "install", "--fetch-retries=5", "--package-lock=false", "--no-audit", "--no-fund"]
        made = subprocess.run(install, cwd=home, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"the npm packages cannot be installed: {made.stderr.strip()[-300:]}")
        done.write_bytes(listed)
    return home / "node_modules"


def run(server: Serving, *command: str, **environ: str) -> None:
    run_alone(*command, connection_string(server), **environ)


def run_alone(*command: str, **environ: str) -> None:
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environ},
    )
    assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["done"]), ran.stdout + ran.stderr


@pytest.mark.parametrize("version", SERVICES)
def test_the_python_service_sdk_does_all_it_can(server: Serving, version: str) -> None:
    run(server, python_with(version), str(SDK / "service.py"))


def test_the_python_client_sdk_talks_and_recovers(server: Serving) -> None:
    run(server, python_with(SERVICES[0]), str(SDK / "client.py"))


@pytest.mark.parametrize("script", ["service.mjs", "client.mjs", "mqtt.mjs", "streams.mjs"])
def test_the_javascript_sdks_and_mqtt_js(server: Serving, script: str) -> None:
    run(server, "node", str(SDK / script), MYNA_NODE_MODULES=str(node_modules()))


def test_the_javascript_client_of_the_year_before(server: Serving) -> None:
    older = "web-pubsub-client-1.0"
    run(server, "node", str(SDK / "client.mjs"), MYNA_NODE_MODULES=str(node_modules()), MYNA_CLIENT=older)


def test_a_protobuf_client_made_of_our_proto_file(server: Serving) -> None:
    schema = files("myna.faces.webpubsub.protobuf").joinpath("webpubsub.proto")
    run(
        server,
        "node",
        str(SDK / "protobuf.mjs"),
        MYNA_NODE_MODULES=str(node_modules()),
        MYNA_PROTO=str(schema),
        MYNA_MQTT=":".join(map(str, server.address("mqtt"))),
    )


@pytest.mark.parametrize("protocol", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
@pytest.mark.parametrize("in_header", [False, True])
def test_paho_comes_in_with_a_token(server: Serving, protocol: MQTTProtocolVersion, in_header: bool) -> None:
    host, port = server.address("http")
    claims = {"sub": "paho", "role": ["webpubsub.sendToGroup"], "webpubsub.group": ["g"]}
    token = Tokens([DEVELOPMENT_KEY]).issue(MQTT, "PahoHub", f"http://{host}:{port}", claims, 60, time.time())
    client = paho.Client(CallbackAPIVersion.VERSION2, "device-1", transport="websockets", protocol=protocol)
    path = "/clients/mqtt/hubs/PahoHub"
    if in_header:
        client.ws_set_options(path, {"Authorization": f"Bearer {token}"})
    else:
        client.ws_set_options(f"{path}?access_token={token}")
    events: queue.Queue[object] = queue.Queue()
    client.on_connect = lambda client, userdata, flags, code, properties: events.put(str(code))
    client.on_message = lambda client, userdata, message: events.put((message.topic, message.payload, message.qos))
    client.connect(host, port)
    client.loop_start()
    try:
        assert events.get(timeout=60) == "Success"
        client.publish("g", b"hello", qos=2)
        assert events.get(timeout=60) == ("g", b"hello", 1)
    finally:
        client.disconnect()
        client.loop_stop()


def test_the_python_sdk_s_token_credentials_are_those_of_a_real_identity_provider(tmp_path: Path) -> None:
    python = python_with(SERVICES[0])
    config = tmp_path / "myna.toml"
    folder = certificates.folder()
    with provider() as oidc:
        config.write_text(f"""
[server]
memory = true
[[http]]
listen = "127.0.0.1:0"
tls = true
[tls]
certificate = "{folder}/server.pem"
key = "{folder}/server.key"
[faces.webpubsub.oidc]
issuer = "{oidc.issuer}"
""")
        token = oidc.token(aud="https://webpubsub.azure.com")
        with serve("-c", str(config)) as server:
            host, port = server.address("https")
            run_alone(python, str(SDK / "identity.py"), f"https://{host}:{port}", token, f"{folder}/ca.pem")
        assert oidc.fetches() == 1
