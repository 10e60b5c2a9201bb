"""MQTT sessions of a hub over a crash of `myna serve`, a real process: they are there, with what REST granted them."""

import signal
import time
from pathlib import Path

import pytest

from myna.formats import jwt
from tests.commands.processes import PATIENCE, Serving, serve
from tests.faces.webpubsub.test_event_handlers import KEY, Device

pytestmark = pytest.mark.slow


def call(server: Serving, method: str, path: str) -> int:
    """The status of a REST call on the hub chat."""
    url = f"http://x/api/hubs/chat/{path}"
    token = jwt.sign({"aud": url, "exp": time.time() + 60}, KEY.encode())
    with server.connect("http") as http:
        http.settimeout(PATIENCE)
        head = f"{method} {url[8:]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        http.sendall(f"{head}connection: close\r\ncontent-length: 0\r\n\r\n".encode())
        return int(http.makefile("rb").readline().split(b" ")[1])


def test_sessions_and_their_permissions_outlive_a_crash(tmp_path: Path) -> None:
    configuration = tmp_path / "myna.toml"
    configuration.write_text(
        f"""
        [server]
        data = "{tmp_path}/data"
        [[http]]
        listen = "127.0.0.1:0"
        [log]
        level = "error"
        [faces.webpubsub]
        access_key = "{KEY}"
        """,
        encoding="utf-8",
    )
    send, join = "permissions/sendToGroup/connections/kept", "permissions/joinLeaveGroup/connections/kept"
    version = "api-version=2024-12-01"
    with serve("-c", str(configuration)) as server, Device(server, "kept", is_lasting=True) as device:
        assert device.take()[0] == "Success"
        assert call(server, "PUT", f"{send}?targetName=g&{version}") == 200
        assert call(server, "PUT", f"groups/g/connections/kept?{version}") == 200
        server.stop(signal.SIGKILL)
    with serve("-c", str(configuration)) as server:
        for method, path, status in (
            ("HEAD", "connections/kept?", 200),
            ("HEAD", "users/kept?", 200),
            ("HEAD", "groups/g?", 200),
            ("HEAD", f"{send}?targetName=g&", 200),
            ("HEAD", f"{send}?targetName=h&", 404),
            ("HEAD", f"{join}?targetName=h&", 404),
            ("PUT", f"{join}?targetName=h&", 200),
        ):
            assert call(server, method, path + version) == status, path
        with Device(server, "kept", is_lasting=True) as device:
            assert device.take()[0] == "Success"
            device.publish("g", b"still allowed")
            assert device.take() == ("g", b"still allowed")
            assert call(server, "DELETE", f"connections/kept?{version}") == 204
        assert call(server, "HEAD", f"{send}?targetName=g&{version}") == 404
