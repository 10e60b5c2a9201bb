"""Opening a database and bringing its tables up to date."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from myna.registry.database import NEWEST, migrate, open_database, sqlite_url
from myna.registry.upgrade import MIGRATIONS


def test_the_newest_version_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


def test_sqlite_keeps_foreign_keys_and_minds_case(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "x.db"))
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        for pragma, value in (("foreign_keys", 1), ("journal_mode", "wal"), ("synchronous", 2)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
        assert connection.exec_driver_sql("SELECT 'a' LIKE 'A'").scalar() == 0
    engine.dispose()
