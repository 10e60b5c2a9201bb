"""Looking at a store from outside, while its broker runs or not: is it whole, what is in it, a copy, a smaller file.

None of this needs the broker's help: SQLite lets others read while one writes. What a newcomer gets wrong: nothing here
repairs. What cannot be read is named, and a backup is what brings it back.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from myna.core.record_codec import DamagedRecord, decode_message, decode_session, decode_will, unseal
from myna.core.replay import Replay, Waiting
from myna.store.embedded.layout import (
    APPLICATION,
    FILE,
    FORMAT,
    JOURNAL_HEADER,
    NAMES,
    StoreError,
    connect,
    explain,
    explain_os,
)
from myna.store.embedded.reading import is_sound

FREED_AT_ONCE: Final = 256  # pages: a broker that runs waits a few milliseconds for its next commit


@dataclass(slots=True)
class Stats:
    """What is in a store. `dead` is the part of the journal that nobody waits for any more."""

    format: int
    file: int
    log: int
    free: int
    rows: dict[str, int]
    waiting: int
    dead: int


def open_existing(folder: Path, *, readonly: bool = True) -> sqlite3.Connection:
    """The store of a data folder. Raises StoreError if there is none that this version reads."""
    path = folder / FILE
    if not path.is_file():
        raise StoreError(f"there is no store in {folder}: no file {FILE}")
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(path, readonly=readonly)
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise StoreError(explain(path, error)) from error
    if application != APPLICATION or version != FORMAT:
        connection.close()
        raise StoreError(f"{path} has format {version} of application {application:#x}; this version reads {FORMAT}")
    return connection


def check(folder: Path) -> list[str]:
    """What is wrong with a store, in words; nothing if it is whole."""
    connection = open_existing(folder)
    try:
        connection.execute("BEGIN")  # one state of it, whatever its broker does meanwhile
        problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        return problems or _check_rows(connection)
    except sqlite3.Error as error:
        return [explain(folder / FILE, error)]
    finally:
        connection.close()


def _check_rows(connection: sqlite3.Connection) -> list[str]:
    problems: list[str] = []

    def attempt(what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except DamagedRecord as error:
            problems.append(f"{what}: {error}")

    sessions: dict[int, Waiting] = {}
    for number, body in connection.execute("SELECT id, body FROM sessions"):
        attempt(f"session {number}", lambda body=body: decode_session(body, 0.0))  # type: ignore[misc]
        sessions[number] = Waiting("", False)
    for table in ("subscriptions", "wills", "received"):
        for (number,) in connection.execute(f"SELECT DISTINCT session FROM {table}"):
            if number not in sessions:
                problems.append(f"{table} name session {number}, which is not there")
    for number, text, body in connection.execute("SELECT session, text, body FROM subscriptions"):
        attempt(f"subscription {text!r} of session {number}", lambda body=body: unseal(body))  # type: ignore[misc]
    for number, body in connection.execute("SELECT session, body FROM wills"):
        attempt(f"the will of session {number}", lambda body=body: decode_will(("", "", ""), body, 0.0))  # type: ignore[misc]
    for tenant, topic, body in connection.execute("SELECT tenant, topic, body FROM retained"):
        attempt(f"retained message {topic!r} in {tenant!r}", lambda body=body: _decode_retained(body))  # type: ignore[misc]
    for space, name, body in connection.execute("SELECT space, name, body FROM kept"):
        attempt(f"{space} {name!r}", lambda body=body: unseal(body))  # type: ignore[misc]
    replay = Replay(0.0)
    replay.sessions = sessions
    for row, body in connection.execute("SELECT id, body FROM journal ORDER BY id"):
        if is_sound(body):
            attempt(f"commit {row}", lambda row=row, body=body: replay.blob(row, body, JOURNAL_HEADER))  # type: ignore[misc]
        else:
            problems.append(f"commit {row}: the checksum is wrong")
    return problems


def _decode_retained(body: bytes) -> None:
    plain = unseal(body)
    decode_message(plain, 0, len(plain), 0.0, "")


def stats(folder: Path) -> Stats:
    """Sizes and numbers. Raises StoreError if it cannot be read."""
    path = folder / FILE
    connection = open_existing(folder)
    try:
        connection.execute("BEGIN")
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        free = connection.execute("PRAGMA freelist_count").fetchone()[0] * page
        rows = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in NAMES}
        replay = Replay(0.0)
        replay.sessions = {row[0]: Waiting("", False) for row in connection.execute("SELECT id FROM sessions")}
        dead = 0
        for row, body in connection.execute("SELECT id, body FROM journal ORDER BY id"):
            replay.blob(row, body, JOURNAL_HEADER)
            dead += len(body)
        dead -= sum(_live_bytes(connection, replay).values())
        waiting = sum(replay.live.values())
    except (sqlite3.Error, DamagedRecord) as error:
        said = explain(path, error) if isinstance(error, sqlite3.Error) else str(error)
        raise StoreError(f"{said}. `myna store check` says more") from error
    finally:
        connection.close()
    log = Path(f"{path}-wal")
    return Stats(
        FORMAT, path.stat().st_size, log.stat().st_size if log.exists() else 0, free, rows, waiting, max(dead, 0)
    )


def _live_bytes(connection: sqlite3.Connection, replay: Replay) -> dict[int, int]:
    """A fair guess: each row's bytes by the share of its deliveries that are open."""
    sizes = dict(connection.execute("SELECT id, length(body) FROM journal"))
    return {row: size * replay.live[row] // replay.parts[row] for row, size in sizes.items() if replay.parts.get(row)}


def compact(folder: Path) -> int:
    """Give free pages back to the disk, a few at a time; says how many bytes. A broker may run meanwhile."""
    path = folder / FILE
    connection = open_existing(folder, readonly=False)
    try:
        page: int = connection.execute("PRAGMA page_size").fetchone()[0]
        before: int = connection.execute("PRAGMA page_count").fetchone()[0]
        while connection.execute("PRAGMA freelist_count").fetchone()[0]:
            connection.execute(f"PRAGMA incremental_vacuum({FREED_AT_ONCE})").fetchall()
        after: int = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # the file shrinks only now
    except sqlite3.Error as error:
        raise StoreError(explain(path, error)) from error
    finally:
        connection.close()
    return (before - after) * page


def backup(folder: Path, target: Path) -> int:
    """A copy of one moment, of a broker that runs, too; says how large it is. Never replaces a file."""
    source = open_existing(folder)
    try:
        target.touch(mode=0o600, exist_ok=False)
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = WAL").fetchone()
        finally:
            copy.close()
    except FileExistsError:
        raise StoreError(f"{target} is there already; a backup never replaces a file") from None
    except sqlite3.Error as error:
        raise StoreError(explain(target, error)) from error
    except OSError as error:
        raise StoreError(explain_os(target, error)) from error
    finally:
        source.close()
    return target.stat().st_size
