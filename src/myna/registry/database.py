"""A database opened: SQLite in the data folder, or PostgreSQL by its URL; its tables brought up to date.

What a newcomer gets wrong: Python's sqlite3 begins transactions when it sees fit, which breaks savepoints; here it is
told not to, and every transaction is begun in so many words.
"""

import logging
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from myna.registry.errors import RegistryError

VERSION_TABLE: Final = "registry_version"
NEWEST: Final = "0001"  # of `migrations`; a test compares
BUSY_TIMEOUT: Final = 10_000  # ms a writer waits for another process, such as an import, before it gives up


def open_database(url: str, *, synchronous: str = "full") -> Engine:
    """`sqlite:///path` or `postgresql://…`; the driver is ours to choose."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, synchronous)
    return create_engine(
        parsed, pool_pre_ping=True, pool_size=8, max_overflow=4, future=True, insertmanyvalues_page_size=5000
    )


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def migrate(engine: Engine) -> None:
    """Bring the tables up to date. A database that a newer Myna has touched is left alone, with an error."""
    if _is_up_to_date(engine):
        return
    # It tells of its own steps, even while it is imported; ours to tell is only what fails.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    import_module("myna.registry.upgrade").upgrade(engine)


def _is_up_to_date(engine: Engine) -> bool:
    """Asked first, because Alembic takes longer to import than most starts do otherwise."""
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(VERSION_TABLE):
                return False
            versions = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    except SQLAlchemyError as error:
        raise RegistryError(str(getattr(error, "orig", None) or error)) from error
    return versions == [NEWEST]


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise RegistryError("its address is not like postgresql://user:password@host/name") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed
    raise RegistryError(f"a registry lives in SQLite or PostgreSQL, not in {backend}")


def _open_sqlite(url: URL, synchronous: str) -> Engine:
    engine = create_engine(url, connect_args={"check_same_thread": False}, future=True)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous.upper()}",
            "foreign_keys=ON",
            "case_sensitive_like=ON",
            f"busy_timeout={BUSY_TIMEOUT}",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
