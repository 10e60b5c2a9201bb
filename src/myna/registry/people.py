"""Users in SQL: finding, changing, and which places they are let into. Passwords only pass through, hashed."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from myna.formats.inventory import DEVICE_TYPE, NETWORK, Conflict, Kind, Page, Place, User, UserQuery
from myna.registry.pages import in_page, is_empty
from myna.registry.tables import device_types, networks, user_device_types, user_networks, users

PLACES: Final[dict[Kind, Table]] = {NETWORK: networks, DEVICE_TYPE: device_types}
MEMBERS: Final[dict[Kind, Table]] = {NETWORK: user_networks, DEVICE_TYPE: user_device_types}

_columns: Final = (
    users.c.id,
    users.c.login,
    users.c.role,
    users.c.status,
    users.c.last_login,
    users.c.data,
    users.c.intro_reviewed,
    users.c.all_device_types,
)


def find_user(connection: Connection, id: int) -> User | None:
    row = connection.execute(select(*_columns).where(users.c.id == id)).one_or_none()
    return None if row is None else User(*row)


def list_users(connection: Connection, query: UserQuery, page: Page) -> list[User]:
    if is_empty(page):
        return []
    statement = in_page(select(*_columns).where(*_conditions(query)), page, users.c.id, users.c)
    return [User(*row) for row in connection.execute(statement)]


def count_users(connection: Connection, query: UserQuery) -> int:
    return connection.execute(select(func.count()).select_from(users).where(*_conditions(query))).scalar_one()


def insert_user(connection: Connection, values: dict[str, Any]) -> User:
    id = connection.execute(insert(users).values(login_attempts=0, **values)).inserted_primary_key
    assert id is not None
    user = find_user(connection, id[0])
    assert user is not None  # it is in this very transaction
    return user


def update_user(connection: Connection, id: int, changes: dict[str, Any]) -> User | None:
    if changes:
        connection.execute(update(users).where(users.c.id == id).values(**changes))
    return find_user(connection, id)


def delete_user(connection: Connection, id: int) -> bool:
    return connection.execute(delete(users).where(users.c.id == id)).rowcount > 0


def places_of(connection: Connection, kind: Kind, user_id: int) -> list[Place]:
    """The networks or device types a user has been assigned, by id."""
    members, places = MEMBERS[kind], PLACES[kind]
    statement = (
        select(places)
        .join(members, members.c.place_id == places.c.id)
        .where(members.c.user_id == user_id)
        .order_by(places.c.id)
    )
    return [Place(row.id, row.name, row.description) for row in connection.execute(statement)]


def assign(connection: Connection, kind: Kind, user_id: int, place_id: int) -> None:
    """Let a user in; doing it twice changes nothing."""
    members = MEMBERS[kind]
    known = select(members.c.user_id).where(members.c.user_id == user_id, members.c.place_id == place_id)
    if connection.execute(known).one_or_none() is None:
        connection.execute(insert(members).values(user_id=user_id, place_id=place_id))


def unassign(connection: Connection, kind: Kind, user_id: int, place_id: int) -> None:
    members = MEMBERS[kind]
    connection.execute(delete(members).where(members.c.user_id == user_id, members.c.place_id == place_id))


def set_all_device_types(connection: Connection, user_id: int, allowed: bool) -> None:
    """All device types, or only assigned ones. Allowing all forgets the assignments."""
    if allowed:
        connection.execute(delete(user_device_types).where(user_device_types.c.user_id == user_id))
    changed = connection.execute(update(users).where(users.c.id == user_id).values(all_device_types=allowed))
    if changed.rowcount == 0:
        raise Conflict("the user is gone")


def _conditions(query: UserQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.login is not None:
        conditions.append(users.c.login == query.login)
    if query.login_pattern is not None:
        conditions.append(users.c.login.like(query.login_pattern))
    if query.role is not None:
        conditions.append(users.c.role == query.role)
    if query.status is not None:
        conditions.append(users.c.status == query.status)
    return conditions
