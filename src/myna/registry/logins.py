"""Logging in, as far as it is SQL: the stored hash, and what a right or a wrong password changes."""

from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from myna.formats.inventory import LOCKED
from myna.registry.tables import users


class Stored(Struct, frozen=True):
    """What is kept of a user's password, and the state of the account."""

    id: int
    status: int
    hash: str
    salt: str | None
    attempts: int


def find_login(connection: Connection, login: str) -> Stored | None:
    statement = select(
        users.c.id, users.c.status, users.c.password_hash, users.c.password_salt, users.c.login_attempts
    ).where(users.c.login == login)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Stored(*row)


def count_failure(connection: Connection, id: int, allowed: int) -> bool:
    """One more wrong password; True if that has locked the account."""
    attempts = connection.execute(select(users.c.login_attempts).where(users.c.id == id)).scalar_one_or_none()
    if attempts is None:
        return False
    locks = bool(attempts + 1 >= allowed)
    changes = {"login_attempts": 0, "status": LOCKED} if locks else {"login_attempts": attempts + 1}
    connection.execute(update(users).where(users.c.id == id).values(**changes))
    return locks


def forget_failures(connection: Connection, id: int) -> None:
    connection.execute(update(users).where(users.c.id == id, users.c.login_attempts > 0).values(login_attempts=0))


def note_login(connection: Connection, id: int, now: int, unless_since: int) -> None:
    """Remember when, unless that was a moment ago."""
    is_old = users.c.last_login.is_(None) | (users.c.last_login < unless_since)
    connection.execute(update(users).where(users.c.id == id, is_old).values(last_login=now))


def renew_hash(connection: Connection, id: int, before: str, hash: str) -> None:
    """A stronger hash of the same password, unless that has been changed meanwhile."""
    condition = (users.c.id == id) & (users.c.password_hash == before)
    connection.execute(update(users).where(condition).values(password_hash=hash, password_salt=None))
