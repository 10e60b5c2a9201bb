"""Who comes no further than the door: banned addresses, and more connections than the process or an address may have.

What is refused here costs an accept and a close, or an HTTP answer; nothing is read of what an MQTT client wants to
say. What a newcomer gets wrong: only bans that hold for all tenants can be asked about here, for nobody knows yet whose
tenant a request is for, and the faces ask again when they do; and MQTT clients are told of theirs by CONNACK, so the
core asks about those itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from myna.core.bans import words_of
from myna.core.broker import Broker
from myna.core.hosts import counted_by
from myna.core.limits import Bucket, bucket
from myna.net.acceptor import BATCH
from myna.sockets.stream import Place


@dataclass(frozen=True, slots=True)
class DoorstepLimits:
    """0 means no bound."""

    sockets: int = 0
    half_open: int = 10_000
    connections_per_address: int = 0
    accepts_per_turn: int = BATCH
    accepts_per_second: float = 0.0


@final
class AddressPlace(Place):
    """One of the places that an address may take."""

    def __init__(self, doorstep: "Doorstep", host: str) -> None:
        super().__init__()
        self._doorstep = doorstep
        self._host = host

    def leave(self) -> None:
        host, self._host = self._host, ""
        if host:
            self._doorstep.left(host)


class Doorstep:
    """`always`: paths that stay open to everybody, for they have locks of their own. Without a broker nobody is refused
    for a ban, and nothing is counted.
    """

    def __init__(self, broker: Broker | None = None, *, always: Sequence[bytes] = ()) -> None:
        self.limits = DoorstepLimits()
        self.rate: Bucket | None = None
        self._broker = broker
        self._always = tuple(always)
        self._by_address: dict[str, int] = {}

    def limit(self, limits: DoorstepLimits) -> None:
        """From now on; whoever has come in stays."""
        self.limits = limits
        self.rate = bucket(limits.accepts_per_second, 0.0)

    def failed(self, address: str, cause: str, now: float) -> None:
        """No TLS came about with this address. Whoever only knocks, as load balancers do, gives no cause."""
        if cause:
            self.refuse(address, "tls", cause, now)
        elif self._broker is not None:
            self._broker.counters.refuse("accept:tls")

    def turns_away(self, host: str, target: bytes, now: float) -> bool:
        """Is a request from here refused? Then that has been counted and reported."""
        broker = self._broker
        if broker is None or not broker.bans:
            return False
        ban = broker.bans.banned_everywhere(host, now)
        if ban is None or target.startswith(self._always):
            return False
        broker.counters.refuse("http:banned")
        broker.watcher.refused("a request", "", "", host, words_of(ban), now)
        return True

    def greeting(self) -> int:
        """Clients of MQTT who have not said who they are, or of whom that has not been found out."""
        return 0 if self._broker is None else self._broker.census.half_open

    def enter(self, address: str, half_open: int, sockets: int, now: float) -> Place | None:
        """A new connection: its place, to be left when it ends, or None if it must be closed. `sockets` are open."""
        limits = self.limits
        if limits.sockets and sockets >= limits.sockets:
            self.refuse(address, "sockets", "as many connections of any kind as there may be are open", now)
            return None
        if limits.half_open and half_open >= limits.half_open:
            self.refuse(address, "half_open", "too many connections that have not said who they are", now)
            return None
        most = limits.connections_per_address
        host = counted_by(address) if most else ""
        if not host:
            return NOWHERE
        count = self._by_address.get(host, 0)
        if count >= most:
            self.refuse(address, "address_connections", "too many connections of this address", now)
            return None
        self._by_address[host] = count + 1
        return AddressPlace(self, host)

    def left(self, host: str) -> None:
        count = self._by_address[host] - 1
        if count:
            self._by_address[host] = count
        else:
            del self._by_address[host]

    def refuse(self, address: str, cause: str, text: str, now: float) -> None:
        broker = self._broker
        if broker is None:
            return
        broker.counters.refuse(f"accept:{cause}")
        broker.watcher.refused("a connection", "", "", address, text, now)


NOWHERE = Place()  # of those who are not counted
