"""How much HTTP publishers may do in a second: on all of them together, and on each client.

A publish also draws on the tenant's own throughput, which MQTT clients share; that one is the core's. What a newcomer
gets wrong: all buckets are looked at before anything is taken, so that a refused publish costs nobody anything.
"""

from typing import Final

from myna.core.limits import Bucket
from myna.faces.eventgrid.settings import QuotaSettings

PER_NAMESPACE: Final = ("IncomingPublishPacketsPerNamespace", "InboundBandwidthPerNamespace")
PER_CLIENT: Final = ("IncomingPublishPacketsPerConnection", "InboundBandwidthPerConnection")

_CLIENTS: Final = 100_000  # whose buckets are kept


class Buckets:
    """Messages and bytes."""

    def __init__(self, messages: float, size: int, now: float) -> None:
        self.messages = Bucket(messages, now) if messages else None
        self.bytes = Bucket(float(size), now) if size else None


class Throttled(Exception):
    """`kind` is the contract's name for the bucket that ran dry."""

    def __init__(self, kind: str, wait: float) -> None:
        super().__init__(kind)
        self.kind = kind
        self.wait = wait


class HttpQuota:
    def __init__(self, settings: QuotaSettings, now: float) -> None:
        self._settings = settings
        self._of_client: dict[str, Buckets] = {}
        self._all = Buckets(settings.messages, settings.bytes, now)
        self.is_bounded = bool(settings.messages or settings.bytes or settings.client_messages or settings.client_bytes)

    def buckets_of_client(self, client_id: str, now: float) -> Buckets:
        """The same ones whatever token the client shows."""
        held = self._of_client.get(client_id)
        if held is None:
            if len(self._of_client) >= _CLIENTS:
                self._of_client.clear()  # everybody starts with a full bucket again, which is one second's worth
            held = self._of_client[client_id] = Buckets(
                self._settings.client_messages, self._settings.client_bytes, now
            )
        return held

    def take(self, client: Buckets, count: int, size: int, now: float) -> None:
        """Raises Throttled, and takes nothing, where one of them has too little."""
        wanted = (
            (self._all.messages, float(count), PER_NAMESPACE[0]),
            (self._all.bytes, float(size), PER_NAMESPACE[1]),
            (client.messages, float(count), PER_CLIENT[0]),
            (client.bytes, float(size), PER_CLIENT[1]),
        )
        for bucket, amount, kind in wanted:
            if bucket is not None:
                wait = bucket.missing(amount, now)
                if wait > 0.0:
                    raise Throttled(kind, wait)
        for bucket, amount, _ in wanted:
            if bucket is not None:
                bucket.spend(amount)
