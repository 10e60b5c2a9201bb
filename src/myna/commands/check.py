"""`myna check`: says what a configuration means in plain words, and what is wrong with it. It opens nothing."""

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from myna.commands.banner import NAMES
from myna.commands.exits import DONE, USAGE
from myna.commands.serve import CANNOT_START, complain, read_configuration, refuse_strangers
from myna.config import Duration, Size

if TYPE_CHECKING:
    from myna.config import Config, Listener, Loaded

NAME: Final = "check"
HELP: Final = "check a configuration and say what it means"
EPILOG: Final = """\
examples:
  myna check                        what `myna serve` does without a file
  myna check -c /etc/myna.toml      … and with one; settings from the environment are looked at, too
  myna check -c FILE --may acme/alice/phone publish home/alice/lamp       what its rules say, and which of them
  myna check -c FILE --may acme/alice subscribe 'home/#' --attribute role=nurse

exit codes:
  0  usable      1  wrong in itself: unknown keys, values and names
  2  right, and not usable here: a file that is missing or cannot be read, no permission …
  with --may: 0  allowed      3  forbidden      4  somebody else would be asked
"""

ACTIONS: Final = ("publish", "retain", "subscribe", "unsubscribe")
FORBIDDEN: Final = 3
OPEN: Final = 4  # neither
WIDTH: Final = 12
NEVER: Final = 0xFFFFFFFF
WEBSOCKET: Final = "MQTT over WebSocket"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration, TOML; without one: development mode")
    may = parser.add_argument_group("one question", "what the rules alone say; a dialect's own ones are not looked at")
    may.add_argument(
        "--may",
        nargs=3,
        metavar=("WHO", "ACTION", "TOPIC"),
        help="may TENANT/USER/CLIENT (or TENANT/USER, or USER) publish, retain, subscribe or unsubscribe there?",
    )
    may.add_argument("--qos", type=int, choices=(0, 1, 2), default=0, help="at this QoS (0)")
    may.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE", help="… having this attribute")
    may.add_argument("--authenticator", default="", metavar="NAME", help="… let in by this authenticator")
    may.add_argument("--listener", default="", metavar="NAME", help="… connected there, by the name in listeners.json")


def run(args: argparse.Namespace) -> int:
    from myna.app import examine, explain_faces
    from myna.config import ConfigError

    try:
        loaded = read_configuration(args)
        refuse_strangers(loaded.config)
    except ConfigError as error:
        return complain(NAME, error.problems, USAGE)
    if args.may is not None:
        return _answer(args, loaded)
    found = asyncio.run(examine(loaded))
    print(f"{args.config or 'development mode, no configuration file'}\n")
    for line in [*explain(loaded.config, explain_faces(loaded)), *_rules(loaded)]:
        print(line)
    warnings = list(warn(loaded.config))
    if warnings:
        print()
    for warning in warnings:
        print(f"warning: {warning}")
    if found.problems:
        print(flush=True)
        return complain(NAME, found.problems, USAGE if found.in_itself else CANNOT_START)
    print("\nusable, but see the warnings" if warnings else "\nusable")
    return DONE


def _answer(args: argparse.Namespace, loaded: "Loaded") -> int:
    """--may: one line, and an exit code for scripts."""
    from myna.app import ask_rules
    from myna.config import ConfigError

    who, action, topic = args.may
    if action not in ACTIONS:
        return complain(NAME, [f"--may: no such action: {action}; there are {', '.join(ACTIONS)}"], USAGE)
    attributes = dict(given.partition("=")[::2] for given in args.attribute)
    try:
        opinion = ask_rules(
            loaded,
            who,
            action,
            topic,
            qos=args.qos,
            attributes=attributes,
            authenticator=args.authenticator,
            listener=args.listener,
        )
    except ConfigError as error:
        return complain(NAME, error.problems, USAGE)
    except ValueError as error:
        return complain(NAME, [f"--may: {error}"], USAGE)
    print(f"{'it depends' if opinion.yes is None else 'yes' if opinion.yes else 'no'}: {opinion.words}")
    return OPEN if opinion.yes is None else DONE if opinion.yes else FORBIDDEN


def _rules(loaded: "Loaded") -> Iterator[str]:
    """Nothing where they are wrong: that is said elsewhere."""
    from myna.app import explain_rules
    from myna.config import ConfigError

    try:
        lines = explain_rules(loaded)
    except ConfigError:
        return
    for number, line in enumerate(lines):
        yield _row("rules" if number == 0 else "", line)


