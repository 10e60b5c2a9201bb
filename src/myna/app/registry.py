"""Where a configuration keeps its registry, and moving one in and out of it: for the command line."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from myna.config import Config
from myna.registry.database import sqlite_url
from myna.registry.errors import RegistryError
from myna.registry.registry import FILE
from myna.registry.transfer import export_lines, import_lines

__all__ = ["RegistryError", "export_registry", "import_registry", "registry_url"]


def registry_url(config: Config) -> str:
    """The database's address. Raises RegistryError where nothing is kept."""
    table = config.faces.get("devicehive")
    said = "" if table is None else table.values.get("registry", "")
    if said:
        return str(said)
    if config.server.memory:
        raise RegistryError("this configuration keeps nothing")
    return sqlite_url(Path(config.server.data) / FILE)


def export_registry(config: Config) -> Iterator[bytes]:
    url = registry_url(config)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise RegistryError(f"there is none at {url.removeprefix('sqlite:///')}")
    return export_lines(url)


def import_registry(config: Config, lines: Iterable[bytes], *, replace: bool) -> int:
    url = registry_url(config)
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return import_lines(url, lines, replace=replace)
