"""Who logs in: checks a password off the loop, counts what fails, locks, renews weak hashes, notes who came.

What a newcomer gets wrong: an account that is locked answers so before its password is looked at; otherwise the lock
would still let somebody try passwords.
"""

import asyncio
import logging
from typing import Final

from myna.formats.directory import Directory
from myna.formats.inventory import (
    ACTIVE,
    ADMITTED,
    LOCKED,
    NOT_ACTIVE,
    UNKNOWN_LOGIN,
    WRONG_PASSWORD,
    LoginResult,
    Property,
)
from myna.registry import logins
from myna.registry.passwords import Passwords
from myna.registry.threads import Threads

log = logging.getLogger("myna.registry")

MOST_ATTEMPTS: Final = ("user.login.maxAttempts", 10)
NOTED_AGAIN_AFTER: Final = ("user.login.lastTimeout", 1000)  # ms


class Doorkeeper:
    def __init__(
        self, threads: Threads, passwords: Passwords, directory: Directory, properties: dict[str, Property]
    ) -> None:
        self._threads = threads
        self._passwords = passwords
        self._directory = directory
        self._properties = properties
        self._noted: dict[int, int] = {}

    async def login(self, login: str, password: str) -> LoginResult:
        stored = await self._threads.read(logins.find_login, login)
        if stored is None:
            await self._passwords.waste_time(password)
            return LoginResult(UNKNOWN_LOGIN)
        if stored.status != ACTIVE:
            return LoginResult(NOT_ACTIVE, stored.id)
        if not await self._passwords.is_right(password, stored.hash, stored.salt):
            await self._count_failure(stored.id)
            return LoginResult(WRONG_PASSWORD, stored.id)
        if stored.attempts:
            await self._threads.write(logins.forget_failures, stored.id)
        if self._passwords.is_weak(stored.hash):
            renewed = await self._passwords.hash(password)
            await self._threads.write(logins.renew_hash, stored.id, stored.hash, renewed)
        return LoginResult(ADMITTED, stored.id)

    def note_login(self, user_id: int, now: int) -> None:
        since = now - self._number(NOTED_AGAIN_AFTER)
        if self._noted.get(user_id, 0) >= since:
            return
        self._noted[user_id] = now
        self._threads.write(logins.note_login, user_id, now, since).add_done_callback(_noted)

    async def _count_failure(self, user_id: int) -> None:
        def known(locked: bool) -> None:
            person = self._directory.people.get(user_id)
            if locked and person is not None:
                self._directory.put_person(person.id, person.login, person.role, LOCKED, person.all_device_types)

        await self._threads.write(logins.count_failure, user_id, self._number(MOST_ATTEMPTS), then=known)

    def _number(self, setting: tuple[str, int]) -> int:
        held = self._properties.get(setting[0])
        return int(held.value) if held is not None and held.value.isdecimal() else setting[1]


def _noted(future: "asyncio.Future[None]") -> None:
    """Nobody waits for it; but a failure is not passed over."""
    if not future.cancelled() and future.exception() is not None:
        log.warning("a last login was not noted: %s", future.exception())
