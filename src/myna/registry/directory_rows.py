"""Reading the whole directory out of the tables, at the start."""

from sqlalchemy import select
from sqlalchemy.engine import Connection

from myna.formats.directory import KINDS, Directory
from myna.registry.people import MEMBERS, PLACES
from myna.registry.tables import devices, users


def fill_directory(connection: Connection, directory: Directory) -> None:
    columns = (users.c.id, users.c.login, users.c.role, users.c.status, users.c.all_device_types)
    for person in connection.execute(select(*columns)):
        directory.put_person(*person)
    for kind in KINDS:
        for id, name in connection.execute(select(PLACES[kind].c.id, PLACES[kind].c.name)):
            directory.put_place(kind, id, name)
        for member in connection.execute(select(MEMBERS[kind])):
            directory.assign(member.user_id, kind, member.place_id)
    interned: dict[tuple[int, int], tuple[int, int]] = {}  # a million devices share a few pairs
    for id, *place in connection.execute(select(devices.c.id, devices.c.network_id, devices.c.device_type_id)):
        where = (place[0], place[1])
        directory.devices[id] = interned.setdefault(where, where)
