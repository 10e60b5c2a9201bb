"""Keys with names, for back ends: sent as a bearer token or as `x-api-key` over HTTP, or as an MQTT password without a
user name.

What a newcomer gets wrong: a key is looked up by a digest under a secret of this process, so how long the search takes
says nothing about the keys there are. The name is who the caller is then; it is never sent.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from myna.access.authenticator import AccessContext, Answer, Authenticator
from myna.access.open import EVERY_TENANT, TENANT
from myna.access.passwords import DISABLED
from myna.access.revocation import let_in
from myna.access.watched_file import WatchedFile
from myna.config import ConfigError
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.formats.password_file import Entry, hash_api_key, read_password_file
from myna.wire import reasons

NAME: Final = "api-keys"
GONE: Final = Refusal(reasons.NOT_AUTHORIZED, "this key is no longer good")
SHORTEST: Final = 16  # characters of a key
_SHA256: Final = re.compile("[0-9a-f]{64}")


class KeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Either the key itself or its SHA-256."""

    name: str
    key: str = ""
    sha256: str = ""
    tenant: str = ""
    attributes: dict[str, str] = {}
    disabled: bool = False

    def __post_init__(self) -> None:  # by hand: an error must not show what a key is
        if not self.name or bool(self.key) == bool(self.sha256):
            raise ValueError("each of `keys` has a name, and either `key` or `sha256`")
        if self.key and len(self.key) < SHORTEST:
            raise ValueError(f"a key has at least {SHORTEST} characters")
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            raise ValueError("sha256 is 64 hexadecimal digits in lower case")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    file: str = ""  # made by `myna passwd add --api-key`; may be that of the users, too
    keys: tuple[KeySettings, ...] = ()
    tenant: str = TENANT  # of keys that name none


class _Shown(Struct, frozen=True):
    """The digest of a key, and how it came: level 0 is HTTP."""

    api_key: str
    level: int


class ApiKeys(Authenticator):
    SETTINGS = Settings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        self._settings = settings
        self._review = context.review
        self._secret = secrets.token_bytes(32)
        self._keys: dict[bytes, Entry] = {}
        hint = f"make it by `myna passwd -f {settings.file} add NAME --api-key`"
        self._file = WatchedFile(settings.file, read_password_file, self._use, hint) if settings.file else None
        if self._file is None and not settings.keys:
            raise ConfigError(["api-keys has no keys: set `file` or `keys`"])
        self._take({} if self._file is None else self._file.value)

    @classmethod
    def describe(cls, settings: Struct) -> str:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        named = ", ".join(one.name for one in settings.keys)
        places = [f"of {settings.file}"] if settings.file else []
        return "who shows a key " + " or ".join(places + ([f"named here: {named}"] if named else []))

    def judge(self, ticket: Ticket, now: float) -> Answer:
        if ticket.method is not None or ticket.user_name or ticket.password is None:
            return None
        entry = self._keys.get(self._digest(hash_api_key(ticket.password)))
        return None if entry is None else self._admit(entry, ticket.level)

    def again(self, shown: object) -> Identity | Refusal | None:
        assert isinstance(shown, _Shown)  # that is what it lets in by
        entry = self._keys.get(self._digest(shown.api_key))
        return GONE if entry is None else self._admit(entry, shown.level)

    def _admit(self, entry: Entry, level: int) -> Identity | Refusal:
        if entry.disabled:
            return DISABLED
        tenant = entry.tenant or self._settings.tenant
        if tenant == EVERY_TENANT and level:
            return Refusal(reasons.NOT_AUTHORIZED, "a key for every tenant is for HTTP alone")
        identity = Identity(tenant, entry.user or entry.name, attributes=dict(entry.attributes))
        return let_in(identity, NAME, _Shown(entry.api_key, level))

    def tick(self, now: float) -> None:
        if self._file is not None:
            self._file.tick()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    async def settled(self) -> None:
        """A change of the file that `tick` has seen is in force, or refused."""
        if self._file is not None:
            await self._file.settled()

    def _use(self, entries: dict[str, Entry]) -> None:
        self._take(entries)
        self._review()

    def _take(self, entries: dict[str, Entry]) -> None:
        found = [*_of_settings(self._settings.keys), *entries.values()]
        self._keys = {self._digest(one.api_key): one for one in found if one.api_key}

    def _digest(self, digest: str) -> bytes:
        return hmac.digest(self._secret, digest.encode(), "sha256")


def _of_settings(keys: Iterable[KeySettings]) -> Iterable[Entry]:
    for one in keys:
        digest = one.sha256 or hash_api_key(one.key.encode())
        yield Entry(one.name, one.tenant, attributes=one.attributes, disabled=one.disabled, api_key=digest)
