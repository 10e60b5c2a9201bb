"""Databases for tests: a fresh SQLite file, or a fresh database of a PostgreSQL cluster of our own.

The cluster is made once per run, in a temporary folder, on a free port, without root's rights, and ended with the run.
Each test gets a copy of a database that has been filled once.
"""

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import psycopg
import pytest

from myna.registry.registry import FILE, open_registry
from tests.ports import reserved_port

BACKENDS = ("sqlite", "postgresql")

_numbers = itertools.count()


def fresh_database(backend: str, folder: Path, *, development: bool = True) -> str | Path:
    """Where a registry that nobody has touched is: what `open_registry` takes."""
    if backend == "sqlite":
        if development:
            shutil.copy(_sqlite_template() / FILE, folder / FILE)
        return folder
    cluster = _cluster()
    name = f"t{next(_numbers)}"
    cluster.run(f"CREATE DATABASE {name} TEMPLATE {_postgresql_template() if development else 'template0'}")
    return cluster.url(name)


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="myna-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _fill(folder)
    return folder


@cache
def _postgresql_template() -> str:
    _cluster().run("CREATE DATABASE filled TEMPLATE template0")
    _fill(_cluster().url("filled"))
    return "filled"


def _fill(location: str | Path) -> None:
    registry = open_registry(location, development=True)
    registry.shared_secret("jwt.secret")
    registry.abandon()


TERMS = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")  # whatever the machine's own are


class Cluster:
    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="myna-pg-"))
        self._reserved = ExitStack()  # left as the process ends
        self.port = self._reserved.enter_context(reserved_port())
        self._account = "postgres" if os.getuid() == 0 else None
        if self._account is not None:
            shutil.chown(self.folder, self._account)
        data = self.folder / "data"
        self._run(programs / "initdb", "-D", str(data), "-U", "myna", *TERMS)
        settings = f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories= -F"  # a path may be too long for a socket
        log = str(self.folder / "log")
        self._run(programs / "pg_ctl", "-D", str(data), "-w", "-l", log, "-o", settings, "start")
        self._programs = programs
        self._data = data

    def url(self, database: str) -> str:
        return f"postgresql://myna@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        self._reserved.close()
        self._run(self._programs / "pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: Path, *arguments: str) -> None:
        done = subprocess.run(
            [program, *arguments], user=self._account, cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"PostgreSQL does not start here: {done.stdout.decode(errors='replace')[-300:]}")


@cache
def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return None if path is None else Path(path).resolve().parent


@cache
def _start() -> Cluster:
    programs = _programs()
    assert programs is not None
    cluster = Cluster(programs)
    atexit.register(cluster.stop)
    return cluster


def _cluster() -> Cluster:
    if _programs() is None:
        pytest.skip("PostgreSQL is not installed (package postgresql)")
    return _start()
