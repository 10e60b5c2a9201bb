"""The isolation unit: its own topics, sessions, retained messages and limits. Nothing here reaches another tenant."""

from typing import Final, final

from mypy_extensions import i64

from myna.core.census import Census
from myna.core.counters import Counters
from myna.core.limits import Bucket, Limits, bucket
from myna.core.published import Delivered, Published, Sampler
from myna.core.receiver import Receiver, SessionKey
from myna.core.retained import Retained
from myna.core.router import Router
from myna.core.throughput import Shaped, Throughput, throughput

MANY_TENANTS: Final = 10_000  # somebody makes them up


@final
class Index:
    """Receivers by a name that most of them have for themselves: only where several share one is there a container."""

    __slots__ = ("_several", "_single")

    def __init__(self) -> None:
        self._single: dict[str, Receiver] = {}
        self._several: dict[str, dict[Receiver, None]] = {}

    def add(self, name: str, receiver: Receiver) -> None:
        several = self._several.get(name)
        if several is not None:
            several[receiver] = None
            return
        single = self._single.setdefault(name, receiver)
        if single is not receiver:
            del self._single[name]
            self._several[name] = {single: None, receiver: None}

    def remove(self, name: str, receiver: Receiver) -> None:
        if self._single.get(name) is receiver:
            del self._single[name]
            return
        several = self._several.get(name)
        if several is not None and receiver in several:
            del several[receiver]
            if not several:
                del self._several[name]

    def find(self, name: str) -> list[Receiver]:
        single = self._single.get(name)
        return list(self._several.get(name, ())) if single is None else [single]

    def has(self, name: str) -> bool:
        return name in self._single or name in self._several

    def __len__(self) -> int:
        return len(self._single) + len(self._several)


