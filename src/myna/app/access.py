"""Whom a configuration's authenticators let in, in words: for the command line.

What a newcomer gets wrong: nothing is opened or read for this, so it says what the settings mean and not whether they
work. `examine` does that.
"""

from myna.access import AUTHENTICATORS
from myna.access.gates import load_authenticator
from myna.config import Config, ConfigError, Table, decode_table


def face_access(config: Config) -> dict[str, tuple[str, ...]]:
    """The authenticators that faces ask about their callers, by face."""
    lists = {name: table.values.get("access") for name, table in config.faces.items()}
    return {name: tuple(map(str, one)) for name, one in lists.items() if isinstance(one, list) and one}


def describe_access(config: Config) -> dict[str, str]:
    """By name, in the order in which they are asked for first."""
    access = config.access
    listed = [access.mqtt, access.of_websocket(), *(one.access or () for one in config.mqtt)]
    found: dict[str, str] = {}
    for name in (name for names in (*listed, *face_access(config).values()) for name in names):
        if name in AUTHENTICATORS and name not in found:
            kind = load_authenticator(name)
            table = access.tables.get(name, Table(("access", name), {}))
            try:
                found[name] = kind.describe(decode_table(table, kind.SETTINGS))
            except ConfigError:
                continue  # `examine` reports it, with its place
    return {name: words for name, words in found.items() if words}
