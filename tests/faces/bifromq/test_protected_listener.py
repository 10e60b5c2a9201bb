"""A protected API over TLS: the certificate a caller shows is what admits it."""

import http.client
import json
from pathlib import Path

import pytest

from tests.commands.processes import serve
from tests.net import certificates

CONFIGURATION = """
[[bifromq]]
listen = "127.0.0.1:0"
tls = {{ certificate = "{folder}/server.pem", key = "{folder}/server.key", client_ca = "{folder}/ca.pem", \
client_certificate = "optional" }}
[faces.bifromq]
certificates = ["myna-1"]
tokens = ["0123456789abcdef"]
trust_loopback = false
[server]
data = "{data}"
"""


@pytest.mark.parametrize(
    ("certificate", "headers", "status"),
    [(True, {}, 200), (False, {}, 401), (False, {"Authorization": "Bearer 0123456789abcdef"}, 200)],
)
def test_a_certificate_or_a_token_admits(
    tmp_path: Path, certificate: bool, headers: dict[str, str], status: int
) -> None:
    folder = certificates.folder()
    path = tmp_path / "myna.toml"
    path.write_text(CONFIGURATION.format(folder=folder, data=tmp_path / "data"))
    with serve("-c", str(path), "--log-level", "error"):
        (listener,) = json.loads((tmp_path / "data/listeners.json").read_text())["listeners"]
        assert listener["scheme"] == "https"
        context = certificates.client_context(certificate=certificate)
        caller = http.client.HTTPSConnection("127.0.0.1", listener["port"], timeout=10, context=context)
        caller.request("GET", "/cluster", headers=headers)
        assert caller.getresponse().status == status
        caller.close()
