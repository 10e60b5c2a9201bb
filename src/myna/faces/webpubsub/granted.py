"""What back ends have granted to MQTT sessions, and taken from them, kept as long as the sessions are.

    tenant TAB client id   ->   [[permission, group or null, allowed], …]

What a newcomer gets wrong: a session that has outlived a restart has no rules until its client is back. What is granted
to it meanwhile is here alone.
"""

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from myna.core.grants import Grants
from myna.core.kept import KeptValues
from myna.core.receiver import SessionKey

log = logging.getLogger("myna.webpubsub")

SPACE: Final = "webpubsub.grants"

_read: Final = msgspec.json.Decoder(list[tuple[str, str | None, bool]]).decode


class KeptGrants:
    def __init__(self, kept: KeptValues) -> None:
        self._kept = kept

    def keep(self, key: SessionKey, grants: Grants) -> None:
        self._kept.keep(SPACE, _name(key), msgspec.json.encode(grants.said()))

    def of(self, key: SessionKey) -> Grants | None:
        held = self._kept.of(SPACE).get(_name(key))
        if held is None:
            return None
        grants = Grants()
        try:
            for permission, group, allowed in _read(held):
                grants.say(permission, group, allowed)
        except msgspec.DecodeError as error:
            log.error(
                "what was granted to the client %s of %s cannot be read, grant it anew: %s", key[2], key[0], error
            )
        return grants

    def forget(self, key: SessionKey) -> None:
        self._kept.keep(SPACE, _name(key), None)

    def forget_all_but(self, is_here: Callable[[str, str], bool]) -> None:
        """Of sessions that ended while no process was there; asked by tenant and client id."""
        for name in list(self._kept.of(SPACE)):
            tenant, _, client_id = name.partition("\t")
            if not is_here(tenant, client_id):
                self._kept.keep(SPACE, name, None)


def _name(key: SessionKey) -> str:
    return f"{key[0]}\t{key[2]}"
