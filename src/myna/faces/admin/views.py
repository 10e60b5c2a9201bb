"""What the API shows, as structs: their fields are the JSON, and the schemas of the description.

What a newcomer gets wrong: nothing here is a secret or a payload. Of a will there is its size, of a message its topic.
"""

from datetime import UTC, datetime

from msgspec import Struct


def at(seconds: float) -> datetime | None:
    """A moment of the broker's clock; None for never."""
    return datetime.fromtimestamp(round(seconds, 3), UTC) if seconds else None


class Subscription(Struct):
    filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    identifiers: list[int] = []
    dormant: bool = False


class Waiting(Struct):
    """`bytes` is what they weigh in memory."""

    messages: int
    bytes: int


class Will(Struct):
    topic: str
    qos: int
    retain: bool
    delay: int
    size: int


class Session(Struct, kw_only=True):
    """One client, connected or not. `queue` waits, `window` is sent and not acknowledged, `unsent` are the bytes that
    its connection has not taken yet; null where the protocol has no such thing. `expires_after` is in seconds, null
    for never. Of its subscriptions a list has the first hundred.
    """

    tenant: str
    client_id: str
    scope: str
    user: str
    dialect: str
    protocol: str
    online: bool
    address: str
    connected_since: datetime | None = None
    last_heard: datetime | None = None
    created: datetime | None = None
    offline_since: datetime | None = None
    persistent: bool
    expires_after: int | None = None
    subscription_count: int
    subscriptions: list[Subscription]
    queue: Waiting | None = None
    window: Waiting | None = None
    unsent: int | None = None
    will: Will | None = None


class Sessions(Struct):
    sessions: list[Session]
    next: str | None = None


class Subscriptions(Struct):
    subscriptions: list[Subscription]
    next: str | None = None


class Disconnected(Struct):
    """`disconnected`: it was connected."""

    disconnected: bool


class Holder(Struct, kw_only=True):
    """Whoever holds a subscription. Of a `group` ("$share/name") one member gets each message."""

    tenant: str
    client_id: str
    scope: str
    user: str
    online: bool
    filter: str
    qos: int
    group: str = ""
    dormant: bool = False


class Holders(Struct):
    holders: list[Holder]
    next: str | None = None


class Retained(Struct, kw_only=True):
    tenant: str
    topic: str
    qos: int
    size: int
    published: datetime | None
    expires: datetime | None = None
    user: str = ""
    client_id: str = ""


class RetainedPage(Struct):
    retained: list[Retained]
    next: str | None = None


class Ban(Struct, kw_only=True):
    """`tenant` null: in all of them. `what` is the user, client id, address or network."""

    tenant: str | None
    kind: str
    what: str
    reason: str = ""
    made: datetime | None = None
    until: datetime | None = None


class Bans(Struct):
    bans: list[Ban]
    next: str | None = None


class Use(Struct):
    """`limit` is null where there is none."""

    used: float
    limit: float | None = None


class Tenant(Struct, kw_only=True):
    """`messages_per_second` is the mean since this was last asked (null the first time); `throttled` is how often
    publishers had to wait for want of the tenant's throughput.
    """

    tenant: str
    connections: Use
    sessions: Use
    subscriptions: Use
    retained_messages: Use
    retained_bytes: Use
    messages_received: int
    messages_per_second: Use | None = None
    throttled: int = 0


class Tenants(Struct):
    tenants: list[Tenant]
    next: str | None = None


class Count(Struct):
    cause: str
    count: int
    explanation: str


class Counters(Struct):
    """Since the broker was started. `dropped` are messages that did not reach a receiver, `refused` what clients and
    callers asked for and did not get.
    """

    totals: dict[str, int]
    dropped: list[Count]
    refused: list[Count]


class Reloaded(Struct):
    """`in_force` has changed now, `waiting` waits for a restart."""

    in_force: list[str]
    waiting: list[str]


class Health(Struct):
    healthy: bool
    status: str
    listeners: dict[str, list[str]]
