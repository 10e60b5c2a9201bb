"""How much: the bounds of one tenant as plain values, and the bucket that measures a rate.

The defaults are roomy and safe; a profile or a tenant's own settings make them smaller. A connection reads its tenant's
limits once, at CONNECT. 0 means no bound unless the comment says otherwise.
"""

from typing import Final, final

NEVER: Final = 0xFFFFFFFF  # a session expiry that does not come (§3.1.2.11.2)

DROP_NEWEST: Final = "drop_newest"
DROP_OLDEST: Final = "drop_oldest"
DROP_SESSION: Final = "drop_session"


@final
class Limits:
    def __init__(self) -> None:
        # What a client may speak.
        self.levels: tuple[int, ...] = (3, 4, 5)
        self.maximum_qos = 2
        self.retain_available = True
        self.wildcards_available = True
        self.shared_available = True
        self.identifiers_available = True
        self.payload_format_checked = False
        self.expiry_0_is_never = False  # Event Grid's reading of a Message Expiry Interval of 0
        # Sizes.
        self.packet_size = 1024 * 1024
        self.will_size = 0
        self.blank_wills_refused = False  # a will topic needs one character that is no space
        self.will_delay_maximum = 0  # seconds; longer ones are cut
        self.topic_length = 0  # in characters
        self.topic_levels = 0
        self.level_length = 0  # in characters
        self.property_length = 0  # content type, response topic and correlation data, each in bytes
        self.user_properties_size = 0  # of all of a message, in bytes
        # Flow.
        self.receive_maximum = 65_535
        self.inflight = 65_535  # sent and not acknowledged; MQTT 5 lets the client choose less
        self.topic_alias_maximum = 100  # each way; a topic may take 64 KiB, and each connection keeps its own
        self.publishes_per_second = 0.0  # of each connection
        self.inbound_bytes_per_second = 0.0  # of a connection: it is read from no faster
        self.outbound_bytes_per_second = 0.0  # of a connection: it is written to no faster
        self.deliveries_per_second = 0.0  # to a connection: it is written to no faster
        self.tenant_deliveries_per_second = 0.0  # to all connections together
        self.tenant_delivered_bytes_per_second = 0
        self.tenant_publishes_per_second = 0.0  # of all publishers together, whatever they speak
        self.tenant_bytes_per_second = 0
        self.user_publishes_per_second = 0.0  # of all connections of a user together
        self.user_bytes_per_second = 0
        self.refused_qos_0_disconnects = False
        self.refused_publish_disconnects_3 = False
        # Time.
        self.keep_alive_minimum = 0
        self.keep_alive_maximum = 0
        self.keep_alive_refused_3 = False  # before MQTT 5 nobody can be told of another one
        self.session_expiry_minimum = 0
        self.session_expiry_maximum = NEVER
        self.force_transient = False
        # Numbers and rates.
        self.connections = 0  # of a tenant, at once
        self.connections_per_user = 0
        self.connects_per_second = 0.0  # of a tenant
        self.sessions = 0
        self.subscriptions = 0  # of a tenant
        self.subscriptions_per_user = 0
        self.subscriptions_per_session = 0
        self.subscribes_per_second = 0.0  # SUBSCRIBE and UNSUBSCRIBE of each connection
        self.tenant_subscribes_per_second = 0.0
        self.filters_per_subscribe = 0
        self.group_members = 0
        self.group_fanout = 0  # share groups that get one message
        self.persistent_fanout = 0  # persistent sessions that get one message
        self.persistent_fanout_bytes = 0  # and what it may weigh with all of them; the first always gets it
        # Queues of sessions.
        self.queue_messages = 100_000
        self.queue_bytes = 64 * 1024 * 1024
        self.queue_policy = DROP_NEWEST
        self.queue_qos_0 = False
        self.queue_qos_0_drops_oldest = False
        # Retained messages.
        self.retained_messages = 1_000_000
        self.retained_bytes = 512 * 1024 * 1024
        self.retained_size = 0  # of one, its payload alone
        self.retained_per_subscription = 0
        self.retained_per_second = 0.0  # of a tenant; what is above is delivered and not kept
        self.retained_bytes_per_second = 0
        # What else is settled for each tenant.
        self.wills_at_shutdown = True
        self.messages_logged = False  # every message is reported to the watcher: for looking closely, not for speed
        self.permission_errors_allow = False  # read by those who ask elsewhere for permission and get no answer

    def copy(self) -> "Limits":
        copy = Limits()
        for name, value in vars_of(self).items():
            setattr(copy, name, value)
        return copy