@final
class Tenant:
    def __init__(self, name: str, limits: Limits, census: Census) -> None:
        self.name = name
        self.limits = limits
        self.idle_since = 0.0  # when it was first seen to hold nothing, 0.0 while it does
        self.is_held = False  # somebody holds on to this object, so it must not be forgotten
        self.seen_received = 0  # messages it had received by then
        self.throughput: Throughput | None = None  # of all its publishers
        self.deliveries: Throughput | None = None  # to all its connections
        self.shaped = Shaped()
        self.is_metered = False  # somebody's publishing is measured
        self.connect_rate: Bucket | None = None
        self.subscribe_rate: Bucket | None = None
        self.retain_rate: Throughput | None = None
        self.router = Router(limits, name)
        self.retained = Retained(census)
        self.connections = 0
        self.subscriptions = 0
        self.messages_received: i64 = 0
        self.sampler: Sampler | None = None  # of how long their publishes take
        self.published: dict[tuple[bool, bool], Published] = {}  # by MQTT clients: of version 5, over WebSocket
        self.delivered: dict[tuple[bool, bool], Delivered] = {}  # to them
        self.census = census
        self._of_users: dict[str, Throughput] = {}
        self._sessions: dict[SessionKey, Receiver] = {}
        self._of_user = Index()
        self._of_client = Index()
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Also anew, while clients are connected."""
        self.limits = limits
        self.router.limits = limits
        self.throughput = throughput(limits.tenant_publishes_per_second, limits.tenant_bytes_per_second)
        self.deliveries = throughput(limits.tenant_deliveries_per_second, limits.tenant_delivered_bytes_per_second)
        self.retain_rate = throughput(limits.retained_per_second, limits.retained_bytes_per_second)
        self.connect_rate = bucket(limits.connects_per_second, 0.0)
        self.subscribe_rate = bucket(limits.tenant_subscribes_per_second, 0.0)
        self._of_users = {}
        self.is_metered = self.throughput is not None or self._measures_users()

    def throughput_of(self, user: str) -> Throughput | None:
        """What a user's publishing draws on: his own where users are measured, and the tenant's behind it."""
        if not self._measures_users():
            return self.throughput
        held = self._of_users.get(user)
        if held is None:
            limits = self.limits
            held = Throughput(limits.user_publishes_per_second, limits.user_bytes_per_second, 0.0, self.throughput)
            self._of_users[user] = held
        return held

    def published_by(self, is_5: bool, websocket: bool) -> Published:
        """Where the publishes of such clients are counted."""
        held = self.published.get((is_5, websocket))
        if held is None:
            held = Published(self.sampler)
            self.published[(is_5, websocket)] = held
        return held

    def delivered_to(self, is_5: bool, websocket: bool, counters: Counters) -> Delivered:
        """Where what such clients are sent is counted."""
        held = self.delivered.get((is_5, websocket))
        if held is None:
            held = Delivered(counters, Published())
            self.delivered[(is_5, websocket)] = held
        return held.of_connection() if self.deliveries is not None or self.limits.deliveries_per_second > 0 else held

    def connected(self) -> None:
        """One client more is connected."""
        self.connections += 1
        self.census.connections += 1

    def disconnected(self) -> None:
        self.connections -= 1
        self.census.connections -= 1

    def subscribed(self) -> None:
        """One of its sessions holds a filter more."""
        self.subscriptions += 1
        self.census.subscriptions += 1

    def unsubscribed(self) -> None:
        self.subscriptions -= 1
        self.census.subscriptions -= 1

    def is_empty(self) -> bool:
        """Nobody would miss it: no sessions, no retained messages."""
        if not self.retained.is_empty():
            return False
        return not (self.is_held or self._sessions or self.connections or self.subscriptions)

    def session(self, scope: str, client_id: str) -> Receiver | None:
        return self._sessions.get((self.name, scope, client_id))

    def sessions(self) -> list[Receiver]:
        return list(self._sessions.values())

    def sessions_of_user(self, user: str) -> list[Receiver]:
        return self._of_user.find(user)

    def sessions_of_client(self, client_id: str) -> list[Receiver]:
        return self._of_client.find(client_id)

    def session_count(self) -> int:
        return len(self._sessions)

    def enter(self, receiver: Receiver) -> None:
        """A session exists from now on."""
        if receiver.key not in self._sessions:
            self.census.sessions += 1
        self._sessions[receiver.key] = receiver
        self._of_client.add(receiver.key[2], receiver)
        self._of_user.add(receiver.identity.user, receiver)

    def leave(self, receiver: Receiver) -> None:
        if self._sessions.get(receiver.key) is not receiver:
            return
        del self._sessions[receiver.key]
        self.census.sessions -= 1
        self._of_client.remove(receiver.key[2], receiver)
        self._leave_user(receiver.identity.user, receiver)

    def change_identity(self, receiver: Receiver, user_before: str) -> None:
        """A session has been resumed by another user of the same scope, or has authenticated anew."""
        if user_before != receiver.identity.user:
            self._leave_user(user_before, receiver)
            self._of_user.add(receiver.identity.user, receiver)

    def _leave_user(self, user: str, receiver: Receiver) -> None:
        self._of_user.remove(user, receiver)
        if self._of_users and not self._of_user.has(user):
            self._of_users.pop(user, None)

    def _measures_users(self) -> bool:
        return self.limits.user_publishes_per_second > 0.0 or self.limits.user_bytes_per_second > 0


def forget_idle(tenants: dict[str, Tenant], patience: float, now: float) -> int:
    """Take out those that have held nothing for so long; says how many. Where there are very many, those go that held
    nothing the last time, too.

    Looks at all of them, so it is for once in a while.
    """
    gone = 0
    if len(tenants) > MANY_TENANTS:
        patience = 0.0
    for name, tenant in list(tenants.items()):
        if not tenant.is_empty():
            tenant.idle_since = 0.0
        elif tenant.idle_since == 0.0 or tenant.messages_received != tenant.seen_received:
            tenant.idle_since = now
            tenant.seen_received = tenant.messages_received
        elif now - tenant.idle_since >= patience:
            del tenants[name]
            tenant.router.retire()
            gone += 1
    return gone
