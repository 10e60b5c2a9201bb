"""Which handler takes an event, and under which URL.

Knows settings alone. What a newcomer gets wrong: the first handler that matches gets the event, and no other does.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from myna.faces.webpubsub.hub_settings import Handler, HubSettings

VALIDATE: Final = "validate"  # what stands for {event} when a handler is asked whether it wants to be called


def find_user_handler(settings: HubSettings, event: str) -> Handler | None:
    for handler in settings.handlers:
        if matches(handler.user_event_pattern, event):
            return handler
    return None


def matches(patterns: str, event: str) -> bool:
    return any(pattern.fullmatch(event) for pattern in _patterns(patterns))


def find_system_handler(settings: HubSettings, event: str) -> Handler | None:
    for handler in settings.handlers:
        if event in handler.system_events:
            return handler
    return None


def url_of(handler: Handler, hub: str, event: str) -> str:
    return handler.url_template.replace("{event}", quote(event, safe="")).replace("{hub}", quote(hub, safe=""))


@lru_cache(1024)
def _patterns(text: str) -> tuple[re.Pattern[str], ...]:
    """`*` stands for any run of characters, `?` for one; everything else for itself, in any case."""
    return tuple(_pattern(part.strip()) for part in text.split(",") if part.strip())


def _pattern(text: str) -> re.Pattern[str]:
    source = re.sub(r"\\\*", ".*", re.sub(r"(?:\\\*)+", r"\\*", re.escape(text))).replace(r"\?", ".")
    return re.compile(source, re.IGNORECASE | re.DOTALL)