def explain(config: "Config", about_faces: Iterable[str] = ()) -> Iterator[str]:
    from myna.app import describe_access, face_access

    for kind, name in NAMES.items():
        for listener in getattr(config, kind):
            yield _row(name, _listener(config, kind, listener))
    for name, names in _endpoints(config):
        yield _row("clients", f"of {name}: {_who(names)}")
    for face, names in face_access(config).items():
        yield _row("callers", f"of {face}: {_who(names)}, besides its own")
    for name, words in describe_access(config).items():
        yield _row("", f"{name}: {words}")
    yield _row("faces", ", ".join(config.faces) or "none")
    for line in about_faces:
        yield _row("", line)
    for name, table in config.routing.destinations.items():
        yield _row("routing", _destination(config, name, table.values))
    yield _row("admin", _administration(config))
    yield _row("data", _data(config))
    yield _row("stopping", f"takes at most {config.server.drain}; wills are {_wills(config)}")
    yield from _protection(config)
    yield _row("log", f"{config.log.level} and above, as {config.log.format}")
    yield from _limits("limits", config, None)
    for tenant in config.tenants:
        yield from _limits(f"tenant {tenant}", config, tenant)


def warn(config: "Config") -> Iterator[str]:
    """What is legal and probably not meant."""
    from myna.app import believes_anybody, exposed_services

    if not (config.mqtt or config.http or config.bifromq):
        yield 'nothing listens: add [[mqtt]] with listen = "localhost:1883", or [[http]]'
    for name, names in _endpoints(config):
        if not names and not (name == WEBSOCKET and _is_for_apis(config)):
            yield f'{name}: nobody can connect: no authenticators. List some under [access], like mqtt = ["open"]'
        if "open" in names[:-1]:
            yield f'{name}: "open" lets everybody in, so the authenticators behind it are never asked'
        if "open" in names and not config.development:
            yield f'{name}: "open" lets everybody in who can reach it, by any name and password'
        if "eventgrid" in names and "passwords" in names[: names.index("eventgrid")]:
            yield f'{name}: "passwords" is asked before "eventgrid": its users are not held to the rules of Event Grid'
        if "certificate" in names and not _asks_for_certificates(config):
            yield f'{name}: "certificate" knows nobody, no listener asks for one: set client_certificate in [tls]'
        if "webhook" in names[:-1]:
            yield f'{name}: "webhook" has the last word about everybody; what stands behind it is hardly ever asked'
    used = {table.values.get("destination") for table in config.routing.rules.values()}
    for name, destination in config.routing.destinations.items():
        if name not in used and destination.values.get("kind") != "pull":  # to which events may be published over HTTP
            yield f"routing: no rule of this file sends anything to the destination {name}"
    if config.server.memory and config.routing.rules:
        yield "routing: events that wait for a destination end with the process, for nothing is kept"
    if config.server.memory and "admin" in config.faces and not (config.administration.token or config.development):
        yield "admin: nobody will know the administrator's token, for nothing is kept; set `token` in [administration]"
    if believes_anybody(config):
        yield "faces.webpubsub.oidc: accept_unvalidated lets anybody make tokens for the REST API; for development only"
    for url in exposed_services(config):
        yield f"{url} is not encrypted: what goes there can be read, what it says be changed; use https"
    for kind in NAMES:
        for listener in getattr(config, kind):
            if listener.proxy_protocol and not (config.protection.trusted_proxies or listener.listen.path):
                yield f"{kind} on {listener.listen}: nobody can connect: list trusted_proxies in [protection]"
            if not listener.tls and not listener.listen.is_loopback():
                yield f"{kind} on {listener.listen} is not encrypted: passwords and messages can be read on the way"


def _endpoints(config: "Config") -> Iterator[tuple[str, tuple[str, ...]]]:
    if any(listener.access is None for listener in config.mqtt):
        yield "MQTT", config.access.mqtt
    for listener in config.mqtt:
        if listener.access is not None:
            yield f"MQTT on {listener.listen}", listener.access
    if config.http:
        yield WEBSOCKET, config.access.of_websocket()


def _is_for_apis(config: "Config") -> bool:
    """Is HTTP there for APIs, whose clients are their own affair, and was nothing said of MQTT?"""
    return bool(config.faces) and not config.mqtt and config.access.websocket is None


