"""Running the migrations; imported only where there is something to run, because Alembic takes its time to import."""

from pathlib import Path
from typing import Final

import alembic.command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from myna.registry.errors import RegistryError

MIGRATIONS: Final = Path(__file__).with_name("migrations")


def upgrade(engine: Engine) -> None:
    """To the newest version, all of it or nothing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except (SQLAlchemyError, CommandError) as error:
        raise RegistryError(str(getattr(error, "orig", None) or error)) from error
