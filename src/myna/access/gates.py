"""The gates of all endpoints, built from what the configuration lists for each, and rebuilt when that changes.

What a newcomer gets wrong: an authenticator is made once and shared by all endpoints that list it, with what it
remembers.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module

from myna.access import AUTHENTICATORS
from myna.access.authenticator import AccessContext, Authenticator
from myna.access.chain import Chain, Judge
from myna.access.named import Named
from myna.config import ConfigError, Source, Table, decode_table
from myna.config.decode import suggest


class Gates:
    """Whatever the configuration says wrongly raises ConfigError."""

    def __init__(self, context: AccessContext) -> None:
        self._context = context
        self._brought: dict[str, Judge] = {}
        self._made: dict[str, Authenticator] = {}
        self._chains: dict[str, Chain] = {}
        self._tables: Mapping[str, Table] = {}
        self._source = Source("", {}, {})

    def bring(self, name: str, authenticator: Judge) -> None:
        self._brought[name] = authenticator

    def configure(self, tables: Mapping[str, Table], source: Source) -> None:
        """Settings of authenticators from now on; those in use keep theirs until `use`."""
        known = self.names()
        for name, table in tables.items():
            if name not in known:
                raise ConfigError([f"{source.place(table.path)}: no such authenticator; {suggest(name, known)}"])
        self._tables = tables
        self._source = source
        self._made = {}

    def names(self) -> list[str]:
        return sorted({*AUTHENTICATORS, *self._brought})

    def tick(self, now: float) -> None:
        """Once a second."""
        for judge in self._made.values():
            judge.tick(now)

    def use(self, endpoint: str, names: Sequence[str]) -> Chain:
        """The gate of an endpoint. Asked for again, it is the same gate with other authenticators."""
        authenticators = [Named(name, self._find(endpoint, name)) for name in names]
        chain = self._chains.get(endpoint)
        if chain is None:
            chain = self._chains[endpoint] = Chain(authenticators, self._context.now)
        else:
            chain.use(authenticators)
        return chain

    def make(self, names: Sequence[str]) -> Chain:
        """A gate of somebody's own."""
        return Chain([Named(name, self._find("", name)) for name in names], self._context.now)

    def _find(self, endpoint: str, name: str) -> Judge:
        found = self._made.get(name) or self._brought.get(name)
        if found is None:
            found = self._made[name] = self._make(endpoint, name)
        return found

    def _make(self, endpoint: str, name: str) -> Authenticator:
        if name not in AUTHENTICATORS:
            place = self._source.place(("access", *filter(None, [endpoint])))
            raise ConfigError([f'{place}: no such authenticator "{name}"; {suggest(name, self.names())}'])
        kind = load_authenticator(name)
        table = self._tables.get(name, Table(("access", name), {}))
        return kind(decode_table(table, kind.SETTINGS, self._source), self._context)


def load_authenticator(name: str) -> type[Authenticator]:
    module, _, attribute = AUTHENTICATORS[name].partition(":")
    kind = getattr(import_module(module), attribute)
    assert isinstance(kind, type)
    assert issubclass(kind, Authenticator)  # that is what the table lists
    return kind
