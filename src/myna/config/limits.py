"""The bounds a file may set, for everybody or for one tenant, and the published limits of the vendors as tables.

The names are the core's own; a test compares the two. None means: not said here. A later layer wins: the defaults of
the core, the profile, `[limits]`, a tenant's profile, its `limits`.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from myna.config.quantities import Duration, KeepAlive, Lifetime, Size

Number = Annotated[int, Meta(ge=0)]
Short = Annotated[int, Meta(ge=0, le=65_535)]
Profile = Literal["", "bifromq", "eventgrid", "webpubsub"]
Version = Literal["3.1", "3.1.1", "5"]


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Any of the core's limits."""

    # What a client may speak.
    levels: tuple[Version, ...] | None = None
    maximum_qos: Annotated[int, Meta(ge=0, le=2)] | None = None
    retain_available: bool | None = None
    wildcards_available: bool | None = None
    shared_available: bool | None = None
    identifiers_available: bool | None = None
    payload_format_checked: bool | None = None
    expiry_0_is_never: bool | None = None
    # Sizes.
    packet_size: Size | None = None
    will_size: Size | None = None
    blank_wills_refused: bool | None = None
    will_delay_maximum: Duration | None = None
    topic_length: Short | None = None
    topic_levels: Short | None = None
    level_length: Short | None = None
    property_length: Short | None = None
    user_properties_size: Size | None = None
    # Flow.
    receive_maximum: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    inflight: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    topic_alias_maximum: Short | None = None
    publishes_per_second: Annotated[float, Meta(ge=0)] | None = None
    inbound_bytes_per_second: Annotated[float, Meta(ge=0)] | None = None
    outbound_bytes_per_second: Annotated[float, Meta(ge=0)] | None = None
    deliveries_per_second: Annotated[float, Meta(ge=0)] | None = None
    tenant_deliveries_per_second: Annotated[float, Meta(ge=0)] | None = None
    tenant_delivered_bytes_per_second: Size | None = None
    tenant_publishes_per_second: Annotated[float, Meta(ge=0)] | None = None
    tenant_bytes_per_second: Size | None = None
    user_publishes_per_second: Annotated[float, Meta(ge=0)] | None = None
    user_bytes_per_second: Size | None = None
    refused_qos_0_disconnects: bool | None = None
    refused_publish_disconnects_3: bool | None = None
    # Time.
    keep_alive_minimum: KeepAlive | None = None
    keep_alive_maximum: KeepAlive | None = None
    keep_alive_refused_3: bool | None = None
    session_expiry_minimum: Duration | None = None
    session_expiry_maximum: Lifetime | None = None
    force_transient: bool | None = None
    # Numbers and rates.
    connections: Number | None = None
    connections_per_user: Number | None = None
    connects_per_second: Annotated[float, Meta(ge=0)] | None = None
    sessions: Number | None = None
    subscriptions: Number | None = None
    subscriptions_per_user: Number | None = None
    subscriptions_per_session: Number | None = None
    subscribes_per_second: Annotated[float, Meta(ge=0)] | None = None
    tenant_subscribes_per_second: Annotated[float, Meta(ge=0)] | None = None
    filters_per_subscribe: Number | None = None
    group_members: Number | None = None
    group_fanout: Number | None = None
    persistent_fanout: Number | None = None
    persistent_fanout_bytes: Size | None = None
    # Queues of sessions.
    queue_messages: Number | None = None
    queue_bytes: Size | None = None
    queue_policy: Literal["drop_newest", "drop_oldest", "drop_session"] | None = None
    queue_qos_0: bool | None = None
    queue_qos_0_drops_oldest: bool | None = None
    # Retained messages.
    retained_messages: Number | None = None
    retained_bytes: Size | None = None
    retained_size: Size | None = None
    retained_per_subscription: Number | None = None
    retained_per_second: Annotated[float, Meta(ge=0)] | None = None
    retained_bytes_per_second: Size | None = None
    # What else is settled for each tenant.
    wills_at_shutdown: bool | None = None
    messages_logged: bool | None = None
    permission_errors_allow: bool | None = None

    def said(self) -> dict[str, object]:
        """What is set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def over(self, lower: "LimitSettings") -> "LimitSettings":
        """These, and where they say nothing those of the layer below."""
        return replace(lower, **self.said())


PROFILES: Final[dict[str, LimitSettings]] = {
    "": LimitSettings(),
    # Its per-tenant settings, defaults of version 4.
    "bifromq": LimitSettings(
        payload_format_checked=True,  # PayloadFormatValidationEnabled
        packet_size=Size(262_144),  # MaxUserPayloadBytes
        will_size=Size(128),  # MaxLastWillBytes
        topic_length=255,
        topic_levels=16,
        level_length=40,
        receive_maximum=200,  # ReceivingMaximum
        topic_alias_maximum=10,
        publishes_per_second=200.0,  # MsgPubPerSec
        inbound_bytes_per_second=524_288.0,  # InBoundBandWidth
        outbound_bytes_per_second=524_288.0,  # OutBoundBandWidth
        refused_qos_0_disconnects=True,
        refused_publish_disconnects_3=True,
        keep_alive_minimum=KeepAlive(60),
        session_expiry_minimum=Duration(60),
        session_expiry_maximum=Lifetime(86_400),
        subscriptions_per_session=100,  # MaxTopicFiltersPerInbox
        filters_per_subscribe=10,  # MaxTopicFiltersPerSub
        group_members=200,  # MaxSharedGroupMembers
        group_fanout=100,  # MaxGroupFanout
        queue_messages=1000,  # SessionInboxSize
        queue_policy="drop_newest",
        queue_qos_0=True,
        queue_qos_0_drops_oldest=False,  # QoS0DropOldest
        retained_per_subscription=10,  # RetainMessageMatchLimit
        wills_at_shutdown=False,  # NoLWTWhenServerShuttingDown
        permission_errors_allow=True,  # ByPassPermCheckError
    ),
    # One throughput unit; the session expiry is its default, up to 8 hours can be asked for there.
    "eventgrid": LimitSettings(
        expiry_0_is_never=True,
        will_delay_maximum=Duration(300),
        levels=("3.1.1", "5"),
        maximum_qos=1,
        shared_available=False,
        identifiers_available=False,
        packet_size=Size(524_288),
        topic_length=256,
        topic_levels=15,
        property_length=256,
        user_properties_size=Size(32 * 1024),
        receive_maximum=1000,
        topic_alias_maximum=10,
        publishes_per_second=1000.0,
        inbound_bytes_per_second=1_048_576.0,
        outbound_bytes_per_second=1_048_576.0,
        deliveries_per_second=100.0,
        tenant_publishes_per_second=1000.0,
        tenant_bytes_per_second=Size(1024 * 1024),
        tenant_deliveries_per_second=1000.0,
        tenant_delivered_bytes_per_second=Size(1024 * 1024),
        refused_publish_disconnects_3=True,
        keep_alive_maximum=KeepAlive(1160),
        session_expiry_maximum=Lifetime(3600),
        connects_per_second=200.0,
        sessions=10_000,
        subscriptions=1_000_000,
        subscriptions_per_session=50,
        subscribes_per_second=5.0,
        tenant_subscribes_per_second=200.0,
        filters_per_subscribe=10,
        queue_messages=100,
        queue_bytes=Size(1024 * 1024),
        queue_policy="drop_session",
        retained_messages=10_000,
        retained_bytes=Size(640 * 1024 * 1024),
        retained_size=Size(65_536),
    ),
    "webpubsub": LimitSettings(
        levels=("3.1.1", "5"),
        retain_available=False,
        wildcards_available=False,
        shared_available=False,
        packet_size=Size(1024 * 1024),
        will_size=Size(2000),
        topic_length=1024,
        topic_alias_maximum=0,
        refused_qos_0_disconnects=True,
        blank_wills_refused=True,
        keep_alive_maximum=KeepAlive(180),
        keep_alive_refused_3=True,
        session_expiry_maximum=Lifetime(30),
        queue_messages=1000,
        queue_bytes=Size(16 * 1024 * 1024),
    ),
}
