"""The gates of all endpoints, built from what the configuration lists for each, and rebuilt when that changes.

What a newcomer gets wrong: an authenticator is made once and shared by all endpoints that list it, with what it
remembers. Read again, a configuration that says the same of it leaves it as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from myna.access import AUTHENTICATORS
from myna.access.authenticator import AccessContext, Authenticator
from myna.access.callers import Callers
from myna.access.chain import Chain
from myna.access.judges import Judge
from myna.access.named import Named
from myna.access.revocation import Revocation
from myna.config import ConfigError, Source, Table, decode_table
from myna.config.decode import suggest

Place = tuple[str | int, ...]


@dataclass(slots=True)
class _Row:
    """A list of authenticators in use: `place` is where the configuration has it."""

    place: Place
    names: tuple[str, ...]
    user: Chain | Callers
    judges: tuple[Judge, ...] = ()


class Gates:
    """Whatever the configuration says wrongly raises ConfigError, and leaves what is in use in use."""

    def __init__(self, context: AccessContext) -> None:
        self.revocation = Revocation(context.broker, context.now, context.arm, self._find_made)
        self._context = replace(context, review=self.revocation.begin)
        self._brought: dict[str, Judge] = {}
        self._made: dict[str, Authenticator] = {}
        self._endpoints: dict[str, _Row] = {}
        self._others: list[_Row] = []  # what faces have asked for
        self._running: list[Authenticator] = []
        self._configured = False
        self._tables: Mapping[str, Table] = {}
        self._source = Source("", {}, {})

    def bring(self, name: str, authenticator: Judge) -> None:
        self._brought[name] = authenticator

    def configure(self, tables: Mapping[str, Table], source: Source) -> None:
        """Settings of authenticators from now on; those of an endpoint keep theirs until `use`."""
        known = self.names()
        for name, table in tables.items():
            if name not in known:
                raise ConfigError([f"{source.place(table.path)}: no such authenticator; {suggest(name, known)}"])
        held = self._made, self._tables, self._source
        self._made = {name: made for name, made in self._made.items() if tables.get(name) == self._tables.get(name)}
        self._tables, self._source = tables, source
        try:
            found = [self._find_all(row.place, row.names) for row in self._others]
        except ConfigError:
            self._made, self._tables, self._source = held
            raise
        if self._configured:  # not for the first time
            self.revocation.begin()
        self._configured = True
        for row, judges in zip(self._others, found, strict=True):
            _hand_over(row, judges)

    def hold(self) -> Callable[[], None]:
        """All as it is now: call what you get to go back to it, where a change cannot be made as a whole."""
        made, tables, source = dict(self._made), self._tables, self._source
        rows = [(row, row.names, row.judges) for row in (*self._endpoints.values(), *self._others)]

        def go_back() -> None:
            self._made, self._tables, self._source = made, tables, source
            for row, names, judges in rows:
                row.names = names
                _hand_over(row, judges)

        return go_back

    def names(self) -> list[str]:
        return sorted({*AUTHENTICATORS, *self._brought})

    def tick(self, now: float) -> None:
        """Once a second."""
        running = self._in_use()
        for authenticator in self._running:
            if authenticator not in running:
                authenticator.close()
        self._running = running
        for authenticator in running:
            authenticator.tick(now)

    def close(self) -> None:
        self.revocation.stop()
        for authenticator in {*self._running, *self._in_use()}:
            authenticator.close()
        self._running = []

    def use(self, endpoint: str, names: Sequence[str]) -> Chain:
        """The gate of an endpoint. Asked for again, it is the same gate with other authenticators."""
        place = ("access", endpoint)
        judges = self._find_all(place, names)
        row = self._endpoints.get(endpoint)
        if row is None:
            row = self._endpoints[endpoint] = _Row(place, tuple(names), Chain((), self._context.now))
        if row.names != tuple(names):
            self.revocation.begin()
        row.names = tuple(names)
        _hand_over(row, judges)
        assert isinstance(row.user, Chain)  # endpoints have gates
        return row.user

    def make(self, names: Sequence[str]) -> Chain:
        """A gate of somebody's own."""
        chain = Chain((), self._context.now)
        self._add(_Row(("access",), tuple(names), chain))
        return chain

    def callers(self, place: Place, names: Sequence[str]) -> Callers:
        """For a face, which asks before every face has brought its authenticators: they are found by `configure`."""
        callers = Callers(self._context.broker, self._context.now, self.revocation.look_after)
        self._add(_Row(place, tuple(names), callers))
        return callers

    def _find_made(self, name: str) -> Authenticator | None:
        return self._made.get(name)

    def _add(self, row: _Row) -> None:
        if self._configured:
            _hand_over(row, self._find_all(row.place, row.names))
        self._others.append(row)

    def _in_use(self) -> list[Authenticator]:
        rows = [*self._endpoints.values(), *self._others]
        judges = {judge: None for row in rows for judge in row.judges}
        return [judge for judge in judges if isinstance(judge, Authenticator)]

    def _find_all(self, place: Place, names: Sequence[str]) -> tuple[Judge, ...]:
        return tuple(self._find(place, name) for name in names)

    def _find(self, place: Place, name: str) -> Judge:
        found = self._made.get(name) or self._brought.get(name)
        if found is None:
            found = self._made[name] = self._make(place, name)
        return found

    def _make(self, place: Place, name: str) -> Authenticator:
        if name not in AUTHENTICATORS:
            where = self._source.place(place)
            raise ConfigError([f'{where}: no such authenticator "{name}"; {suggest(name, self.names())}'])
        kind = load_authenticator(name)
        table = self._tables.get(name, Table(("access", name), {}))
        settings = decode_table(table, kind.SETTINGS, self._source)
        try:
            return kind(settings, self._context)
        except ConfigError as error:
            where = self._source.place(table.path)
            raise type(error)([f"{where}: {problem}" for problem in error.problems]) from None


def _hand_over(row: _Row, judges: tuple[Judge, ...]) -> None:
    row.judges = judges
    if isinstance(row.user, Callers):  # whoever asks these is an authenticator himself, and known by his own name
        row.user.use(judges)
    else:
        row.user.use([Named(name, judge) for name, judge in zip(row.names, judges, strict=True)], row.names)


def load_authenticator(name: str) -> type[Authenticator]:
    module, _, attribute = AUTHENTICATORS[name].partition(":")
    kind = getattr(import_module(module), attribute)
    assert isinstance(kind, type)
    assert issubclass(kind, Authenticator)  # that is what the table lists
    return kind
