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
