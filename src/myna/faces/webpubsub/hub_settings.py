"""[faces.webpubsub.hubs.NAME]: what holds for one hub, in the file or set at run time. Comments are the manual.

What a newcomer gets wrong: a hub has either settings of its own or those of `_default`, never a mixture of both.
"""

import re
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from myna.config.decode import NOWHERE, ConfigError, decode
from myna.config.quantities import Duration, Size
from myna.config.sections import Section

DEFAULT_HUB: Final = "_default"  # serves hubs without settings of their own
LONGEST_URL: Final = 4096
LONGEST_TIMEOUT: Final = 600.0
MASK: Final = "***"
PLACEHOLDERS: Final = ("{event}", "{hub}")

SystemEvent = Literal["connect", "connected", "disconnected", "joined", "left"]
RoutedEvent = Literal["connected", "disconnected"]

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


class Handler(Section, frozen=True):
    url_template: str  # may hold {event} and {hub}, behind the host
    user_event_pattern: str = ""  # "*", or names with wildcards, between commas; empty: none
    system_events: tuple[SystemEvent, ...] = ()  # connect, connected, disconnected; joined and left of groups

    def __post_init__(self) -> None:
        wrong = _wrong_url(self.url_template)
        if wrong:
            raise ValueError(f"url_template: {wrong}")


class HubSettings(Section, frozen=True):
    handlers: tuple[Handler, ...] = ()  # the first that takes an event gets it
    routed_user_events: str = ""  # those that rules of routing may take as well; as user_event_pattern
    routed_system_events: tuple[RoutedEvent, ...] = ()  # connected, disconnected
    anonymous: bool = False  # clients need no token
    client_ids_of_users: bool = True  # nobody takes over an MQTT client id of another user; false: whoever comes last
    timeout: Duration = Duration(30)  # for a handler to answer one event; a connect event has 30 s at most
    calls: int = 32  # events that are with handlers at once
    waiting: Size = Size(64 * 1024 * 1024)  # of all events that wait for their turn; beyond, they fail

    def __post_init__(self) -> None:
        if not 0.1 <= self.timeout <= LONGEST_TIMEOUT:
            raise ValueError(f"timeout must be between 100 ms and {Duration(LONGEST_TIMEOUT)}")
        if self.calls < 1:
            raise ValueError("calls must be at least 1")

    def is_told(self) -> bool:
        """Does anybody hear of what its clients do?"""
        return bool(self.handlers or self.routed_user_events or self.routed_system_events)


NO_SETTINGS: Final = HubSettings()


def read_hub_settings(values: object, name: str) -> HubSettings:
    """Raises ConfigError, in the words of a configuration file."""
    if not isinstance(values, dict):
        raise ConfigError([f"{name}: expected an object"])
    return decode(values, HubSettings, (name,), NOWHERE)


def show_hub_settings(settings: HubSettings, *, secrets: bool) -> dict[str, Any]:
    """As `read_hub_settings` takes them. What stands in URLs' queries is a secret, and so are user names there."""
    return {
        "handlers": [
            {
                "url_template": handler.url_template if secrets else mask_url(handler.url_template),
                "user_event_pattern": handler.user_event_pattern,
                "system_events": list(handler.system_events),
            }
            for handler in settings.handlers
        ],
        "routed_user_events": settings.routed_user_events,
        "routed_system_events": list(settings.routed_system_events),
        "anonymous": settings.anonymous,
        "client_ids_of_users": settings.client_ids_of_users,
        "timeout": str(settings.timeout),
        "calls": settings.calls,
        "waiting": _show_size(settings.waiting),
    }


def _show_size(size: Size) -> str | int:
    text = str(size)
    return int(size) if text.endswith("bytes") else text


def mask_url(url: str) -> str:
    parts = urlsplit(url)
    query = urlencode([(name, MASK) for name, _ in parse_qsl(parts.query, keep_blank_values=True)], safe="*")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{MASK}@{host}" if "@" in parts.netloc else host, parts.path, query, ""))


def _wrong_url(url: str) -> str:
    """What is wrong with it, or nothing."""
    if len(url) > LONGEST_URL or _PRINTABLE.fullmatch(url) is None:
        return f"expected at most {LONGEST_URL} printable characters"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not host:
        return "expected an http or https URL"
    if "{" in parts.netloc:
        return "placeholders must stand behind the host"
    rest = url
    for placeholder in PLACEHOLDERS:
        rest = rest.replace(placeholder, "")
    if "{" in rest or "}" in rest:
        return f"knows no other placeholders than {' and '.join(PLACEHOLDERS)}"
    if parts.fragment:
        return "a fragment is never sent"
    return "it still holds the mask that secrets are shown as" if MASK in url else ""
