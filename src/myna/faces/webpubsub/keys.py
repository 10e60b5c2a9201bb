"""The access keys in force: those of the settings, or others that an administrator has had made since.

    kept   {"key": the new one, "instead_of": digest of the one it replaced}

What a newcomer gets wrong: a key made at run time replaces the one the settings had then. When the settings name
another, that one holds: whoever edits the file has the last word.
"""

import hashlib
import hmac
import logging
import secrets
from typing import Final

import msgspec

from myna.core.kept import KeptValues

log = logging.getLogger("myna.webpubsub")

SPACE: Final = "webpubsub.keys"
NAMES: Final = ("primary", "secondary")


class _Kept(msgspec.Struct):
    key: str
    instead_of: str


class AccessKeys:
    def __init__(self, kept: KeptValues, primary: str, secondary: str) -> None:
        self._kept = kept
        self.use(primary, secondary)

    def use(self, primary: str, secondary: str) -> None:
        """What the settings say from now on."""
        self._given = dict(zip(NAMES, (primary, secondary), strict=True))
        self.read()

    def read(self) -> None:
        """Again, when what is kept has been read back."""
        self.primary, self.secondary = (self._find(name) for name in NAMES)

    def both(self) -> tuple[str, str]:
        return self.primary, self.secondary

    def is_made(self, name: str) -> bool:
        """At run time, by an administrator."""
        return self._find(name) != self._given[name]

    def make(self, name: str) -> int:
        """A new one in place of the one that holds; says what to await."""
        value = _Kept(secrets.token_urlsafe(48), _digest(self._given[name]))
        sequence = self._kept.keep(SPACE, name, msgspec.json.encode(value))
        self.read()
        return sequence

    def _find(self, name: str) -> str:
        given = self._given[name]
        value = self._kept.of(SPACE).get(name)
        if value is None:
            return given
        try:
            kept = msgspec.json.decode(value, type=_Kept)
        except msgspec.DecodeError:
            log.error("the %s access key made at run time cannot be read back; the configuration's holds", name)
            return given
        return kept.key if hmac.compare_digest(kept.instead_of, _digest(given)) else given


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
