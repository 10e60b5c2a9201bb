"""Clients that connect and drop without end: they are banned for a while, and so cost a refused CONNECT only.

Off unless the configuration says how often is too often. Counts what a client does under its own name: where client
ids are per user the ban is of that user's client alone, so that nobody can have somebody else's banned. What a newcomer
gets wrong: it is counted when a client goes, for a ban made while it comes would end a connection that is half made.
"""

from typing import Final, final

from myna.core.bans import CLIENT_ID, CLIENT_OF_USER, name_client
from myna.core.broker import Broker
from myna.core.ports import Watcher
from myna.core.receiver import Receiver, SessionKey

REMEMBERED: Final = 100_000  # clients that have left of late; the one that left longest ago goes first


@final
class Flapping(Watcher):
    """`connects` within `window` seconds are too many; 0 watches nobody."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self.connects = 0
        self.window = 60.0
        self.ban = 300.0
        self._broker = broker
        self._counts: dict[SessionKey, tuple[int, float]] = {}  # how often, since when

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        if not self.connects:
            return
        key = receiver.key
        if self._broker.bans.banned(key[0], receiver.identity.user, key[2], "", now) is not None:
            return  # that is why it goes, and that ban may last longer
        count, since = self._counts.pop(key, (0, now))
        if now - since > self.window:
            count, since = 0, now
        if count + 1 >= self.connects:
            self._ban(receiver, now)
            return
        if len(self._counts) >= REMEMBERED:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = (count + 1, since)

    def _ban(self, receiver: Receiver, now: float) -> None:
        tenant, scope, client_id = receiver.key
        kind, what = (CLIENT_OF_USER, name_client(scope, client_id)) if scope else (CLIENT_ID, client_id)
        broker = self._broker
        broker.counters.refuse("flapping")
        reason, user = "connects and drops too often", receiver.identity.user
        broker.watcher.refused("to go on flapping", tenant, client_id, "", f"it {reason}", now, user)
        broker.bans.ban(tenant, kind, what, now, expires_at=now + self.ban, reason=reason)
