"""The setting provider: somebody outside says what holds for a tenant, one GET for each name, with the headers
tenant_id and setting_name.

    a tenant is used  ->  all names are asked, and again every five seconds while it is  ->  its limits change
    it is not for five minutes  ->  forgotten, and what the configuration says holds again

A value that is missing, unreadable or out of its range leaves the one before. What a newcomer gets wrong: a connection
reads its limits once, at CONNECT, so whoever came before the first answer keeps the configuration's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from myna.config import Duration, KeepAlive, Lifetime, Size
from myna.config.limits import LimitSettings
from myna.core.broker import Broker
from myna.core.tenant import Tenant
from myna.faces.bifromq.webhook import Webhook

FORGOTTEN: Final = 300.0  # seconds after a tenant was last used
TENANTS: Final = 100  # beyond, tenants have what the configuration says
MOST: Final = 2**63 - 1

LEVELS: Final = {"MQTT3Enabled": "3.1", "MQTT4Enabled": "3.1.1", "MQTT5Enabled": "5"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within these bounds; `make` is what the limit is made of."""

    limit: str
    least: int
    most: int = MOST
    make: Callable[[int], Any] = int

    def read(self, text: str) -> Any:
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 19:
            return None
        number = int(text)
        return self.make(number) if self.least <= number <= self.most else None


@dataclass(frozen=True, slots=True)
class Switch:
    limit: str
    reverse: bool = False

    def read(self, text: str) -> bool | None:
        value = {"true": True, "false": False}.get(text.lower())
        return None if value is None else value != self.reverse


# MinSendPerSec, MaxResendTimes and ResendTimeoutSeconds are not asked for: nothing is sent again on a live connection.
SETTINGS: Final[dict[str, Whole | Switch]] = {
    **{name: Switch("") for name in LEVELS},
    "NoLWTWhenServerShuttingDown": Switch("wills_at_shutdown", reverse=True),
    "DebugModeEnabled": Switch("messages_logged"),
    "ForceTransient": Switch("force_transient"),
    "ByPassPermCheckError": Switch("permission_errors_allow"),
    "PayloadFormatValidationEnabled": Switch("payload_format_checked"),
    "RetainEnabled": Switch("retain_available"),
    "WildcardSubscriptionEnabled": Switch("wildcards_available"),
    "SubscriptionIdentifierEnabled": Switch("identifiers_available"),
    "SharedSubscriptionEnabled": Switch("shared_available"),
    "MaximumQoS": Whole("maximum_qos", 0, 2),
    "MaxTopicLevelLength": Whole("level_length", 1, 65_535),
    "MaxTopicLevels": Whole("topic_levels", 1, 65_535),
    "MaxTopicLength": Whole("topic_length", 1, 65_535),
    "MaxTopicAlias": Whole("topic_alias_maximum", 0, 65_535),
    "MaxSharedGroupMembers": Whole("group_members", 1),
    "MaxTopicFiltersPerInbox": Whole("subscriptions_per_session", 1),
    "MsgPubPerSec": Whole("publishes_per_second", 1, 1000, float),
    "ReceivingMaximum": Whole("receive_maximum", 1, 65_535),
    "InBoundBandWidth": Whole("inbound_bytes_per_second", 0, make=float),
    "OutBoundBandWidth": Whole("outbound_bytes_per_second", 0, make=float),
    "MaxLastWillBytes": Whole("will_size", 1, 262_144_000, Size),
    "MaxUserPayloadBytes": Whole("packet_size", 1, 268_435_456, Size),
    "MaxTopicFiltersPerSub": Whole("filters_per_subscribe", 1, 100),
    "MaxGroupFanout": Whole("group_fanout", 1),
    "MaxPersistentFanout": Whole("persistent_fanout", 1),
    "MaxPersistentFanoutBytes": Whole("persistent_fanout_bytes", 1, make=Size),
    "MaxSessionExpirySeconds": Whole("session_expiry_maximum", 1, 2**32 - 1, Lifetime),
    "MinSessionExpirySeconds": Whole("session_expiry_minimum", 1, 2**32 - 1, Duration),
    "MinKeepAliveSeconds": Whole("keep_alive_minimum", 1, 65_534, KeepAlive),
    "SessionInboxSize": Whole("queue_messages", 1, 65_535),
    "QoS0DropOldest": Switch("queue_qos_0_drops_oldest"),
    "RetainMessageMatchLimit": Whole("retained_per_subscription", 1),  # 0 would mean "no bound" here
}


