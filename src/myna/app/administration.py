"""What stands before everything below /api/admin and before /metrics: the administrator's token, given in the
configuration or made on first use and kept in the data folder for nobody else's eyes.

Wrong tokens count as failed logins, so an address that shows many has to wait. What a newcomer gets wrong: routes are
wrapped here and nowhere else, so that no face can forget to ask.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from myna.app.descriptions import Description, merge
from myna.core.broker import Broker
from myna.faces.contract import Asgi, Claims, Receive, Route, Scope, Send, answer

ROOT: Final = "/api/admin"
LISTENER: Final = "admin"  # the kind of listener that is the administration's own
ADMIN_TOKEN: Final = "admin-token"  # the name of the key
ADMINISTRATOR: Final = "\0administrator"  # among the names that are guessed; no client can have it

_PROBLEM: Final = (b"content-type", b"application/problem+json")
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="myna"')
_NO_TOKEN: Final = (
    b'{"title":"Unauthorized","status":401,"detail":"send the administrator\'s token: Authorization: Bearer <token>"}'
)
_WRONG_TOKEN: Final = (
    b'{"title":"Unauthorized","status":401,"detail":"this is not the administrator\'s token:'
    b" it is in the broker's data folder, admin-token.key, or the configuration says it\"}"
)
_TOO_MANY: Final = (
    b'{"title":"Too Many Requests","status":429,"detail":"too many wrong tokens came from this address; wait"}'
)


class AdministratorsOnly:
    """`token` answers the one that opens; asked with each request, so that it can change."""

    def __init__(self, token: Callable[[], str], broker: Broker, now: Callable[[], float]) -> None:
        self._token = token
        self._broker = broker
        self._now = now

    def route(self, route: Route) -> Route:
        """The same, for administrators only."""
        assert route.pattern == ROOT or route.pattern.startswith(f"{ROOT}/"), f"{route.pattern} is not below {ROOT}"
        return Route(route.pattern, self.guard(route.app), route.methods)

    def guard(self, app: Asgi) -> Asgi:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            address = str((scope.get("client") or ("unix", 0))[0])
            now = self._now()
            counters, logins = self._broker.counters, self._broker.logins
            shown = _token_of(scope)
            wait = 0.0 if shown is None else logins.wait(address, ADMINISTRATOR, now)
            if wait > 0.0:
                counters.refuse("administrator_throttled")
                await answer(send, 429, _TOO_MANY, (_PROBLEM, (b"retry-after", b"%d" % (wait + 1))))
            elif shown is None:
                counters.refuse("administrator_token")
                await answer(send, 401, _NO_TOKEN, (_PROBLEM, _CHALLENGE))
            elif hmac.compare_digest(shown, self._token().encode()):
                logins.succeeded(address, ADMINISTRATOR)
                await app(scope, receive, send)
            else:
                counters.refuse("administrator_token")
                logins.failed(address, ADMINISTRATOR, now)
                cause = "a wrong administrator's token"
                self._broker.watcher.refused("administration request", "", "", address, cause, now)
                await answer(send, 401, _WRONG_TOKEN, (_PROBLEM, _CHALLENGE))

        return guarded


def own_claims(
    theirs: Mapping[str, Claims],
    guarded: AdministratorsOnly,
    health: Asgi,
    metrics: Asgi,
    *,
    metrics_open: Callable[[], bool],
    own_listener: bool,
) -> list[Claims]:
    """What the broker itself answers over HTTP, and what faces have for administrators: there, or on listeners of the
    administration's own.
    """
    for name, one in theirs.items():
        for path in (*(path for _, path in one.hot), *(route.pattern for route in one.routes)):
            assert not path.startswith(f"{ROOT}/"), (
                f"{name} claims {path} for everybody; it belongs to `administration`"
            )
    closed_metrics = guarded.guard(metrics)

    async def judged_metrics(scope: Scope, receive: Receive, send: Send) -> None:
        await (metrics if metrics_open() else closed_metrics)(scope, receive, send)

    described = [
        Description(name, one.description)
        for name, one in theirs.items()
        if one.description is not None and not one.own_listener
    ]
    everybody = [Route("/health", health, ("GET",)), _document("/openapi.json", merge(described, administration=False))]
    administrators = [
        Route("/metrics", judged_metrics, ("GET",)),
        guarded.route(_document(f"{ROOT}/openapi.json", merge(described, administration=True))),
        *[guarded.route(route) for one in theirs.values() for route in one.administration],
    ]
    if not own_listener:
        return [Claims(routes=[*everybody, *administrators])]
    return [Claims(routes=everybody), Claims(routes=[everybody[0], *administrators], own_listener=LISTENER)]


def _document(path: str, text: bytes) -> Route:
    async def show(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 200, text, ((b"content-type", b"application/json"),))

    return Route(path, show, ("GET",))


def _token_of(scope: Scope) -> bytes | None:
    """What is shown as a token, or None."""
    given: Sequence[Any] = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return None
    scheme, _, token = given[0].partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" and token.strip() else None
