"""The table [faces.eventgrid] of a configuration. Everything has a default, and none of them opens anything.

What a newcomer gets wrong: the clients, groups, topic spaces and bindings are not written here. They stay in the
vendor's JSON, which `namespace` names.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from myna.config import Duration, Size, tokens
from myna.config.outgoing import WebhookSettings

Positive = Annotated[int, Meta(ge=1)]
Method = Literal["OAUTH2-JWT", "CUSTOM-JWT"]
Permission = Literal["Publisher", "Subscriber"]

SHORTEST_KEY = 16
ROLE_CLAIMS = ("roles", "scp", "scope", "groups")


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    """Refuses keys it does not know."""


class RoleSettings(_Table, frozen=True):
    """A value in a token that stands for a permission."""

    value: str
    permission: Permission
    topic_spaces: tuple[str, ...] = ()  # none: on all of them
    claims: tuple[str, ...] = ROLE_CLAIMS  # where the value may stand


# The vendor's two roles, on the whole namespace.
VENDOR_ROLES = (
    RoleSettings("EventGrid TopicSpaces Publisher", "Publisher"),
    RoleSettings("EventGrid TopicSpaces Subscriber", "Subscriber"),
)


class IssuerSettings(tokens.IssuerSettings, frozen=True):
    """Without `audiences` those of the namespace are accepted."""

    methods: tuple[Method, ...] = ("OAUTH2-JWT", "CUSTOM-JWT")  # by which MQTT 5 clients may present them
    client_id_claims: tuple[str, ...] = ("oid", "sub")  # the first that is there is the client id
    name_claims: tuple[str, ...] = ()  # the authentication name; see `naming_claims`
    roles: tuple[RoleSettings, ...] = VENDOR_ROLES

    def naming_claims(self) -> tuple[str, ...]:
        """An object id names its bearer, as the vendor's tokens have it; custom ones are named by their subject."""
        if self.name_claims:
            return self.name_claims
        return ("sub",) if self.methods == ("CUSTOM-JWT",) else self.client_id_claims


class ApiKeySettings(_Table, frozen=True):
    """A fixed secret that is sent as a bearer token."""

    key: str
    client: str  # client id and authentication name
    roles: tuple[Permission, ...] = ()  # on all topic spaces, besides what bindings grant

    def __post_init__(self) -> None:  # by hand: an error must not show what the key is
        if len(self.key) < SHORTEST_KEY:
            raise ValueError(f"an API key has at least {SHORTEST_KEY} characters")


class QuotaSettings(_Table, frozen=True):
    """What HTTP publishers may do in a second, besides the tenant's own limits. 0 is no bound."""

    messages: Annotated[float, Meta(ge=0)] = 0
    bytes: Size = Size(0)
    client_messages: Annotated[float, Meta(ge=0)] = 0
    client_bytes: Size = Size(0)


# Of one throughput unit; the bandwidth of a single client is not published and taken to be the same.
VENDOR_QUOTA = QuotaSettings(500.0, Size(512 * 1024), 500.0, Size(512 * 1024))


class Settings(_Table, frozen=True):
    tenant: str = ""  # the tenant this API serves; empty for the default one
    name: str = "myna"  # the namespace's, in logs
    host: str = ""  # the namespace's host name, which audiences are made of
    namespace: str = ""  # a JSON file, or a folder of them; looked at again when it changes
    audiences: tuple[str, ...] = ()  # of tokens; by default those the vendor's documentation uses
    issuers: tuple[IssuerSettings, ...] = ()
    api_keys: tuple[ApiKeySettings, ...] = ()
    access: tuple[str, ...] = ()  # the broker's authenticators whose users are callers and clients of this API, too
    webhook: WebhookSettings = WebhookSettings()  # who is asked about clients; by default the namespace's endpoint
    name_sources: tuple[str, ...] = ()  # where a certificate's name is looked for: ClientCertificateSubject …
    sessions_per_name: Annotated[int, Meta(ge=0)] = 0  # MQTT sessions of one authentication name, away ones counted
    strict_api_version: bool = False  # a missing or unknown api-version is 400
    message_size: Size = Size(0)  # of a whole message; 0 for the tenant's packet_size
    vendor_limits: bool = False  # the published limits on properties and on HTTP publishing
    throughput_units: Positive = 1  # what they are multiplied by
    quota: QuotaSettings = QuotaSettings()
    streams: Annotated[int, Meta(ge=0)] = 1000  # event streams open at once
    streams_per_client: Positive = 100  # of them
    stream_memory: Duration = Duration(60)  # how long a broken stream can be resumed
    stream_queue: Positive = 1000  # messages a stream may fall behind
    stream_bytes: Size = Size(16 * 1024 * 1024)  # and what they may weigh
    reply_waits: Annotated[int, Meta(ge=0)] = 1000  # requests that wait for a reply at once
    batch_items: Positive = 1000
    batch_size: Size = Size(8 * 1024 * 1024)  # of a whole batch, as JSON
    cors: tuple[str, ...] = ()  # origins; "*" for any
    log_file: str = ""  # what is done here, in the vendor's shape; failures go to the process log anyway

    def accepted_audiences(self) -> tuple[str, ...]:
        if self.audiences:
            return self.audiences
        host = self.host or "localhost"
        return ("https://eventgrid.azure.net", f"https://{host}", host)

    def http_quota(self) -> QuotaSettings:
        if not self.vendor_limits:
            return self.quota
        units = self.throughput_units
        return QuotaSettings(
            self.quota.messages or VENDOR_QUOTA.messages * units,
            self.quota.bytes or Size(VENDOR_QUOTA.bytes * units),
            self.quota.client_messages or VENDOR_QUOTA.client_messages,
            self.quota.client_bytes or VENDOR_QUOTA.client_bytes,
        )
