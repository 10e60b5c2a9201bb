"""[faces.webpubsub]: keys, who needs none, and bounds. Every field's comment is its manual."""

from typing import Final

from myna.config.quantities import Duration, Size
from myna.config.sections import Section
from myna.faces.webpubsub.oidc import OidcSettings

# Those of Microsoft's own development emulator, so that samples written for it run unchanged.
DEVELOPMENT_KEY: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"


class Settings(Section, frozen=True):
    access_key: str = ""  # signs tokens; empty: made on first use and kept in the data folder
    secondary_key: str = ""  # a second one, to change keys without a break; empty: none
    anonymous_hubs: tuple[str, ...] = ()  # hubs whose clients need no token; "*" for all
    hosts: tuple[str, ...] = ()  # hosts a token's audience may name besides the request's; empty: any at all
    oidc: OidcSettings | None = None  # an identity provider whose tokens open the REST API; none: access keys alone do
    strict_client_ids: bool = False  # refuse MQTT client ids other than 1 to 128 letters and digits
    retention: Duration = Duration(40)  # how long a reliable client may be away
    unacknowledged_messages: int = 1000  # of a reliable client; beyond, it is cut off
    unacknowledged_bytes: Size = Size(16 * 1024 * 1024)
    unsent_bytes: Size = Size(16 * 1024 * 1024)  # what a slow WebSocket client may leave unread before it is cut off

    def __post_init__(self) -> None:
        for name in ("access_key", "secondary_key"):
            key = getattr(self, name)
            if key and len(key.encode()) < 32:
                raise ValueError(f"{name} is shorter than 32 bytes, which HS256 does not allow")
        if self.unacknowledged_messages < 1:
            raise ValueError("unacknowledged_messages must be at least 1")
