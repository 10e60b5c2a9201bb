"""What is asked of an address before anybody listens to what it has to say: is it banned?

Stands in front of HTTP and WebSocket; MQTT clients are told by CONNACK, so the core asks for them itself. What a
newcomer gets wrong: only bans that hold for all tenants can be asked about here, for nobody knows yet whose tenant a
request is for.
"""

from collections.abc import Sequence

from myna.core.bans import Bans, words_of
from myna.core.counters import Counters
from myna.core.ports import Watcher


class Doorstep:
    """`always`: paths that stay open to everybody, for they have locks of their own."""

    def __init__(self, bans: Bans, counters: Counters, watcher: Watcher, *, always: Sequence[bytes] = ()) -> None:
        self._bans = bans
        self._counters = counters
        self._watcher = watcher
        self._always = tuple(always)

    def failed(self, address: str, cause: str, now: float) -> None:
        """No TLS came about with this address. Whoever only knocks, as load balancers do, gives no cause."""
        self._counters.refuse("tls_handshake")
        if cause:
            self._watcher.refused("TLS handshake", "", "", address, cause, now)

    def turns_away(self, host: str, target: bytes, now: float) -> bool:
        """Is a request from here refused? Then that has been counted and reported."""
        if not self._bans:
            return False
        ban = self._bans.banned_everywhere(host, now)
        if ban is None or target.startswith(self._always):
            return False
        self._counters.refuse("http:banned")
        self._watcher.refused("a request", "", "", host, words_of(ban), now)
        return True
