"""A disk that fails at each of its writes and syncs in turn, and files that are not what was written."""

import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from myna.store.embedded import EmbeddedStore, StoreError
from myna.store.embedded.layout import FILE, FORMAT
from tests.store.harness import Machine

ROUNDS = int(os.environ.get("MYNA_ROUNDS", "1"))
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler: apt-get install gcc")
    made = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, HERE / "faults.c", "-ldl"], check=True)
    return made


def run(library: Path, folder: Path, **faults: object) -> tuple[int, list[str]]:
    environ = {**os.environ, "LD_PRELOAD": f"./{library.name}", **{name: str(value) for name, value in faults.items()}}
    done = subprocess.run(
        [sys.executable, str(HERE / "faulty.py"), str(folder)],
        cwd=library.parent,  # LD_PRELOAD takes no path with a space in it
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def number_of_calls(library: Path, folder: Path) -> int:
    count = folder.with_suffix(".count")
    code, said = run(library, folder, FAULT_COUNT=count)
    assert (code, said[-1]) == (0, "done")
    return int(count.read_text())


def account(folder: Path, said: list[str]) -> None:
    """What it had acknowledged is there, unless the subscriber had acknowledged it in turn."""
    acked = [int(line.split()[1]) for line in said if line.startswith("acked")]
    got = [int(line.split()[1]) for line in said if line.startswith("got")]
    settled = "settled" in said
    machine = Machine(folder)
    sub = machine.client("sub", 4)
    answer = sub.connect()
    assert answer.session_present or "subscribed" not in said
    found = [int(payload.partition(b".")[0]) for payload in sub.messages()]
    assert found == sorted(found)
    assert set(acked) <= {*found, *got}
    if settled:
        assert not set(got) & set(found)
    machine.engine.close()


def points(calls: int, seed: int) -> list[int]:
    """Some of the calls; all of them when MYNA_ROUNDS is large."""
    every = range(1, calls + 1)
    return sorted(random.Random(seed).sample(every, min(calls, 8 * ROUNDS)))


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_service_resumes_after_any_write_or_sync_has_failed(library: Path, tmp_path: Path, code: int) -> None:
    for at in points(number_of_calls(library, tmp_path / "whole"), code):
        folder = tmp_path / str(at)
        status, said = run(library, folder, FAULT_AT=at, FAULT_FOR=3, FAULT_ERRNO=code)
        assert status == 0
        if said[-1].startswith("refused"):
            status, said = run(library, folder)
        assert said[-1] == "done"
        assert len([line for line in said if line.startswith("acked")]) == 30
        account(folder, said)


@pytest.mark.slow
@pytest.mark.parametrize("torn", [0, 1])
def test_nothing_is_lost_by_a_crash_at_any_write_or_sync(library: Path, tmp_path: Path, torn: int) -> None:
    for at in points(number_of_calls(library, tmp_path / "whole"), 10 + torn):
        folder = tmp_path / str(at)
        _, said = run(library, folder, FAULT_AT=at, TORN=torn)
        account(folder, said)
        shutil.rmtree(folder)


def test_a_full_disk_is_named_and_nothing_is_acknowledged_meanwhile(library: Path, tmp_path: Path) -> None:
    status, said = run(library, tmp_path, FAULT_AT=60, FAULT_FOR=40, FAULT_ERRNO=errno.ENOSPC)
    assert (status, said[-1]) == (0, "done")
    (trouble,) = {line for line in said if line.startswith("trouble")}
    assert "is full" in trouble
    assert "Make room" in trouble
    account(tmp_path, said)


# Files that are not what was written


def filled(folder: Path) -> Path:
    machine = Machine(folder)
    sub = machine.client("sub")
    sub.connect()
    sub.subscribe("a")
    sub.lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for number in range(50):
        publisher.publish("a", b"%d" % number + b"." * 500, packet_id=number + 1)
        machine.commit()
    publisher.publish("r", b"kept", packet_id=60, retain=True)
    machine.commit()
    machine.engine.close()
    return folder / FILE


def refusal(folder: Path) -> str:
    store = EmbeddedStore(folder)
    with pytest.raises(StoreError) as refused:
        store.open()
    store.close()
    return str(refused.value)


def test_a_truncated_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = filled(tmp_path)
    os.truncate(file, file.stat().st_size - 20_000)
    before = file.read_bytes()
    assert "is damaged" in refusal(tmp_path)
    assert file.read_bytes() == before


@pytest.mark.parametrize("table", ["journal", "sessions", "subscriptions", "retained"])
def test_an_altered_row_is_refused_with_what_it_is_and_what_to_do(tmp_path: Path, table: str) -> None:
    file = filled(tmp_path)
    connection = sqlite3.connect(file)
    column = connection.execute(f"SELECT body FROM {table} LIMIT 1").fetchone()[0]
    altered = column[:-5] + bytes((column[-5] ^ 1,)) + column[-4:]
    connection.execute(f"UPDATE {table} SET body = ? WHERE body = ?", (altered, column))
    connection.commit()
    connection.close()
    said = refusal(tmp_path)
    assert "is damaged" in said
    assert "Restore a backup" in said
    assert "checksum" in said


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("CREATE TABLE x (y)")
    connection.close()
    assert "some other program" in refusal(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"hello" * 1000)
    assert "is damaged" in refusal(tmp_path)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    file = filled(tmp_path)
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    connection.close()
    assert "newer Myna" in refusal(tmp_path)


def test_a_log_without_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}-wal").write_bytes(b"x" * 100)
    assert "Put the file back" in refusal(tmp_path)


