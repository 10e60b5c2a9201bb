"""[faces.webpubsub]: keys, who needs none, and bounds. Every field's comment is its manual."""

from typing import Annotated, Final

from msgspec import Meta, field

from myna.config.quantities import Duration, Size
from myna.config.sections import Section
from myna.faces.webpubsub.hub_settings import DEFAULT_HUB, HubSettings
from myna.faces.webpubsub.naming import is_hub
from myna.faces.webpubsub.oidc import OidcSettings

# Those of Microsoft's own development emulator, so that samples written for it run unchanged.
DEVELOPMENT_KEY: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"


_COUNTS: Final = (
    "unacknowledged_messages",
    "streams_per_client",
    "invocations_per_client",
    "states_per_client",
    "states_per_group",
)


class Settings(Section, frozen=True):
    access_key: str = ""  # signs tokens; empty: made on first use and kept in the data folder
    secondary_key: str = ""  # a second one, to change keys without a break; empty: none
    anonymous_hubs: tuple[str, ...] = ()  # hubs whose clients need no token; "*" for all
    hosts: tuple[str, ...] = ()  # hosts a token's audience may name besides the request's; empty: any at all
    oidc: OidcSettings | None = None  # an identity provider whose tokens open the REST API; none: access keys alone do
    group_qos: Annotated[int, Meta(ge=0, le=2)] = 1  # of MQTT sessions that tokens, handlers or REST put into groups
    strict_client_ids: bool = False  # refuse MQTT client ids other than 1 to 128 letters and digits
    retention: Duration = Duration(40)  # how long a reliable client may be away
    unacknowledged_messages: int = 1000  # of a reliable client; beyond, it is cut off
    unacknowledged_bytes: Size = Size(16 * 1024 * 1024)
    hubs: dict[str, HubSettings] = field(
        default_factory=dict
    )  # settings of single hubs, and of all others as `_default`
    unsent_bytes: Size = Size(16 * 1024 * 1024)  # what a slow WebSocket client may leave unread before it is cut off
    streams_per_client: int = 100  # streams a connection may have open
    invocations_per_client: int = 100  # invocations a connection may have pending
    invocation_timeout: Duration = Duration(30)  # how long a client waits for the answer to one
    states_per_client: int = 100  # groups a connection may have a state in, and may watch the state of
    states_per_group: int = 1000  # connections that may have a state in one group

    def __post_init__(self) -> None:
        for name in ("access_key", "secondary_key"):
            key = getattr(self, name)
            if key and len(key.encode()) < 32:
                raise ValueError(f"{name} is shorter than 32 bytes, which HS256 does not allow")
        for hub in self.hubs:
            if hub != DEFAULT_HUB and not is_hub(hub):
                raise ValueError(f"hubs: no hub can be named {hub[:100]!r}")
        if len({hub.lower() for hub in self.hubs}) < len(self.hubs):
            raise ValueError("hubs: two tables differ only in the case of their names, and so mean the same hub")
        for hub in self.anonymous_hubs:
            if hub != "*" and not is_hub(hub):
                raise ValueError(f"anonymous_hubs: no hub can be named {hub[:100]!r}")
        if self.invocation_timeout <= 0:
            raise ValueError("invocation_timeout must be more than 0")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
