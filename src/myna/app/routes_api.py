"""Routing for administrators, over HTTP: what rules and destinations there are and how they fare, and changing them.

    GET                     /api/admin/routes
    GET PUT DELETE          /api/admin/routes/rules/{name}
    GET PUT DELETE          /api/admin/routes/destinations/{name}
    POST                    /api/admin/routes/destinations/{name}/pause  …/resume
    DELETE                  /api/admin/routes/destinations/{name}/queue
    GET DELETE              /api/admin/routes/destinations/{name}/dead-letters
    POST                    /api/admin/routes/destinations/{name}/dead-letters/replay

What a newcomer gets wrong: secrets are never shown. What was shown in their place may be sent back, and means that they
stay.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from myna.app.administration import ROOT
from myna.app.routes_description import describe_routes
from myna.config import ConfigError
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import (
    JSON,
    Asgi,
    BodyTooLarge,
    Claims,
    ClientGone,
    Receive,
    Route,
    Scope,
    Send,
    answer,
    read_body,
)
from myna.routing.definitions import Definition
from myna.routing.routing import Routing, RoutingError, Station
from myna.routing.rules import Rule
from myna.routing.showing import HIDDEN, hide_in_url, shown, still_hidden, with_secrets

PLACE: Final = f"{ROOT}/routes"
LARGEST: Final = 1024 * 1024
TITLES: Final = {400: "Bad Request", 404: "Not Found", 409: "Conflict", 413: "Content Too Large"}
_PROBLEM: Final = (b"content-type", b"application/problem+json")

Answer = tuple[int, Any]
Handler = Callable[[Scope, Receive], Awaitable[Answer]]


class RoutesApi:
    def __init__(self, routing: Routing, broker: AsyncBroker) -> None:
        self._routing = routing
        self._broker = broker

    def operations(self) -> list[tuple[str, str, Handler, str]]:
        """Method, path, handler, and what it does: request handling and description are made of the same table."""
        rule, destination = f"{PLACE}/rules/{{name}}", f"{PLACE}/destinations/{{name}}"
        dead = f"{destination}/dead-letters"
        return [
            ("GET", PLACE, self._list, "All rules and destinations with their state."),
            ("GET", rule, self._get_rule, "A rule with its state."),
            ("PUT", rule, self._put_rule, "Make a rule, or change it."),
            ("DELETE", rule, self._delete_rule, "Forget a rule."),
            ("GET", destination, self._get_destination, "A destination with its state."),
            ("PUT", destination, self._put_destination, "Make a destination, or change it."),
            ("DELETE", destination, self._delete_destination, "Forget a destination with all that waits for it."),
            ("POST", f"{destination}/pause", self._pause, "Deliver nothing until it goes on."),
            ("POST", f"{destination}/resume", self._resume, "Go on delivering."),
            ("DELETE", f"{destination}/queue", self._clear, "Forget what waits."),
            ("GET", dead, self._dead_letters, "Events that were given up and kept, a page of them."),
            ("DELETE", dead, self._forget_dead_letters, "Forget them."),
            ("POST", f"{dead}/replay", self._replay, "Deliver them again."),
        ]

    def claims(self) -> Claims:
        routes = [Route(path, self._as_asgi(handler), (method,)) for method, path, handler, _ in self.operations()]
        return Claims(administration=routes, description=self._describe())

    def _describe(self) -> dict[str, Any]:
        return describe_routes(
            [(method, path, summary) for method, path, _, summary in self.operations()], self._routing.event_kinds
        )

    def _as_asgi(self, handler: Handler) -> Asgi:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                status, body = await handler(scope, receive)
            except ClientGone:
                return
            except ConfigError as error:
                status, body = 400, _problem(400, "; ".join(error.problems))
            except BodyTooLarge:
                status, body = 413, _problem(413, f"at most {LARGEST} bytes")
            except RoutingError as error:
                status = 404 if error.missing else 409
                body = _problem(status, str(error))
            else:
                if scope["method"] != "GET":
                    await self._broker.safe()
            kind = JSON if status < 400 else _PROBLEM
            await answer(send, status, b"" if body is None else msgspec.json.encode(body), (kind,))

        return app

    # All of it

    async def _list(self, scope: Scope, receive: Receive) -> Answer:
        routing = self._routing
        return 200, {
            "destinations": [show_station(one) for one in routing.stations.values()],
            "rules": [self._show_rule(one) for one in routing.rule_definitions],
            "orphans": routing.orphans(),
        }

    # Rules

    def _show_rule(self, definition: Definition) -> dict[str, Any]:
        rule = self._routing.rules.get(definition.name)
        return show_rule(definition, rule)

    async def _get_rule(self, scope: Scope, receive: Receive) -> Answer:
        name = _name(scope)
        definition = self._routing.rule_definitions.find(name)
        if definition is None:
            raise RoutingError(f"there is no rule {name!r}", missing=True)
        return 200, self._show_rule(definition)

    async def _put_rule(self, scope: Scope, receive: Receive) -> Answer:
        is_new = self._routing.put_rule(_name(scope), await _values(scope, receive))
        return 201 if is_new else 200, (await self._get_rule(scope, receive))[1]

    async def _delete_rule(self, scope: Scope, receive: Receive) -> Answer:
        self._routing.delete_rule(_name(scope))
        return 204, None

    # Destinations

    async def _get_destination(self, scope: Scope, receive: Receive) -> Answer:
        return 200, show_station(self._routing.station(_name(scope)))

    async def _put_destination(self, scope: Scope, receive: Receive) -> Answer:
        name = _name(scope)
        values = await _values(scope, receive)
        before = self._routing.stations.get(name)
        if before is not None:
            values = with_secrets(values, before.definition.values)
        if still_hidden(values):
            raise ConfigError([f"{HIDDEN} stands for a secret that was shown so, and here none was: write it out"])
        is_new = await self._routing.put_destination(name, values)
        return 201 if is_new else 200, show_station(self._routing.station(name))

    async def _delete_destination(self, scope: Scope, receive: Receive) -> Answer:
        return 200, {"forgotten": await self._routing.delete_destination(_name(scope))}

    async def _pause(self, scope: Scope, receive: Receive) -> Answer:
        self._routing.pause(_name(scope), True)
        return 200, show_station(self._routing.station(_name(scope)))

    async def _resume(self, scope: Scope, receive: Receive) -> Answer:
        self._routing.pause(_name(scope), False)
        return 200, show_station(self._routing.station(_name(scope)))

    async def _clear(self, scope: Scope, receive: Receive) -> Answer:
        return 200, {"forgotten": self._routing.station(_name(scope)).line.clear()}

    # Dead letters

    async def _dead_letters(self, scope: Scope, receive: Receive) -> Answer:
        kept = self._routing.station(_name(scope)).kept
        after = parse_qs(scope["query_string"].decode("latin-1")).get("after", ["0"])[-1]
        if not after.isascii() or not after.isdecimal():
            raise ConfigError(["after: the number of the last dead letter of the page before"])
        return 200, {"count": kept.count(), "deadLetters": kept.show(int(after[:18]))}

    async def _forget_dead_letters(self, scope: Scope, receive: Receive) -> Answer:
        return 200, {"forgotten": self._routing.station(_name(scope)).kept.outbox.clear()}

    async def _replay(self, scope: Scope, receive: Receive) -> Answer:
        return 200, {"replayed": await self._routing.replay(_name(scope))}


def show_station(station: Station) -> dict[str, Any]:
    state = station.line.state()
    error = state.get("lastError")
    if error is not None and "://" in error["text"]:
        error["text"] = " ".join(hide_in_url(word) if "://" in word else word for word in error["text"].split(" "))
    definition = station.definition
    return {
        "name": definition.name,
        "origin": definition.origin,
        "definition": shown(definition.values),
        "state": state,
    }


def show_rule(definition: Definition, rule: Rule | None) -> dict[str, Any]:
    return {
        "name": definition.name,
        "origin": definition.origin,
        "definition": dict(definition.values),
        "state": {"active": rule is not None and rule.settings.enabled, "matched": 0 if rule is None else rule.matched},
    }


def _name(scope: Scope) -> str:
    name: str = scope["path_params"]["name"]
    return name


async def _values(scope: Scope, receive: Receive) -> dict[str, Any]:
    body = await read_body(scope, receive, LARGEST)
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigError([f"the body is no JSON object: {error}"]) from None


def _problem(status: int, detail: str) -> Mapping[str, Any]:
    return {"title": TITLES[status], "status": status, "detail": detail}
