"""What holds for each hub: what an administrator has set at run time, else the file's word, else that of `_default`.

    set at run time for the hub  >  its table in the file  >  the same two for `_default`  >  nothing at all

What is set at run time survives restarts (`KeptValues`). What a newcomer gets wrong: hubs are looked for in lower case,
and with every event of every client, so the answers are remembered until something changes.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from myna.config.decode import ConfigError
from myna.core.kept import KeptValues
from myna.faces.webpubsub.hub_settings import (
    DEFAULT_HUB,
    NO_SETTINGS,
    HubSettings,
    read_hub_settings,
    show_hub_settings,
)

log = logging.getLogger("myna.webpubsub")

SPACE: Final = "webpubsub.hubs"
REMEMBERED: Final = 10_000

AT_RUN_TIME: Final = "administration"
OF_THE_FILE: Final = "configuration"


class Hubs:
    def __init__(self, kept: KeptValues, configured: Mapping[str, HubSettings], anonymous: Iterable[str]) -> None:
        self._kept = kept
        self._found: dict[str, HubSettings] = {}
        self.use(configured, anonymous)

    def use(self, configured: Mapping[str, HubSettings], anonymous: Iterable[str]) -> None:
        """What the file says from now on."""
        self._configured = {name.lower(): settings for name, settings in configured.items()}
        self._anonymous = frozenset(hub.lower() for hub in anonymous)
        self._found.clear()

    def of(self, hub: str) -> HubSettings:
        found = self._found.get(hub)
        if found is None:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            found = self._found[hub] = self._find(hub)
        return found

    def is_anonymous(self, hub: str) -> bool:
        """May clients come without a token?"""
        return "*" in self._anonymous or hub in self._anonymous or self.of(hub).anonymous

    # For administrators

    def listed(self) -> dict[str, tuple[HubSettings, str]]:
        """All that have settings of their own, and where these come from."""
        found = {name: (settings, OF_THE_FILE) for name, settings in self._configured.items()}
        for name, value in self._kept.of(SPACE).items():
            settings = _decode(name, value)
            if settings is not None:
                found[name] = (settings, AT_RUN_TIME)
        return dict(sorted(found.items()))

    def put(self, hub: str, settings: HubSettings) -> int:
        """Says what to await."""
        self._found.clear()
        return self._kept.keep(SPACE, hub, msgspec.json.encode(show_hub_settings(settings, secrets=True)))

    def remove(self, hub: str) -> int | None:
        """The file's word holds again. None if nothing had been set."""
        if hub not in self._kept.of(SPACE):
            return None
        self._found.clear()
        return self._kept.keep(SPACE, hub, None)

    def _find(self, hub: str) -> HubSettings:
        for name in (hub, DEFAULT_HUB):
            value = self._kept.of(SPACE).get(name)
            settings = self._configured.get(name) if value is None else _decode(name, value)
            if settings is not None:
                return settings
        return NO_SETTINGS


def _decode(name: str, value: bytes) -> HubSettings | None:
    try:
        return read_hub_settings(msgspec.json.decode(value), name)
    except (ConfigError, msgspec.DecodeError) as error:
        log.error("the settings kept for the hub %s cannot be read, set them anew: %s", name, error)
        return None