@pytest.mark.parametrize("frame", [2, 20, -1])
def test_a_log_that_is_altered_in_its_middle_is_refused(tmp_path: Path, frame: int) -> None:
    live = tmp_path / "live"
    machine = Machine(live, sync="full")
    sub = machine.client("sub")
    sub.connect()
    sub.subscribe("a")
    sub.lose()
    publisher = machine.client("pub")
    publisher.connect(expiry=0)
    for number in range(30):
        publisher.publish("a", b"%d" % number, packet_id=number + 1)
        machine.commit()
    copy = tmp_path / "copy"
    shutil.copytree(live, copy)  # as a crash would leave it
    machine.engine.close()
    log = copy / f"{FILE}-wal"
    data = bytearray(log.read_bytes())
    frames = (len(data) - 32) // (24 + 8192)
    data[32 + (frame % frames) * (24 + 8192) + 5000] ^= 1
    log.write_bytes(data)
    if frame != -1:  # the last commit may have been on its way
        assert "was damaged in its middle" in refusal(copy)
        assert "Restore a backup" in refusal(copy)  # not only the first time
        (copy / f"{FILE}-wal.damaged").unlink()
    store = EmbeddedStore(copy)
    store.open()
    store.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    filled(tmp_path).chmod(0o400)
    assert "cannot be written" in refusal(tmp_path)


def test_an_old_format_is_brought_up_to_date_in_one_step_or_not_at_all(tmp_path: Path) -> None:
    filled(tmp_path)

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half_done (x)")
        raise sqlite3.OperationalError("disk I/O error")

    store = EmbeddedStore(tmp_path, migrations={FORMAT: fails})
    with pytest.raises(StoreError):
        store.open()
    store.close()

    def works(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half_done (x)")

    store = EmbeddedStore(tmp_path, migrations={FORMAT: works})
    store.open()
    store.close()
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT + 1,)
    connection.close()


def test_time_goes_on_where_it_was_if_the_clock_is_set_back(tmp_path: Path) -> None:
    clock = 10_000.0
    machine = Machine(tmp_path, now=clock, clock=lambda: clock)
    client = machine.client("c")
    client.connect(expiry=100)
    client.subscribe("a")
    client.lose()
    machine.commit()
    clock = machine.now = 9_000.0
    machine.crash()
    machine.tick()
    assert machine.broker.session("t", "", "c") is not None
    machine.now += 101
    machine.tick()
    assert machine.broker.session("t", "", "c") is None
