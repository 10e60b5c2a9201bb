"""`myna passwd`."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from myna.formats.password_file import is_right, read_password_file
from tests.commands.processes import PATIENCE, outcome


def passwd(file: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "myna", "passwd", "-f", str(file), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_person_is_added_verified_changed_and_deleted(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    assert passwd(file, "add", "alice", "--iterations", "4096", stdin="pencil\n") == (0, "", "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "pencil" not in file.read_text()
    (entry,) = read_password_file(file.read_bytes()).values()
    assert entry.argon2.startswith("$argon2id$")
    assert entry.scram.startswith("SCRAM-SHA-256$4096:")
    assert passwd(file, "verify", "alice", stdin="pencil\n") == (0, "right\n", "")
    assert passwd(file, "verify", "alice", stdin="pen\n") == (3, "wrong\n", "")
    assert passwd(file, "change", "alice", "--no-scram", stdin="brush") == (0, "", "")
    assert passwd(file, "verify", "alice", stdin="brush")[0] == 0
    (entry,) = read_password_file(file.read_bytes()).values()
    assert entry.scram == ""
    assert passwd(file, "delete", "alice") == (0, "", "")
    assert file.read_bytes() == b""


def test_a_generated_secret_is_printed_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    code, out, err = passwd(file, "add", "acme/pump-7", "--generate", "--attribute", "floor=3")
    assert (code, err) == (0, "")
    (entry,) = read_password_file(file.read_bytes()).values()
    assert (entry.name, entry.tenant, entry.user, entry.attributes) == ("acme/pump-7", "acme", "pump-7", {"floor": "3"})
    assert is_right(entry, out.strip().encode())
    assert out.strip() not in file.read_text()


def test_an_api_key_is_found_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    code, out, _ = passwd(file, "add", "billing", "--api-key", "--tenant", "*")
    assert code == 0
    assert passwd(file, "verify", "billing", stdin=out)[1] == "right\n"
    assert passwd(file, "verify", "billing", stdin="guess")[0] == 3


def test_everything_but_the_password_can_be_changed_without_it(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    passwd(file, "add", "dev", "--generate", "--attribute", "a=1", "--attribute", "b=2")
    (before,) = read_password_file(file.read_bytes()).values()
    more = ("--tenant", "acme", "--user", "device", "--client-ids", "tenant", "--attribute", "a=", "--disable")
    assert passwd(file, "change", "dev", *more) == (0, "", "")
    (entry,) = read_password_file(file.read_bytes()).values()
    assert (entry.tenant, entry.user, entry.client_ids, entry.attributes) == ("acme", "device", "tenant", {"b": "2"})
    assert (entry.disabled, entry.secret) == (True, before.secret)
    _, out, _ = passwd(file, "list")
    assert out.splitlines() == [
        "NAME  TENANT  USER    SHOWS   STATE     ATTRIBUTES",
        "dev   acme    device  secret  disabled  b=2",
    ]
    assert passwd(file, "change", "dev", "--enable", "--generate")[0] == 0
    (entry,) = read_password_file(file.read_bytes()).values()
    assert not entry.disabled
    assert entry.secret != before.secret


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "cause"),
    [
        (("add", "alice"), "x", 1, "is there already"),
        (("add", "bob"), "", 1, "the password is empty"),
        (("add", "bob"), "a\x07b", 1, "--no-scram"),
        (("add", "a\nb"), "x", 1, "cannot be printed"),
        (("add",), "", 1, "add whom"),
        (("change", "bob"), "x", 1, "there is no 'bob'"),
        (("delete", "bob"), "", 1, "there is no 'bob'"),
        (("verify", "bob"), "x", 1, "there is no 'bob'"),
        (("change", "alice", "--attribute", "x"), "", 1, "KEY=VALUE"),
        (("change", "alice", "--iterations", "1"), "", 1, "4096"),
        (("change", "alice", "--enable", "--disable"), "", 1, "not allowed with"),
        (("paint", "alice"), "", 1, "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_and_changes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], stdin: str, code: int, cause: str
) -> None:
    file = tmp_path / "users.jsonl"
    passwd(file, "add", "alice", "--generate")
    before = file.read_bytes()
    ended, out, err = passwd(file, *arguments, stdin=stdin)
    assert (ended, out) == (code, "")
    assert cause in err
    assert "Traceback" not in err
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["users.jsonl"]


def test_a_broken_or_missing_file_ends_with_2(tmp_path: Path) -> None:
    file = tmp_path / "users.jsonl"
    assert passwd(file, "list")[0] == 2
    assert passwd(tmp_path / "no" / "folder", "add", "alice", "--generate")[0] == 2
    file.write_text("{}\n")
    code, out, err = passwd(file, "add", "alice", "--generate")
    assert (code, out) == (2, "")
    assert "line 1" in err
    assert file.read_text() == "{}\n"


def test_the_configuration_may_name_the_file(tmp_path: Path) -> None:
    file, config = tmp_path / "users.jsonl", tmp_path / "myna.toml"
    config.write_text("")
    assert outcome("passwd", "list")[0] == 1
    assert "names no file" in outcome("passwd", "-c", str(config), "list")[2]
    config.write_text(f'[access.passwords]\nfile = "{file}"\n[access.api-keys]\nfile = "{file}.keys"\n')
    assert outcome("passwd", "-c", str(config), "add", "dev", "--generate")[0] == 0
    assert outcome("passwd", "-c", str(config), "add", "key", "--api-key")[0] == 0
    assert json.loads(file.read_text())["name"] == "dev"
    assert json.loads(Path(f"{file}.keys").read_text())["name"] == "key"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.jsonl", tmp_path / "users.jsonl"
    kept.touch()
    link.symlink_to(kept)
    assert passwd(link, "add", "dev", "--generate")[0] == 0
    assert link.is_symlink()
    assert b"dev" in kept.read_bytes()


@pytest.mark.parametrize(("second", "code"), [("pencil", 0), ("pencils", 1)])
def test_on_a_terminal_it_asks_twice_and_shows_nothing(tmp_path: Path, second: str, code: int) -> None:
    file = tmp_path / "users.jsonl"
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "myna", "passwd", "-f", str(file), "add", "alice"])
    seen = b""
    for prompt, answer in ((b"password: ", "pencil"), (b"again: ", second)):
        seen += _read_until(terminal, prompt)
        os.write(terminal, f"{answer}\n".encode())
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == code
    assert b"pencil" not in seen
    assert file.exists() == (code == 0)


def _read_until(terminal: int, words: bytes) -> bytes:
    seen, ends_at = b"", time.monotonic() + PATIENCE
    while words not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, ends_at - time.monotonic()))
        assert ready, seen
        seen += os.read(terminal, 1024)
    return seen
