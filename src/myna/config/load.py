"""A file and the environment become a Config; everything wrong with them is reported together.

    defaults of the sections < the file < MYNA_SECTION__KEY in the environment < options of the command line

What a newcomer gets wrong: an environment variable's value is TOML where that is possible (true, 5, ["open"]) and
plain text otherwise, so that paths and names need no quotes. A number meant as text does: MYNA_…='"123"'.
"""

import tomllib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from myna.config.decode import ConfigError, Source, decode, show_path, suggest
from myna.config.limits import LimitSettings, Profile
from myna.config.lines import Path, locate
from myna.config.quantities import Address, show_value
from myna.config.rules import RulesSettings
from myna.config.sections import (
    Access,
    Administration,
    Config,
    Listener,
    Log,
    MqttListener,
    Network,
    Protection,
    Routing,
    Server,
    Table,
    TenantSettings,
    Tls,
)
from myna.config.syntax import explain_syntax

T = TypeVar("T")

PREFIX: Final = "MYNA_"
LISTENERS: Final[dict[str, type[Listener]]] = {
    "mqtt": MqttListener,
    "http": Listener,
    "bifromq": Listener,
    "admin": Listener,
}
TABLES: Final = (
    "administration",
    "server",
    "network",
    "protection",
    "tls",
    "log",
    "access",
    "rules",
    "limits",
    "tenant",
    "routing",
    "faces",
)
# Face -> its authenticator, asked before everybody is let in.
BEFORE_OPEN: Final = {"devicehive": "devicehive", "eventgrid": "eventgrid-jwt"}
UNIX_LENGTH: Final = 107  # what Linux has room for
KNOWN: Final = [*LISTENERS, *TABLES, "profile"]


class Loaded(Struct, frozen=True):
    """A configuration and where its values stand, for messages about what can be judged only later."""

    config: Config
    source: Source


def load(path: str, environ: Mapping[str, str]) -> Loaded:
    """What a deployment runs. Raises ConfigError, or OSError if the file cannot be read."""
    with open(path, "rb") as file:
        text = file.read()
    return load_text(text, path, environ)


def load_text(content: bytes, name: str, environ: Mapping[str, str]) -> Loaded:
    try:
        text = content.decode()
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{name}:{line}: not UTF-8; save the file as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([explain_syntax(name, str(error))]) from None
    variables = override(values, environ)
    source = Source(name, locate(text), variables)
    return Loaded(_build(values, source, development=False), source)


def development(environ: Mapping[str, str], faces: Mapping[str, object]) -> Loaded:
    """What runs without a file: everything on, for this machine alone."""
    values: dict[str, Any] = {
        "mqtt": [{"listen": "localhost:1883"}],
        "http": [{"listen": "localhost:8080"}],
        "access": {"mqtt": [*(name for face, name in BEFORE_OPEN.items() if face in faces), "open"]},
        "faces": {name: {} for name in faces},
    }
    if "bifromq" in faces:
        values["bifromq"] = [{"listen": "localhost:8091"}]
    source = Source("", {}, override(values, environ))
    return Loaded(_build(values, source, development=True), source)


def with_listeners(config: Config, kind: str, addresses: list[Address]) -> Config:
    """Listeners named on the command line take the place of all of their kind."""
    listeners = tuple(LISTENERS[kind](listen=address) for address in addresses)
    return _enable_own(replace(config, **{kind: listeners}))


def override(values: dict[str, Any], environ: Mapping[str, str]) -> dict[Path, str]:
    """Put what MYNA_SECTION__KEY says into the raw values; answers which paths came from which variable."""
    variables: dict[Path, str] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        path = _find(values, variable.removeprefix(PREFIX).split("__"))
        variables[path] = variable
        target: Any = values
        try:
            for step, following in pairwise(path):
                target = _enter(target, step, [] if isinstance(following, int) else {})
            _enter(target, path[-1], None)
            target[path[-1]] = _parse(text)
        except (TypeError, IndexError):
            raise ConfigError([f"environment variable {variable}: there is no {show_path(path)} to set"]) from None
    return variables


def _find(values: Any, words: list[str]) -> Path:
    """The path a variable means. Its words are upper case; a tenant's name is found whatever its case."""
    path: list[str | int] = []
    for word in words:
        if word.isdigit():
            path.append(int(word))
            values = values[int(word)] if isinstance(values, list) and int(word) < len(values) else None
            continue
        names = values if isinstance(values, dict) else {}
        path.append(next((name for name in names if name.lower() == word.lower()), word.lower()))
        values = names.get(path[-1])
    return tuple(path)


def _enter(target: Any, step: str | int, empty: Any) -> Any:
    """The member of a table or list; made where there is none, at a list's end only."""
    if isinstance(step, int):
        if step == len(target):
            target.append(empty)
        return target[step]
    if not isinstance(target, dict):
        raise TypeError
    return target.setdefault(step, empty)


