"""A registry written out and read in: JSON, one thing a line, in an order in which it can be read back.

    {"kind":"network","id":1,"name":"Sample Network","description":…}
    {"kind":"user","id":1,"login":"dhadmin","passwordHash":"…","networks":[1],"deviceTypes":[1],…}

Commands and notifications stay behind: they last minutes. What a newcomer gets wrong: hashes travel as they are, those
of the original with their salt, so that a dump of its tables, put into this form, brings everybody's password along.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Engine, Table, delete, insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from myna.formats.inventory import DEVICE_TYPE, NETWORK
from myna.registry.database import migrate, open_database
from myna.registry.errors import RegistryError
from myna.registry.people import MEMBERS
from myna.registry.tables import (
    commands,
    configuration,
    device_types,
    devices,
    networks,
    notifications,
    user_device_types,
    user_networks,
    users,
)


class NetworkLine(Struct, tag_field="kind", tag="network", rename="camel", forbid_unknown_fields=True):
    id: int
    name: str
    description: str | None = None


class DeviceTypeLine(Struct, tag_field="kind", tag="deviceType", rename="camel", forbid_unknown_fields=True):
    id: int
    name: str
    description: str | None = None


class UserLine(Struct, tag_field="kind", tag="user", rename="camel", forbid_unknown_fields=True):
    id: int
    login: str
    password_hash: str
    role: int
    status: int = 0
    password_salt: str | None = None
    last_login: int | None = None
    data: Raw = Raw(b"null")
    intro_reviewed: bool = False
    all_device_types: bool = True
    networks: list[int] = []
    device_types: list[int] = []


class DeviceLine(Struct, tag_field="kind", tag="device", rename="camel", forbid_unknown_fields=True):
    id: str
    name: str
    network_id: int
    device_type_id: int
    data: Raw = Raw(b"null")
    is_blocked: bool = False


class PropertyLine(Struct, tag_field="kind", tag="configuration", rename="camel", forbid_unknown_fields=True):
    name: str
    value: str
    entity_version: int = 0


Line = NetworkLine | DeviceTypeLine | UserLine | DeviceLine | PropertyLine

NUMBERED: Final = (users, networks, device_types)
EMPTIED: Final = (
    commands,
    notifications,
    configuration,
    devices,
    user_device_types,
    user_networks,
    users,
    device_types,
    networks,
)

_decoder: Final = msgspec.json.Decoder(Line)


def export_lines(url: str) -> Iterator[bytes]:
    """The whole registry, line by line."""
    engine = _open(url)
    try:
        with engine.connect() as connection:
            for line in _lines(connection):
                yield msgspec.json.encode(line)
    finally:
        engine.dispose()


def import_lines(url: str, lines: Iterable[bytes], *, replace: bool = False) -> int:
    """Read a registry in, all of it or nothing: how many things. One that holds anything must be replaced in so many
    words."""
    engine = _open(url)
    try:
        with engine.begin() as connection:
            if replace:
                for table in EMPTIED:
                    connection.execute(delete(table))
            elif connection.execute(select(users.c.id).limit(1)).one_or_none() is not None:
                raise RegistryError("it holds something already; --replace puts the file in its place")
            count = _read_in(connection, lines)
            _go_on_counting(connection)
            return count
    except SQLAlchemyError as error:
        raise RegistryError(str(getattr(error, "orig", None) or error)) from error
    finally:
        engine.dispose()


def _open(url: str) -> Engine:
    engine = open_database(url)
    migrate(engine)
    return engine


def _lines(connection: Connection) -> Iterator[Line]:
    for row in connection.execute(select(networks).order_by(networks.c.id)):
        yield NetworkLine(row.id, row.name, row.description)
    for row in connection.execute(select(device_types).order_by(device_types.c.id)):
        yield DeviceTypeLine(row.id, row.name, row.description)
    for row in connection.execute(select(users).order_by(users.c.id)).all():
        yield UserLine(
            row.id,
            row.login,
            row.password_hash,
            row.role,
            row.status,
            row.password_salt,
            row.last_login,
            _raw(row.data),
            row.intro_reviewed,
            row.all_device_types,
            _members(connection, MEMBERS[NETWORK], row.id),
            _members(connection, MEMBERS[DEVICE_TYPE], row.id),
        )
    for row in connection.execute(select(devices).order_by(devices.c.id)):
        yield DeviceLine(row.id, row.name, row.network_id, row.device_type_id, _raw(row.data), row.is_blocked)
    for row in connection.execute(select(configuration).order_by(configuration.c.name)):
        yield PropertyLine(row.name, row.value, row.entity_version)


def _members(connection: Connection, table: Table, user_id: int) -> list[int]:
    return sorted(connection.execute(select(table.c.place_id).where(table.c.user_id == user_id)).scalars())


def _read_in(connection: Connection, lines: Iterable[bytes]) -> int:
    count = 0
    for number, text_line in enumerate(lines, 1):
        if not text_line.strip():
            continue
        try:
            line = _decoder.decode(text_line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RegistryError(f"line {number}: {error}") from None
        try:
            _insert(connection, line)
        except SQLAlchemyError as error:
            raise RegistryError(f"line {number}: {getattr(error, 'orig', None) or error}") from error
        count += 1
    return count


def _insert(connection: Connection, line: Line) -> None:
    values: dict[str, Any] = msgspec.structs.asdict(line)
    if isinstance(line, UserLine | DeviceLine):
        values["data"] = _text(line.data)
    if isinstance(line, UserLine):
        assigned = ((MEMBERS[NETWORK], values.pop("networks")), (MEMBERS[DEVICE_TYPE], values.pop("device_types")))
        connection.execute(insert(users).values(login_attempts=0, **values))
        for table, places in assigned:
            for place in places:
                connection.execute(insert(table).values(user_id=line.id, place_id=place))
    elif isinstance(line, NetworkLine):
        connection.execute(insert(networks).values(**values))
    elif isinstance(line, DeviceTypeLine):
        connection.execute(insert(device_types).values(**values))
    elif isinstance(line, DeviceLine):
        connection.execute(insert(devices).values(**values))
    else:
        connection.execute(insert(configuration).values(**values))


def _go_on_counting(connection: Connection) -> None:
    """PostgreSQL must be told where ids that were given by hand have come to; SQLite sees for itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in NUMBERED:
        name = table.name
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), GREATEST(1, (SELECT MAX(id) FROM {name})))")
        )


def _raw(data: str | None) -> Raw:
    return Raw(b"null" if data is None else data.encode())


def _text(data: Raw) -> str | None:
    held = bytes(data).decode()
    return None if held == "null" else held
