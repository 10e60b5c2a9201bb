"""Hashes of people's passwords: argon2id, and the original server's salted SHA-256, which is only ever read.

Slow by design, so it runs on threads of its own. What a newcomer gets wrong: a password that was right a moment ago is
recognised by a keyed digest that lives in memory alone, or a hundred devices coming back at once would each cost
a twentieth of a second of hashing.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

REMEMBERED: Final = 10_000
NOBODY: Final = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXRoaW5nIHNhbHR5$QuD1X0kNslxWZnSUvXYyIxHn3gB4D0xXhPz1DEgUxNc"


class Passwords:
    def __init__(self) -> None:
        # The second of the sets of parameters that OWASP recommends: 19 MiB, two rounds, one lane.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[str, bytes] = OrderedDict()  # stored hash -> digest of the password it is of

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.hash_now, password)

    def hash_now(self, password: str) -> str:
        """For whoever is on a thread of their own already."""
        return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    async def is_right(self, password: str, stored: str, salt: str | None) -> bool:
        digest = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")
        known = self._right.get(stored)
        if known is not None and hmac.compare_digest(known, digest):
            return True
        right = await asyncio.get_running_loop().run_in_executor(self._threads, self._check, password, stored, salt)
        if right:
            self._right[stored] = digest
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return right

    async def waste_time(self, password: str) -> None:
        """As long as a check takes, for a login that does not exist."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._check, password, NOBODY, None)

    def is_weak(self, stored: str) -> bool:
        """It should be made anew now that the password is at hand."""
        return not stored.startswith("$argon2id$") or self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, stored: str, salt: str | None) -> bool:
        if not stored.startswith("$"):
            return hmac.compare_digest(original_hash(password, salt or ""), stored)
        try:
            return self._hasher.verify(stored, password.encode("utf-8", "surrogatepass"))
        except (Argon2Error, InvalidHashError):
            return False


def original_hash(password: str, salt: str) -> str:
    """As the original server keeps it: base64 of SHA-256 over salt and password."""
    return base64.b64encode(hashlib.sha256((salt + password).encode("utf-8", "surrogatepass")).digest()).decode()
