"""The topics a connection has published to and may go on publishing to: their routes, while the rules stay as they are.

What a newcomer gets wrong: a route that is found here need not hold any more, so ask `holds`. `head` is what the last
two QoS 0 packets in a row began with, both of them for `last`; what begins like that need not be looked up at all.
"""

from typing import Final, final

from mypy_extensions import i64

from myna.core.broker import Broker
from myna.core.router import Route
from myna.core.session import Session

ROUTES_KEPT: Final = 1024


@final
class RememberedRoutes:
    __slots__ = ("_broker", "_router", "_rules_version", "_session", "at_0", "at_1", "at_2", "head", "last")

    def __init__(self, broker: Broker, session: Session) -> None:
        self._broker = broker
        self._session = session
        self._router = session.tenant.router
        self._rules_version = broker.rules_version
        # By QoS: one and the same where the rules do not tell them apart.
        self.at_0: dict[bytes, Route] | None = None
        self.at_1: dict[bytes, Route] | None = None
        self.at_2: dict[bytes, Route] | None = None
        self.last: Route | None = None
        self.head = b""

    def of(self, header: i64) -> dict[bytes, Route] | None:
        """By topic, for packets with this first byte."""
        return self.at_0 if header == 0x30 else self.at_1 if header == 0x32 else self.at_2

    def holds(self, route: Route) -> bool:
        """Nothing has changed, or only who is subscribed; then it has been matched anew."""
        if route.retired or self._rules_version != self._broker.rules_version:
            return False
        if route.generation != self._router.generation:
            self._router.refresh(route)
        return True

    def goes_on(self, chunk: bytes) -> bool:
        """Does it begin like the last two packets?"""
        return len(self.head) > 0 and chunk.startswith(self.head)

    def note_head(self, head: bytes, route: Route) -> None:
        """A QoS 0 packet of this beginning has come for this route."""
        self.head = head if route is self.last else b""
        self.last = route

    def remember(self, encoded: bytes, route: Route, qos: int) -> None:
        """It may publish to this topic. A route that nobody remembers is good for once."""
        if route.retired:
            return
        routes = self.at_0 if qos == 0 else self.at_1 if qos == 1 else self.at_2
        if routes is None or self._rules_version != self._broker.rules_version or len(routes) >= ROUTES_KEPT:
            routes = {}
            apart = self._broker.rules.judges_qos or self._session.identity.rules.judges_qos
            self.at_0 = routes if qos == 0 or not apart else {}
            self.at_1 = routes if qos == 1 or not apart else {}
            self.at_2 = routes if qos == 2 or not apart else {}
            self._rules_version = self._broker.rules_version
            self.head = b""
        routes[encoded] = route

    def forget(self) -> None:
        """It may be allowed other things than until now."""
        self.at_0 = self.at_1 = self.at_2 = None
        self.head = b""
