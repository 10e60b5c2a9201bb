"""User names and passwords of a file that `myna passwd` writes: sent with CONNECT or HTTP Basic, or proved by SCRAM.

    a generated secret        checked at once
    a person's password       argon2id on a thread; once right, recognised at once until the entry changes
    the method SCRAM-SHA-256  by AUTH packets, at once: see `scram`

What a newcomer gets wrong: whoever is refused has waited for one argon2id, whatever was wrong. An unknown name is "not
mine", for another authenticator may know it; but where none does, it is refused in the words and time of a wrong
password, so that nobody finds out which names there are.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Final

from msgspec import Meta, Struct

from myna.access.authenticator import AccessContext, Answer, Authenticator
from myna.access.hashing import Busy, Hashing
from myna.access.open import TENANT
from myna.access.revocation import let_in
from myna.access.scram import METHOD, Provers, Scram
from myna.access.watched_file import WatchedFile
from myna.core.hosts import counted_by
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Unclaimed
from myna.formats.password_file import Entry, is_right, read_password_file
from myna.formats.password_hash import is_password, is_secret, strangers_hash
from myna.wire import reasons

NAME: Final = "passwords"
REMEMBERED: Final = 10_000  # passwords that were right

WRONG: Final = Refusal(reasons.BAD_USER_NAME_OR_PASSWORD, "wrong user name or password")
BUSY: Final = Refusal(reasons.SERVER_BUSY, "too many passwords wait to be checked: come again in a few seconds")
GONE: Final = Refusal(reasons.NOT_AUTHORIZED, "this user is no longer known")
CHANGED: Final = Refusal(reasons.NOT_AUTHORIZED, "the password has been changed: connect again with the new one")
DISABLED: Final = Refusal(reasons.BANNED, "this user is disabled")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    file: str  # made by `myna passwd`
    tenant: str = TENANT  # of users whose entry names none
    client_ids_per_user: bool = True  # … and whether nobody else of the tenant may use their client ids
    scram: bool = True  # admit who proves a password by SCRAM-SHA-256
    hash_threads: Annotated[int, Meta(ge=1, le=64)] = 2  # people's passwords that are checked at once
    hash_queue: Annotated[int, Meta(ge=1)] = 256  # … and that may wait; beyond, newcomers are told to come again


class Passwords(Authenticator):
    SETTINGS = Settings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        self._settings = settings
        self._review = context.review
        self._right = _Right()
        self._scram = Scram(context.secret("scram-strangers").encode(), context.broker.logins, self._admit, WRONG)
        hint = f"make it by `myna passwd -f {settings.file} add NAME`"
        self._file = WatchedFile(settings.file, _Users.read, self._use, hint)
        self._take(self._file.value)
        self._hashing = Hashing(settings.hash_threads, settings.hash_queue)

    @classmethod
    def describe(cls, settings: Struct) -> str:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        how = f"password or {METHOD}" if settings.scram else "password"
        return f"users of {settings.file}, by {how}; of tenant {settings.tenant} unless their entry names one"

    def judge(self, ticket: Ticket, now: float) -> Answer:
        if ticket.method is not None:
            return self._scram.judge(ticket, now) if ticket.method == METHOD and self._settings.scram else None
        name, password = ticket.user_name, ticket.password
        if not name:
            return None
        entry = self._users.get(name)
        if password is None:  # nobody behind us may take a known name without its password
            return WRONG if entry is not None else Unclaimed(lambda: WRONG)
        host = counted_by(ticket.peer.address)
        if entry is None:
            return Unclaimed(partial(self._waste_time, password, host))
        if is_secret(password, entry.secret) if entry.secret else self._right.holds(_stored(entry), password):
            return self._admit(entry)
        return self._check(entry, password, host)

    def again(self, shown: object) -> Identity | Refusal | None:
        assert isinstance(shown, Entry)  # that is what it lets in by
        entry = self._users.get(shown.name)
        if entry is None:
            return GONE
        if (entry.secret, entry.argon2, entry.scram) != (shown.secret, shown.argon2, shown.scram):
            return CHANGED
        return self._admit(entry)

    def tick(self, now: float) -> None:
        self._file.tick()

    def close(self) -> None:
        self._file.close()
        self._hashing.close()

    async def settled(self) -> None:
        """A change of the file that `tick` has seen is in force, or refused."""
        await self._file.settled()

    def _use(self, users: "_Users") -> None:
        self._take(users)
        self._review()

    def _take(self, users: "_Users") -> None:
        self._users = users.by_name
        self._stranger = users.stranger
        self._right.keep(users.stored)
        self._scram.use(users.provers)

    def _admit(self, entry: Entry) -> Identity | Refusal:
        if entry.disabled:
            return DISABLED
        settings = self._settings
        per_user = entry.client_ids == "user" if entry.client_ids else settings.client_ids_per_user
        identity = Identity(
            entry.tenant or settings.tenant,
            entry.user or entry.name,
            client_ids_per_user=per_user,
            attributes=dict(entry.attributes),
        )
        return let_in(identity, NAME, entry)

    async def _check(self, entry: Entry, password: bytes, host: str) -> Identity | Refusal:
        if entry.secret:
            return await self._waste_time(password, host)
        try:
            right = await self._hashing.run(host, partial(is_right, entry, password))
        except Busy:
            return BUSY
        if not right or self._users.get(entry.name) != entry:  # it may have changed meanwhile
            return WRONG
        self._right.remember(_stored(entry), password)
        return self._admit(entry)

    async def _waste_time(self, password: bytes, host: str) -> Refusal:
        try:
            await self._hashing.run(host, partial(is_password, password, self._stranger))
        except Busy:
            return BUSY
        return WRONG


class _Users:
    """A password file, made ready on the thread that reads it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.by_name = {entry.name: entry for entry in entries if _stored(entry)}
        self.stored = {_stored(entry) for entry in self.by_name.values()}
        self.provers = Provers(self.by_name.values())
        self.stranger = strangers_hash(entry.argon2 for entry in self.by_name.values() if entry.argon2)

    @classmethod
    def read(cls, data: bytes) -> "_Users":
        return cls(read_password_file(data).values())


class _Right:
    """Passwords that were right, as digests under a key that ends with the process, by what is stored of them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._digests: OrderedDict[str, bytes] = OrderedDict()

    def holds(self, stored: str, password: bytes) -> bool:
        digest = self._digests.get(stored)
        if digest is None or not hmac.compare_digest(digest, hmac.digest(self._key, password, "sha256")):
            return False
        self._digests.move_to_end(stored)
        return True

    def remember(self, stored: str, password: bytes) -> None:
        self._digests[stored] = hmac.digest(self._key, password, "sha256")
        if len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)

    def keep(self, stored: set[str]) -> None:
        """Forget those of entries that are gone or changed."""
        for one in [one for one in self._digests if one not in stored]:
            del self._digests[one]


def _stored(entry: Entry) -> str:
    """What a password is checked against."""
    return entry.secret or entry.argon2 or entry.scram