def _parse(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _build(values: dict[str, Any], source: Source, *, development: bool) -> Config:
    reader = _Reader(values, source)
    reader.refuse_unknown()
    profile: Profile = reader.section("profile", Profile, "")
    limits = dict(reader.raw_table("limits"))
    if "profile" in limits:  # it may stand among the limits, where people look for it
        profile = reader.value(limits.pop("profile"), Profile, ("limits", "profile"), profile)
    config = Config(
        server=reader.section("server", Server, Server()),
        network=reader.section("network", Network, Network()),
        protection=reader.section("protection", Protection, Protection()),
        mqtt=reader.listeners("mqtt", MqttListener),
        http=reader.listeners("http", Listener),
        bifromq=reader.listeners("bifromq", Listener),
        admin=reader.listeners("admin", Listener),
        administration=reader.section("administration", Administration, Administration()),
        tls=reader.section("tls", Tls, Tls()),
        log=reader.section("log", Log, Log()),
        access=reader.access(),
        rules=reader.section("rules", RulesSettings, None),
        profile=profile,
        limits=reader.value(limits, LimitSettings, ("limits",), LimitSettings()),
        tenants=reader.tenants(),
        routing=reader.routing(),
        faces=reader.tables("faces"),
        development=development,
    )
    reader.check_tls(config)
    reader.check_addresses(config)
    if reader.problems:
        raise ConfigError(reader.problems)
    return _enable_own(config)


def _enable_own(config: Config) -> Config:
    """A listener that belongs to one face is enough to enable it."""
    meant = [name for name in ("bifromq", "admin") if getattr(config, name) and name not in config.faces]
    return replace(config, faces={**config.faces, **{name: Table(("faces", name), {}) for name in meant}})


class _Reader:
    """Reads section after section and gathers what is wrong, so that all of it can be mended at once."""

    def __init__(self, values: dict[str, Any], source: Source) -> None:
        self._values = values
        self._source = source
        self.problems: list[str] = []

    def problem(self, path: Path, text: str) -> None:
        self.problems.append(f"{self._source.place(path)}: {text}")

    def refuse_unknown(self) -> None:
        for name in self._values:
            if name not in KNOWN:
                self.problem((name,), f"unknown section; {suggest(name, KNOWN)}")

    def value(self, raw: object, wanted: Any, path: Path, default: T) -> T:
        try:
            decoded: T = decode(raw, wanted, path, self._source)
            return decoded
        except ConfigError as error:
            self.problems += error.problems
            return default

    def section(self, name: str, wanted: Any, default: T) -> T:
        return self.value(self._values[name], wanted, (name,), default) if name in self._values else default

    def listeners(self, name: str, wanted: type[T]) -> tuple[T, ...]:
        raw = self._values.get(name, [])
        if not isinstance(raw, list):
            self.problem((name,), f"expected a list of tables, written [[{name}]] with two brackets on each side")
            return ()
        decoded = (self.value(one, wanted, (name, index), None) for index, one in enumerate(raw))
        return tuple(one for one in decoded if isinstance(one, wanted))

    def raw_table(self, *path: str) -> dict[str, Any]:
        found: Any = self._values
        for step in path:
            found = found.get(step, {})
            if not isinstance(found, dict):
                self.problem(path, f"expected a table, got {show_value(found)}")
                return {}
        table: dict[str, Any] = found
        return table

    def tables(self, *path: str) -> dict[str, Table]:
        return {key: Table((*path, key), self.raw_table(*path, key)) for key in self.raw_table(*path)}

    def routing(self) -> Routing:
        raw = self.raw_table("routing")
        own = {key: value for key, value in raw.items() if key not in ("destinations", "rules")}
        settings = self.value(own, Routing, ("routing",), Routing())
        return replace(
            settings, destinations=self.tables("routing", "destinations"), rules=self.tables("routing", "rules")
        )

    def access(self) -> Access:
        """The endpoints' lists are decoded here; a table is an authenticator's and decoded by it."""
        raw = self.raw_table("access")
        lists = {key: value for key, value in raw.items() if not isinstance(value, dict)}
        tables = {key: Table(("access", key), value) for key, value in raw.items() if isinstance(value, dict)}
        return replace(self.value(lists, Access, ("access",), Access()), tables=tables)

    def tenants(self) -> dict[str, TenantSettings]:
        return {
            name: self.value(raw, TenantSettings, ("tenant", name), TenantSettings())
            for name, raw in self.raw_table("tenant").items()
        }

    def check_tls(self, config: Config) -> None:
        """A listener that wants TLS has a certificate."""
        for kind in LISTENERS:
            listeners: tuple[Listener, ...] = getattr(config, kind)
            for index, listener in enumerate(listeners):
                tls = config.tls if listener.tls is True else listener.tls
                if tls is not False and not tls.certificate:
                    self.problem((kind, index, "tls"), "no certificate; set `certificate` and `key` in [tls]")

    def check_addresses(self, config: Config) -> None:
        """No two listeners want the same address, and those of unix sockets have room where the system keeps them."""
        taken: dict[str, str] = {}
        for kind in LISTENERS:
            listeners: tuple[Listener, ...] = getattr(config, kind)
            for index, listener in enumerate(listeners):
                where, path = listener.listen, (kind, index, "listen")
                if len(where.path.encode()) > UNIX_LENGTH:
                    self.problem(path, f"the path of a unix socket has at most {UNIX_LENGTH} bytes")
                if not where.path and not where.port:
                    continue  # each gets a port of its own
                first = taken.setdefault(str(where), show_path(path[:2]))
                if first != show_path(path[:2]):
                    self.problem(path, f"{where} is what {first} listens on already")
