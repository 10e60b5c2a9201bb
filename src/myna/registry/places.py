"""Networks and device types in SQL. They are alike in all but name."""

from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from myna.formats.inventory import NETWORK, Kind, Page, Place, PlaceQuery
from myna.registry.pages import in_page, is_among, is_empty
from myna.registry.people import PLACES
from myna.registry.tables import devices


def find_place(connection: Connection, kind: Kind, id: int) -> Place | None:
    table = PLACES[kind]
    row = connection.execute(select(table).where(table.c.id == id)).one_or_none()
    return None if row is None else Place(row.id, row.name, row.description)


def list_places(connection: Connection, kind: Kind, query: PlaceQuery, page: Page) -> list[Place]:
    if is_empty(page):
        return []
    table = PLACES[kind]
    statement = in_page(select(table).where(*_conditions(table, query)), page, table.c.id, table.c)
    return [Place(row.id, row.name, row.description) for row in connection.execute(statement)]


def count_places(connection: Connection, kind: Kind, query: PlaceQuery) -> int:
    table = PLACES[kind]
    return connection.execute(select(func.count()).select_from(table).where(*_conditions(table, query))).scalar_one()


def insert_place(connection: Connection, kind: Kind, name: str, description: str | None) -> Place:
    key = connection.execute(insert(PLACES[kind]).values(name=name, description=description)).inserted_primary_key
    assert key is not None
    return Place(key[0], name, description)


def update_place(connection: Connection, kind: Kind, id: int, changes: dict[str, Any]) -> Place | None:
    table = PLACES[kind]
    if changes:
        connection.execute(update(table).where(table.c.id == id).values(**changes))
    return find_place(connection, kind, id)


def delete_place(connection: Connection, kind: Kind, id: int, force: bool) -> list[str]:
    """Remove it, with its devices if forced; otherwise the devices inside, if any, and it stays."""
    column = devices.c.network_id if kind == NETWORK else devices.c.device_type_id
    inside = list(connection.execute(select(devices.c.id).where(column == id).order_by(devices.c.id)).scalars())
    if inside and not force:
        return inside
    connection.execute(delete(devices).where(column == id))
    table = PLACES[kind]
    connection.execute(delete(table).where(table.c.id == id))
    return []


def _conditions(table: Table, query: PlaceQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.name is not None:
        conditions.append(table.c.name == query.name)
    if query.name_pattern is not None:
        conditions.append(table.c.name.like(query.name_pattern))
    if query.among is not None:
        conditions.append(is_among(table.c.id, query.among))
    return conditions