def vars_of(limits: Limits) -> dict[str, object]:
    """All bounds by name: what configuration files and settings of dialects set them by."""
    return {name: getattr(limits, name) for name in LIMIT_NAMES}


LIMIT_NAMES: Final = (
    "levels",
    "maximum_qos",
    "retain_available",
    "wildcards_available",
    "shared_available",
    "identifiers_available",
    "payload_format_checked",
    "expiry_0_is_never",
    "packet_size",
    "will_size",
    "blank_wills_refused",
    "will_delay_maximum",
    "topic_length",
    "topic_levels",
    "level_length",
    "property_length",
    "user_properties_size",
    "receive_maximum",
    "inflight",
    "topic_alias_maximum",
    "publishes_per_second",
    "inbound_bytes_per_second",
    "outbound_bytes_per_second",
    "deliveries_per_second",
    "tenant_deliveries_per_second",
    "tenant_delivered_bytes_per_second",
    "tenant_publishes_per_second",
    "tenant_bytes_per_second",
    "user_publishes_per_second",
    "user_bytes_per_second",
    "refused_qos_0_disconnects",
    "refused_publish_disconnects_3",
    "keep_alive_minimum",
    "keep_alive_maximum",
    "keep_alive_refused_3",
    "session_expiry_minimum",
    "session_expiry_maximum",
    "force_transient",
    "connections",
    "connections_per_user",
    "connects_per_second",
    "sessions",
    "subscriptions",
    "subscriptions_per_user",
    "subscriptions_per_session",
    "subscribes_per_second",
    "tenant_subscribes_per_second",
    "filters_per_subscribe",
    "group_members",
    "group_fanout",
    "persistent_fanout",
    "persistent_fanout_bytes",
    "queue_messages",
    "queue_bytes",
    "queue_policy",
    "queue_qos_0",
    "queue_qos_0_drops_oldest",
    "retained_messages",
    "retained_bytes",
    "retained_size",
    "retained_per_subscription",
    "retained_per_second",
    "retained_bytes_per_second",
    "wills_at_shutdown",
    "messages_logged",
    "permission_errors_allow",
)


@final
class ProcessLimits:
    """What all tenants share. 0 means no bound."""

    def __init__(self) -> None:
        self.connections = 0
        self.sessions = 0
        self.connects_per_second = 0.0
        self.subscriptions = 0
        self.retained_bytes = 0
        self.idle_tenant = 300.0  # seconds after which a tenant that holds nothing is forgotten


@final
class Bucket:
    """So many a second, with a burst of one second. Filled when looked at, so it needs no timer.

    It holds at least one, or a rate below one a second would let nothing through. Time that runs backwards fills
    nothing.
    """

    __slots__ = ("_filled_at", "_level", "_size", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._size = max(rate, 1.0)
        self._level = self._size
        self._filled_at = now

    def take(self, amount: float, now: float) -> bool:
        self._fill(now)
        if self._level < amount:
            return False
        self._level -= amount
        return True

    def borrow(self, amount: float, now: float) -> float:
        """Take it whether it is there or not; the seconds until what was borrowed has come in."""
        self._fill(now)
        self._level -= amount
        return max(0.0, -self._level / self.rate)

    def missing(self, amount: float, now: float) -> float:
        """Seconds until so much is there; 0.0 if it is. Nobody waits for more than a full bucket."""
        self._fill(now)
        return max(0.0, (min(amount, self._size) - self._level) / self.rate)

    def spend(self, amount: float) -> None:
        """Take it, there or not; a debt is paid off by the time that passes."""
        self._level -= amount

    def wait(self, amount: float) -> float:
        """Seconds until so much will be there, as of the last look."""
        return max(0.0, (amount - self._level) / self.rate)

    def _fill(self, now: float) -> None:
        passed = now - self._filled_at
        if passed > 0.0:
            self._level = min(self._size, self._level + passed * self.rate)
        self._filled_at = now


def bucket(rate: float, now: float) -> Bucket | None:
    """None where there is no bound."""
    return Bucket(rate, now) if rate > 0.0 else None
