"""People's passwords, checked on threads: argon2id, and the original server's salted SHA-256, which is only ever read.

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

from myna.formats.password_hash import NOBODY, hash_password, is_password, is_weak

REMEMBERED: Final = 10_000


class Passwords:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[str, bytes] = OrderedDict()  # stored hash -> digest of the password it is of

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.hash_now, password)

    def hash_now(self, password: str) -> str:
        """For whoever is on a thread of their own already."""
        return hash_password(password.encode("utf-8", "surrogatepass"))

    async def is_right(self, password: str, stored: str, salt: str | None) -> bool:
        digest = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")
        known = self._right.get(stored)
        if known is not None and hmac.compare_digest(known, digest):
            return True
        right = await asyncio.get_running_loop().run_in_executor(self._threads, _check, password, stored, salt)
        if right:
            self._right[stored] = digest
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return right

    async def waste_time(self, password: str) -> None:
        """As long as a check takes, for a login that does not exist."""
        await asyncio.get_running_loop().run_in_executor(self._threads, _check, password, NOBODY, None)

    def is_weak(self, stored: str) -> bool:
        """It should be made anew now that the password is at hand."""
        return is_weak(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _check(password: str, stored: str, salt: str | None) -> bool:
    if not stored.startswith("$"):
        return hmac.compare_digest(original_hash(password, salt or ""), stored)
    return is_password(password.encode("utf-8", "surrogatepass"), stored)


def original_hash(password: str, salt: str) -> str:
    """As the original server keeps it: base64 of SHA-256 over salt and password."""
    return base64.b64encode(hashlib.sha256((salt + password).encode("utf-8", "surrogatepass")).digest()).decode()
