"""May one client more come in? Numbers and rates of the process, of the tenant and of the user, in that order.

Asked of everybody who is known by now, whatever it speaks: by the handshake of MQTT and by the faces that have clients
of their own. What a newcomer gets wrong: a client that takes over its own connection adds none, so it is not held up by
numbers; and a refusal here leaves whoever bears the name now where it is.
"""

from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.quotas import TO_CONNECT, TO_PERSIST
from myna.core.receiver import Receiver
from myna.core.tenant import Tenant
from myna.wire import reasons


def check_connection(
    broker: Broker, tenant: Tenant, identity: Identity, held: Receiver | None, persistent: bool, now: float
) -> Refusal | None:
    """Why this client cannot come in now. `held` is what bears its name already."""
    refusal = None
    if held is None or not held.is_online():
        refusal = _check_connections(broker, tenant, identity)
    if refusal is None and held is None:
        refusal = _check_sessions(broker, tenant, persistent)
    if refusal is None:
        refusal = _check_rate(broker, tenant, now)
    if refusal is not None:
        return refusal
    missing = broker.quotas.missing(tenant.name, TO_CONNECT)
    return _refuse(broker, f"quota:{missing}", missing) if missing else None


def _check_connections(broker: Broker, tenant: Tenant, identity: Identity) -> Refusal | None:
    most = broker.process.connections
    if most and broker.census.connections >= most:
        return _refuse(broker, "process_connections", "too many connections to this server")
    limits = tenant.limits
    if limits.connections and tenant.connections >= limits.connections:
        return _refuse(broker, "tenant_connections", "too many connections of the tenant")
    most = limits.connections_per_user
    if most and _count_online(tenant.sessions_of_user(identity.user), most) >= most:
        return _refuse(broker, "user_connections", "too many connections of the user")
    return None


def _check_sessions(broker: Broker, tenant: Tenant, persistent: bool) -> Refusal | None:
    most = broker.process.sessions
    if most and broker.census.sessions >= most:
        return _refuse(broker, "process_sessions", "too many sessions on this server")
    most = tenant.limits.sessions
    if most and tenant.session_count() >= most:
        return _refuse(broker, "tenant_sessions", "too many sessions")
    missing = broker.quotas.missing(tenant.name, TO_PERSIST) if persistent else ""
    return _refuse(broker, f"quota:{missing}", missing) if missing else None


def _check_rate(broker: Broker, tenant: Tenant, now: float) -> Refusal | None:
    bucket = broker.connect_rate
    if bucket is not None and not bucket.take(1.0, now):
        broker.counters.refuse("process_connect_rate")
        return Refusal(reasons.CONNECTION_RATE_EXCEEDED, "too many connects to this server a second")
    bucket = tenant.connect_rate
    if bucket is not None and not bucket.take(1.0, now):
        broker.counters.refuse("tenant_connect_rate")
        return Refusal(reasons.CONNECTION_RATE_EXCEEDED, "too many connects of the tenant a second")
    return None


def _refuse(broker: Broker, cause: str, text: str) -> Refusal:
    broker.counters.refuse(cause)
    return Refusal(reasons.QUOTA_EXCEEDED, text)


def _count_online(receivers: list[Receiver], enough: int) -> int:
    count = 0
    for receiver in receivers:
        if receiver.is_online():
            count += 1
            if count >= enough:
                break
    return count
