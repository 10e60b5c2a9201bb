"""A running broker takes new settings and new certificates, and keeps what it had where they are wrong."""

import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from myna.commands.certificates.authority import Authority
from tests.commands.processes import Serving, serve

PATIENCE = 60.0
TOKEN = "0123456789abcdef" * 2
FILE = """
[server]
data = "{folder}/data"
[[http]]
listen = "127.0.0.1:0"
[[mqtt]]
listen = "127.0.0.1:0"
tls = true
[tls]
certificate = "{folder}/c/server.pem"
key = "{folder}/c/server.key"
[access]
mqtt = ["open"]
[faces.admin]
"""


class Running:
    def __init__(self, serving: Serving, folder: Path) -> None:
        self.serving = serving
        self.folder = folder
        self.url = "http://{}:{}".format(*serving.address("http"))

    def ask(self, method: str, path: str, token: str = "") -> tuple[int, str]:
        token = token or (self.folder / "data" / "admin-token.key").read_text().strip()
        request = urllib.request.Request(self.url + path, None, {"authorization": f"Bearer {token}"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def serial(self) -> object:
        """Of the certificate that a new MQTT connection is shown."""
        context = ssl.create_default_context(cafile=str(self.folder / "c" / "ca.pem"))
        with (
            self.serving.connect("mqtts") as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            return (connection.getpeercert() or {})["serialNumber"]


def test_certificates_and_settings_change_while_it_runs(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "c")
    authority.server(["localhost"], 30)
    file = tmp_path / "myna.toml"
    text = FILE.format(folder=tmp_path)
    file.write_text(text)
    with serve("-c", str(file)) as serving:
        running = Running(serving, tmp_path)
        before = running.serial()

        _, key = authority.server(["localhost"], 30)  # nobody tells it
        deadline = time.monotonic() + PATIENCE
        while running.serial() == before:
            assert time.monotonic() < deadline
        after = running.serial()
        good = key.read_bytes()
        key.write_text("junk")
        assert "NEW CERTIFICATE IS NOT IN USE" in serving.wait_for("CERTIFICATE")
        assert running.serial() == after
        key.write_bytes(good)

        assert running.ask("GET", "/metrics", "x")[0] == 401
        file.write_text(f'{text}[administration]\nmetrics = "open"\ntoken = "{TOKEN}"\n[network]\nslow_reader = 9\n')
        status, body = running.ask("POST", "/api/admin/reload")
        assert status == 200
        assert json.loads(body) == {"in_force": ["administration", "certificates"], "waiting": ["network"]}
        assert serving.fetch("/metrics")[0] == 200
        assert running.ask("GET", "/api/admin/health")[0] == 401  # the token of the file counts now
        assert running.ask("GET", "/api/admin/health", TOKEN)[0] == 200

        file.write_text(f"{text}[nonsense]\n")
        status, body = running.ask("POST", "/api/admin/reload", TOKEN)
        assert status == 409
        assert "unknown section" in json.loads(body)["problems"][0]
        assert running.ask("GET", "/api/admin/health", TOKEN)[0] == 200


@pytest.mark.parametrize("enabled", [True, False])
def test_without_its_face_there_is_no_administration(tmp_path: Path, enabled: bool) -> None:
    Authority(tmp_path / "c").server(["localhost"], 30)
    file = tmp_path / "myna.toml"
    text = FILE.format(folder=tmp_path)
    file.write_text(text if enabled else text.replace("[faces.admin]\n", ""))
    with serve("-c", str(file)) as serving:
        assert Running(serving, tmp_path).ask("GET", "/api/admin/health")[0] == (200 if enabled else 404)
        assert ("token     of the administration" in serving.banner) == enabled
