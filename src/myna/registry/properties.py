"""Named settings in SQL; each change raises the version that clients see."""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from myna.formats.inventory import Property
from myna.registry.tables import configuration


def find_property(connection: Connection, name: str) -> Property | None:
    row = connection.execute(select(configuration).where(configuration.c.name == name)).one_or_none()
    return None if row is None else Property(*row)


def all_properties(connection: Connection) -> list[Property]:
    return [Property(*row) for row in connection.execute(select(configuration))]


def put_property(connection: Connection, name: str, value: str) -> Property:
    held = find_property(connection, name)
    if held is None:
        connection.execute(insert(configuration).values(name=name, value=value, entity_version=0))
        return Property(name, value, 0)
    version = held.entity_version + 1
    changed = update(configuration).where(configuration.c.name == name)
    connection.execute(changed.values(value=value, entity_version=version))
    return Property(name, value, version)


def delete_property(connection: Connection, name: str) -> bool:
    return connection.execute(delete(configuration).where(configuration.c.name == name)).rowcount > 0
