"""What is printed at the start can be copied into a shell and works."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from myna.commands.banner import command
from tests.commands.processes import serve


@pytest.fixture
def nowhere_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_myna_is_called_by_its_name_where_that_is_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert command() == "myna"


@pytest.mark.usefixtures("nowhere_on_path")
def test_else_by_where_it_is_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.chdir(tmp_path)
    assert command() == ".venv/bin/python -m myna"
    (folder / "myna").touch()
    assert command() == ".venv/bin/myna"
    monkeypatch.chdir(folder.parent)
    assert command() == "bin/myna"
    monkeypatch.chdir("/")
    assert command() == shlex.quote(str(folder / "myna").removeprefix("/"))


@pytest.mark.usefixtures("nowhere_on_path")
def test_what_it_says_is_a_command() -> None:
    answer = subprocess.run([*shlex.split(command()), "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("myna ")


def test_each_listener_is_followed_by_what_belongs_to_it() -> None:
    with serve("--memory", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--bifromq", "127.0.0.1:0") as broker:
        lines = [line.split()[0] for line in broker.banner.splitlines() if "127.0.0.1" in line][:4]
        assert lines == ["MQTT", "HTTP", "MQTT", "BifroMQ"]
        assert "MQTT over WebSocket" in broker.banner
        assert broker.stop()[0] == 0


def test_it_says_who_may_come_in_and_where_a_token_is_wanted(tmp_path: Path) -> None:
    listeners = "".join(f'[[{kind}]]\nlisten = "127.0.0.1:0"\n' for kind in ("mqtt", "http", "bifromq"))
    file = tmp_path / "myna.toml"
    file.write_text(
        f'[server]\ndata = "{tmp_path}/data"\n{listeners}'
        '[faces.webpubsub]\n[faces.bifromq]\ntokens = ["0123456789abcdef"]\n'
    )
    with serve("-c", str(file)) as broker:
        assert "open to   clients with a token of Web PubSub; [access] lists no authenticators" in broker.banner
        assert f"token     of the administrator, for /metrics: in {tmp_path}/data/admin-token.key" in broker.banner
        assert "curl -d 'Hello from BifroMQ' -H 'Authorization: Bearer <one of tokens>'" in broker.banner
        assert "0123456789abcdef" not in broker.banner