def limits_from(values: dict[str, Any]) -> LimitSettings:
    """What was answered, by setting, as limits."""
    named = {SETTINGS[name].limit: value for name, value in values.items() if name not in LEVELS}
    said = {level: values[name] for name, level in LEVELS.items() if name in values}
    if said:
        named["levels"] = tuple(level for level in LEVELS.values() if said.get(level, True))
    return replace(LimitSettings(), **named)


@dataclass(slots=True)
class _Watched:
    used_at: float
    received: int = -1  # messages, when it was last looked at
    asked_at: float = float("-inf")
    open: int = 0  # questions without an answer yet
    values: dict[str, Any] = field(default_factory=dict)
    applied: LimitSettings = field(default_factory=LimitSettings)


class TenantSettings:
    """`limit` is told what holds for a tenant, or None when it is forgotten. `tick` is called once a second."""

    def __init__(
        self, webhook: Webhook, broker: Broker, limit: Callable[[str, LimitSettings | None], None], refresh: float
    ) -> None:
        self._webhook = webhook
        self._broker = broker
        self._limit = limit
        self._refresh = refresh
        self._watched: dict[str, _Watched] = {}
        self._resting: dict[str, int] = {}  # forgotten tenants that still exist, and the messages they had received

    def tick(self, now: float) -> None:
        tenants = self._broker.tenants
        self._forget(now)
        if len(self._watched) < TENANTS:
            self._watch(now)
        for name, watched in self._watched.items():
            tenant = tenants.get(name)
            if tenant is not None and _is_used(tenant, watched):
                watched.used_at = now
                watched.received = tenant.messages_received
                if not watched.open and now - watched.asked_at >= self._refresh:
                    self._ask(name, watched, now)

    def forget_all(self) -> None:
        """What was answered holds no longer."""
        for name in self._watched:
            self._limit(name, None)
        self._watched = {}

    def _watch(self, now: float) -> None:
        for name, tenant in self._broker.tenants.items():
            is_used = tenant.connections > 0 or tenant.messages_received != self._resting.get(name)
            if is_used and name not in self._watched:
                if len(self._watched) >= TENANTS:
                    self._broker.counters.refuse("bifromq_settings:too_many_tenants")
                    return
                self._watched[name] = _Watched(now)

    def _forget(self, now: float) -> None:
        for name in [name for name, one in self._watched.items() if now - one.used_at > FORGOTTEN]:
            self._resting[name] = self._watched.pop(name).received
            self._limit(name, None)
        if len(self._resting) > TENANTS:
            known = self._broker.tenants
            self._resting = {name: received for name, received in self._resting.items() if name in known}

    def _ask(self, name: str, watched: _Watched, now: float) -> None:
        watched.asked_at = now
        for setting in SETTINGS:
            headers = {"tenant_id": name, "setting_name": setting}
            watched.open += int(self._webhook.ask(headers, partial(self._told, name, watched, setting)))

    def _told(self, name: str, watched: _Watched, setting: str, text: str | None) -> None:
        watched.open -= 1
        value = None if text is None else SETTINGS[setting].read(text)
        if value is not None:
            watched.values[setting] = value
        elif text:
            self._broker.counters.refuse("bifromq_settings:bad_value")
        if watched.open or self._watched.get(name) is not watched:
            return
        limits = limits_from(watched.values)
        if limits != watched.applied:
            watched.applied = limits
            self._limit(name, limits)


def _is_used(tenant: Tenant, watched: _Watched) -> bool:
    return tenant.connections > 0 or tenant.messages_received != watched.received
