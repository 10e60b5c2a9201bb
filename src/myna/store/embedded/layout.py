"""The file: its tables, its version, how it is opened, and what is said when it cannot be.

    journal        what waits for sessions: each row holds the records of one commit, or a piece of a large one
    sessions, subscriptions, wills, received, retained, kept      one row for each thing
    meta           the time of the last commit, the number of the last session

What a newcomer gets wrong: a file that cannot be read is never made anew. Whoever starts the broker is told what is
wrong and decides.
"""

import errno
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from myna.store.embedded.write_ahead import commits_beyond

FILE: Final = "messages.db"
SET_ASIDE: Final = "-wal.damaged"
APPLICATION: Final = 0x4D796E61  # "Myna": says whose file it is, as `file` shows
FORMAT: Final = 1

JOURNAL_HEADER: Final = 8  # of each journal row: version, three zeros, checksum of what follows
RECORDS_VERSION: Final = 1

SYNC: Final = {"full": "FULL", "normal": "NORMAL", "off": "OFF"}

# Large pages make the overflow chain of a blob short; freed pages are given back when somebody asks for it.
PAGE_SIZE: Final = 8192

TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE journal (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE subscriptions (session INTEGER, text TEXT, body BLOB NOT NULL, PRIMARY KEY (session, text)) WITHOUT ROWID;
CREATE TABLE wills (session INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE received (session INTEGER, packet INTEGER, PRIMARY KEY (session, packet)) WITHOUT ROWID;
CREATE TABLE retained (id INTEGER PRIMARY KEY, tenant TEXT, topic TEXT, body BLOB NOT NULL, UNIQUE (tenant, topic));
CREATE TABLE kept (space TEXT, name TEXT, body BLOB NOT NULL, PRIMARY KEY (space, name)) WITHOUT ROWID;
"""
NAMES: Final = ("meta", "journal", "sessions", "subscriptions", "wills", "received", "retained", "kept")

Migration = Callable[[sqlite3.Connection], None]

# From the version of the key to the next one. Each runs in one transaction together with the change of the version.
MIGRATIONS: Final[dict[int, Migration]] = {}


class StoreError(Exception):
    """The store cannot be used; says what has happened and what to do."""


def connect(path: Path, *, sync: str = "full", readonly: bool = False) -> sqlite3.Connection:
    """A connection to an existing file. Statements run at once; transactions are begun by name."""
    mode = "ro" if readonly else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30.0, check_same_thread=False
    )
    if not readonly:
        connection.execute(f"PRAGMA synchronous = {SYNC[sync]}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # a thread of its own does it
        connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


def open_file(path: Path, *, sync: str = "full", migrations: dict[int, Migration] | None = None) -> sqlite3.Connection:
    """Open the file, make it if there is none, bring an old one up to date."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            _create(path)
        connection = connect(path, sync=sync)
        try:
            _check_owner(path, connection)
            if sync == "full":
                check_log(path, connection)
            _bring_up_to_date(path, connection, MIGRATIONS if migrations is None else migrations)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StoreError(explain(path, error)) from error
    except OSError as error:
        raise StoreError(explain_os(path, error)) from error
    return connection


def check_log(path: Path, connection: sqlite3.Connection) -> None:
    """SQLite takes the first frame of its log that does not check out for the log's end. If whole commits lie behind
    it, it was not: after a crash there can be no more than the one that was being written.

    The log is set aside, for whoever closes the file last removes it.
    """
    _, accepted, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    log = Path(f"{path}-wal")
    if commits_beyond(log, accepted) > 1:
        shutil.copy2(log, f"{path}{SET_ASIDE}")
    if Path(f"{path}{SET_ASIDE}").exists():
        raise StoreError(
            f"{log} was damaged in its middle: commits behind that, with acknowledged messages, cannot be read. Restore"
            f" a backup; or remove {path.name}{SET_ASIDE}, which is a copy of that log, to go on without them"
        )


def _create(path: Path) -> None:
    if Path(f"{path}-wal").exists() and Path(f"{path}-wal").stat().st_size:
        raise StoreError(
            f"{path} is missing or empty, yet {path.name}-wal beside it holds messages. Put the file back, or restore a"
            " backup; to give up what was stored, remove the -wal file"
        )
    # Made under another name, so that a crash leaves either no file or a whole one.
    fresh = path.with_name(f".{path.name}.new")
    for leftover in (fresh, Path(f"{fresh}-wal"), Path(f"{fresh}-shm"), Path(f"{fresh}-journal")):
        leftover.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(
            f"BEGIN; {TABLES} INSERT INTO meta VALUES ('time', 0.0); PRAGMA application_id = {APPLICATION};"
            f" PRAGMA user_version = {FORMAT}; COMMIT;"
        )
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    finally:
        connection.close()
    fresh.replace(path)


def _check_owner(path: Path, connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise StoreError(f"{path} is a database of some other program. Choose another data folder")


def _bring_up_to_date(path: Path, connection: sqlite3.Connection, migrations: dict[int, Migration]) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = max([FORMAT, *[old + 1 for old in migrations]])
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer Myna (format {version}, this one knows up to {newest})."
            " Run that version, or restore a backup made before the upgrade"
        )
    connection.execute("UPDATE meta SET value = value WHERE name = 'time'")  # says at once whether it can be written
    while version < newest:
        migrate = migrations.get(version)
        if migrate is None:
            raise StoreError(f"{path} has format {version}, from which this version knows no way to {newest}")
        connection.execute("BEGIN IMMEDIATE")
        migrate(connection)
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")


def explain(path: Path, error: sqlite3.Error) -> str:
    """What an error of SQLite means for whoever runs the broker."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return f"the disk of {path} is full ({error}). Make room; nothing that was acknowledged is lost"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return f"{path} cannot be written ({error}). Check who owns it, its permissions and how its disk is mounted"
    if code == sqlite3.SQLITE_CANTOPEN:
        return f"{path} cannot be opened ({error}). Check its folder's permissions, and that the disk is mounted"
    if code == sqlite3.SQLITE_IOERR:
        return f"the disk of {path} reports an error ({error}). Look at the system's log; nothing acknowledged is lost"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{path} is held by another program ({error}). End it, a backup or a database browser perhaps"
    return f"{path}: {error}"


def explain_os(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {path} is full ({error.strerror}). Make room; nothing that was acknowledged is lost"
    return f"cannot use {path}: {error.strerror or error}"


def damaged(path: Path, what: str) -> str:
    return (
        f"{path} is damaged: {what}. Nothing has been changed. Restore a backup (`myna store backup` makes them), or"
        f" move {path.name}* away to start without what was stored; `myna store check` says what can still be read"
    )