def _asks_for_certificates(config: "Config") -> bool:
    from myna.config import Tls

    listeners = [listener for kind in NAMES for listener in getattr(config, kind) if listener.tls]
    used = [listener.tls if isinstance(listener.tls, Tls) else config.tls for listener in listeners]
    return any(tls.client_certificate != "no" for tls in used)


def _row(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}}{text}"


def _listener(config: "Config", kind: str, listener: "Listener") -> str:
    from myna.config import MqttListener, Tls

    text = f"listens on {listener.listen}"
    if listener.listen.port == 0 and not listener.listen.path:
        text += " (any free port)"
    if listener.proxy_protocol:
        text += f", behind proxies: {', '.join(config.protection.trusted_proxies) or 'none is trusted'}"
    if listener.tls:
        tls = listener.tls if isinstance(listener.tls, Tls) else config.tls
        text += f", TLS {tls.minimum_version} or later with {tls.certificate}"
        if tls.names:
            text += f" and {len(tls.names)} more by name"
        if tls.client_certificate != "no":
            text += f", client certificates {tls.client_certificate}"
            text += "; those in crl are refused" if tls.crl else ""
    if isinstance(listener, MqttListener) and listener.access is not None:
        text += ", with authenticators of its own"
    return text


def _administration(config: "Config") -> str:
    """Where it is, whose token opens it, and who reads the figures."""
    is_on = "admin" in config.faces
    token = "the token in [administration]" if config.administration.token else "the token in admin-token.key"
    everybody = config.development or config.administration.metrics == "open"
    metrics = "/metrics for everybody" if everybody else f"/metrics by {token}"
    if not (config.admin or is_on):
        return f"off: neither [[admin]] nor [faces.admin]; {metrics}" if config.http else "off"
    if not (config.admin or config.http):
        return "nowhere to be reached: add [[http]] or [[admin]]"
    where = "its own listeners" if config.admin else "the HTTP listeners"
    return f"/api/admin on {where}, by {token}; {metrics if everybody else '/metrics, too'}"


def _destination(config: "Config", name: str, values: dict[str, Any]) -> str:
    """What goes there, and what becomes of it when it cannot."""
    rules = [rule for rule, table in config.routing.rules.items() if table.values.get("destination") == name]
    letters = values.get("dead_letter", "keep")
    return f"{name} ({values.get('kind')}) for the rules {', '.join(rules) or 'of nobody'}; dead letters: {letters}"


def _who(names: tuple[str, ...]) -> str:
    if not names:
        return "all refused, there are no authenticators"
    if names == ("open",):
        return "all let in, and believed who they say they are"
    return f"those known to {', then '.join(names)}"


def _data(config: "Config") -> str:
    return "kept in memory only" if config.server.memory else str(Path(config.server.data).absolute())


def _protection(config: "Config") -> Iterator[str]:
    """What differs from what the process keeps to by itself."""
    from msgspec.structs import fields

    protection = config.protection
    changed = [field.name for field in fields(protection) if getattr(protection, field.name) != field.default]
    for position, name in enumerate(changed):
        value = getattr(protection, name)
        yield _row("protection" if position == 0 else "", f"{name} = {_show(value)}")


def _wills(config: "Config") -> str:
    return "published" if config.server.wills_at_shutdown else "not published"


def _limits(title: str, config: "Config", tenant: str | None) -> Iterator[str]:
    from myna.app import changed_limits

    changed = changed_limits(config, tenant)
    profile = config.profile if tenant is None else config.tenants[tenant].profile
    usual = "as for everybody" if tenant is not None and profile is None else "the broker's own"
    text = f"of the profile {profile}:" if profile else f"{usual}, except:" if changed else usual
    yield _row(title, text)
    for limit, (value, otherwise) in changed.items():
        yield _row("", f"{limit} = {_show(value)}  (otherwise {_show_core(otherwise, value)})")


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    if value == NEVER:
        return "never"
    return f"{value:,}" if type(value) is int else f"{value:g}" if type(value) is float else str(value)


def _show_core(otherwise: object, like: object) -> str:
    """What the core has, in the words of what the file says."""
    if otherwise == 0 and not isinstance(otherwise, bool):
        return "no bound"
    if isinstance(otherwise, tuple):
        return ", ".join({3: "3.1", 4: "3.1.1"}.get(level, str(level)) for level in otherwise)
    if isinstance(like, Size | Duration) and isinstance(otherwise, int) and otherwise != NEVER:
        return str(type(like)(otherwise))
    return _show(otherwise)
