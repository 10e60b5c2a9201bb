"""Passwords as they are kept: argon2id for those that people choose, a salted HMAC for those that we have made.

    $argon2id$v=19$m=19456,t=2,p=1$salt$hash      slow by design (25 ms): never on the loop's thread
    HMAC-SHA-256$salt$digest                      at once: there is nothing to guess in 192 random bits

What a newcomer gets wrong: the second form is not weak. What makes hashes slow is that people's passwords can be
guessed; a generated secret cannot, so it is checked in a microsecond and a thousand devices come back at once.
"""

import base64
import binascii
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Iterable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

# What a check against nobody's password takes as long as one against somebody's.
NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXRoaW5nIHNhbHR5$QuD1X0kNslxWZnSUvXYyIxHn3gB4D0xXhPz1DEgUxNc"

# The second of the sets of parameters that OWASP recommends: 19 MiB, two rounds, one lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_ARGON2: Final = "$argon2id$"
_FORM: Final = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)(?:\$[A-Za-z0-9+/]+){2}", re.ASCII)
_COSTS: Final = (1024 * 1024, 64, 16)  # at most, of hashes that come from elsewhere: KiB, rounds, lanes
_OWN_COST: Final = "$argon2id$v=19$m=19456,t=2,p=1"
_SECRET: Final = "HMAC-SHA-256"
_SALT: Final = 16  # bytes


def hash_password(password: bytes) -> str:
    return _HASHER.hash(password)


def is_password(password: bytes, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def is_weak(stored: str) -> bool:
    """It should be made anew once the password is at hand."""
    return not stored.startswith(_ARGON2) or _HASHER.check_needs_rehash(stored)


def check_hash(stored: str) -> None:
    """Raises ValueError for what `is_password` could never find right."""
    form = _FORM.fullmatch(stored)
    if form is None:
        raise ValueError("this is no hash of argon2id")
    cost = zip(_COSTS, form.groups()[:3], strict=True)
    if any(len(value) > len(str(most)) or not 1 <= int(value) <= most for most, value in cost):
        raise ValueError(f"argon2id with more than {_COSTS[0]} KiB, {_COSTS[1]} rounds or {_COSTS[2]} lanes")


def strangers_hash(stored: Iterable[str]) -> str:
    """What fits nobody, and takes as long to check as most of these do."""
    costs = Counter(one.rpartition("$")[0].rpartition("$")[0] for one in stored)
    return NOBODY if not costs else costs.most_common(1)[0][0] + NOBODY.removeprefix(_OWN_COST)


def make_secret() -> str:
    """For a device: 192 random bits, 32 characters that need no quoting anywhere."""
    return secrets.token_urlsafe(24)


def hash_secret(secret: bytes) -> str:
    salt = secrets.token_bytes(_SALT)
    parts = (salt, hmac.digest(salt, secret, "sha256"))
    return "$".join((_SECRET, *(base64.b64encode(part).decode() for part in parts)))


def is_secret(secret: bytes, stored: str) -> bool:
    salt, digest = read_secret(stored)
    return hmac.compare_digest(hmac.digest(salt, secret, "sha256"), digest)


def read_secret(stored: str) -> tuple[bytes, bytes]:
    """Salt and digest. Raises ValueError."""
    kind, *parts = stored.split("$")
    if kind != _SECRET or len(parts) != 2:
        raise ValueError(f"this does not look like {_SECRET}$salt$digest")
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts)
    except binascii.Error:
        raise ValueError("salt or digest are no base64") from None
    if not salt or len(digest) != 32:
        raise ValueError("the salt is empty, or the digest has not 32 bytes")
    return salt, digest
