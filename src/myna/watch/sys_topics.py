"""$SYS/broker/…: the topics that people and tools know from other brokers, retained, in the default tenant alone.

Only what has changed is published. What a newcomer gets wrong: `$SYS` is not reached by `#`, and not by other tenants
at all; so what is said of the whole broker is seen by those of the default tenant only.
"""

from typing import Final

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.ports import GRANT, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.version import version
from myna.wire import reasons

FIRST_LEVEL: Final = "$SYS"
PREFIX: Final = f"{FIRST_LEVEL}/broker/"


class SysGuard(TopicGuard):
    """Keeps $SYS for the broker: what is read there must not come from a client, in no tenant."""

    def __init__(self) -> None:
        super().__init__(FIRST_LEVEL)

    def publishing(self, message: Message, now: float) -> int:
        return reasons.NOT_AUTHORIZED

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        return GRANT

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return True


class SysTopics:
    def __init__(self, broker: Broker, tenant: str, started_at: float) -> None:
        self._broker = broker
        self._tenant = tenant
        self._started_at = started_at
        self._origin = Origin("broker", tenant)
        self._said: dict[str, str] = {}

    def publish(self, now: float) -> None:
        tenant = self._broker.tenant(self._tenant)
        for name, value in self._values(now).items():
            if self._said.get(name) != value:
                self._said[name] = value
                message = Message(PREFIX + name, value.encode(), 0, True, self._origin, now)
                self._broker.arrived(tenant, message, now)  # not counted as anybody's, and for no other node

    def _values(self, now: float) -> dict[str, str]:
        counters = self._broker.counters
        tenants = list(self._broker.tenants.values())
        connected = sum(tenant.connections for tenant in tenants)
        total = sum(tenant.session_count() for tenant in tenants)
        return {
            "version": f"myna version {version}",
            "uptime": f"{int(now - self._started_at)} seconds",
            "clients/connected": str(connected),
            "clients/disconnected": str(max(total - connected, 0)),
            "clients/total": str(total),
            "clients/expired": str(counters.sessions_expired),
            "messages/received": str(counters.messages_received),
            "messages/sent": str(counters.messages_sent),
            "publish/messages/received": str(counters.messages_received),
            "publish/messages/sent": str(counters.messages_sent),
            "publish/messages/dropped": str(sum(counters.dropped.values())),
            "bytes/received": str(counters.bytes_received),
            "bytes/sent": str(counters.bytes_sent),
            "retained messages/count": str(sum(tenant.retained.count for tenant in tenants)),
        }
