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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

from myna.formats.inventory import Unavailable
from myna.formats.password_hash import NOBODY, hash_password, is_password, is_weak

P = ParamSpec("P")
T = TypeVar("T")

REMEMBERED: Final = 10_000
MOST_WAITING: Final = 512  # that are checked or wait for it: some seconds of two threads


class Passwords:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")
        self._waiting = 0
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[str, bytes] = OrderedDict()  # stored hash -> digest of the password it is of

    async def hash(self, password: str) -> str:
        return await self._run(self.hash_now, password)

    def hash_now(self, password: str) -> str:
        """For whoever is on a thread of their own already."""
        return hash_password(password.encode("utf-8", "surrogatepass"))

    async def is_right(self, password: str, stored: str, salt: str | None) -> bool:
        digest = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")
        known = self._right.get(stored)
        if known is not None and hmac.compare_digest(known, digest):
            return True
        right = await self._run(_check, password, stored, salt)
        if right:
            self._right[stored] = digest
            if len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return right

    async def waste_time(self, password: str) -> None:
        """As long as a check takes, for a login that does not exist."""
        await self._run(_check, password, NOBODY, None)

    async def _run(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """On a thread. Raises Unavailable where so many wait that whoever comes now would wait for very long."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too many passwords wait to be checked")
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *given, **named))
        done.add_done_callback(self._count_off)  # not when nobody waits for it any more: it is worked on all the same
        return await asyncio.shield(done)

    def _count_off(self, done: object) -> None:
        self._waiting -= 1

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
