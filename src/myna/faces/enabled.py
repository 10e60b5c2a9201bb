"""The faces a configuration enables: found by name, imported, their settings decoded. A face that is off is not even
imported."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from myna.config import ConfigError, Source, Table, decode_table
from myna.config.decode import suggest
from myna.faces.contract import Face


def find_faces(
    known: Mapping[str, str], tables: Mapping[str, Table], source: Source
) -> dict[str, tuple[type[Face], Any]]:
    """Class and settings of each, by name. Raises ConfigError with all that is wrong."""
    found: dict[str, tuple[type[Face], Any]] = {}
    problems: list[str] = []
    for name, table in tables.items():
        if name not in known:
            problems.append(f"{source.place(table.path)}: no such face; {suggest(name, sorted(known))}")
            continue
        kind = load_face(known[name])
        try:
            found[name] = (kind, decode_table(table, kind.SETTINGS, source))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


def load_face(path: str) -> type[Face]:
    module, _, attribute = path.partition(":")
    kind = getattr(import_module(module), attribute)
    assert isinstance(kind, type)
    assert issubclass(kind, Face)  # that is what FACES lists
    return kind
