"""Whom a configuration's authenticators let in, in words: for the command line.

What a newcomer gets wrong: nothing is opened or read for this, so it says what the settings mean and not whether they
work. `examine` does that.
"""

from collections.abc import Iterator
from typing import Final

from myna.access import AUTHENTICATORS
from myna.access.gates import load_authenticator
from myna.config import Config, ConfigError, Table, decode_table
from myna.formats.asking import is_exposed
from myna.formats.outgoing import public_part

ADDRESSES: Final = ("url", "jwks", "token_url")  # settings that hold an address of others


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


def exposed_services(config: Config) -> list[str]:
    """Addresses of others that passwords, keys or events go to, or come from, without encryption."""
    tables = [*config.access.tables.values(), *config.faces.values(), *config.routing.destinations.values()]
    found = [public_part(url) for table in tables for url in _urls(table.values) if is_exposed(url)]
    return list(dict.fromkeys(found))


def believes_anybody(config: Config) -> bool:
    """Does the REST API of Web PubSub take tokens whoever has signed them?"""
    oidc = config.faces.get("webpubsub", Table(("faces",), {})).values.get("oidc")
    return isinstance(oidc, dict) and bool(oidc.get("accept_unvalidated"))


def _urls(value: object) -> Iterator[str]:
    """Every address in a table, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ADDRESSES and isinstance(inner, str) and inner.startswith("http"):
                yield inner
            else:
                yield from _urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _urls(inner)
