"""What stands before everything below /api/admin: the administrator's token, made on first use and kept in the data
folder for nobody else's eyes.

What a newcomer gets wrong: routes are wrapped here and nowhere else, so that no face can forget to ask.
"""

import hmac
import logging
from collections.abc import Callable
from typing import Final

from myna.faces.contract import JSON, Receive, Route, Scope, Send, answer

log = logging.getLogger("myna.admin")

ROOT: Final = "/api/admin"
ADMIN_TOKEN: Final = "admin-token"  # the name of the key
_REFUSED: Final = b'{"error":"send the administrator\'s token: Authorization: Bearer <token>"}'
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="myna"')


class AdministratorsOnly:
    """`token` answers the one that opens; asked with each request, so that it can change."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def route(self, route: Route) -> Route:
        """The same, for administrators only."""
        assert route.pattern == ROOT or route.pattern.startswith(f"{ROOT}/"), f"{route.pattern} is not below {ROOT}"

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if self._is_known(scope):
                await route.app(scope, receive, send)
                return
            peer = scope.get("client") or ("", 0)
            log.warning("refused at %s: no administrator's token, or a wrong one, from %s", ROOT, peer[0])
            await answer(send, 401, _REFUSED, (JSON, _CHALLENGE))

        return Route(route.pattern, guarded, route.methods)

    def _is_known(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        known = self._token().encode()
        return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), known)
