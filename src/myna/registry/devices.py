"""Devices in SQL."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from myna.formats.inventory import Device, DeviceQuery, Page
from myna.registry.pages import FARTHEST, LARGEST_PAGE, is_among, is_empty
from myna.registry.tables import devices, networks

_columns: Final = (
    devices.c.id,
    devices.c.name,
    devices.c.data,
    devices.c.network_id,
    devices.c.device_type_id,
    devices.c.is_blocked,
)
_SORTED: Final = {"name": devices.c.name, "network": networks.c.name}


def find_device(connection: Connection, id: str) -> Device | None:
    row = connection.execute(select(*_columns).where(devices.c.id == id)).one_or_none()
    return None if row is None else Device(*row)


def list_devices(connection: Connection, query: DeviceQuery, page: Page) -> list[Device]:
    """By id unless asked otherwise; the network's name can be asked for, too."""
    if is_empty(page):
        return []
    column = _SORTED.get(page.sort or "")
    statement = _narrowed(select(*_columns), query, joined=column is networks.c.name)
    if column is not None:
        statement = statement.order_by(column.desc() if page.descending else column.asc())
    last = devices.c.id.desc() if column is not None and page.descending else devices.c.id.asc()
    statement = statement.order_by(last).limit(min(page.take, LARGEST_PAGE)).offset(min(page.skip, FARTHEST))
    return [Device(*row) for row in connection.execute(statement)]


def count_devices(connection: Connection, query: DeviceQuery) -> int:
    count: int = connection.execute(_narrowed(select(func.count(devices.c.id)), query)).scalar_one()
    return count


def save_device(connection: Connection, device: Device) -> bool:
    """Insert or replace; True if it is new."""
    values = {
        "name": device.name,
        "data": device.data,
        "network_id": device.network_id,
        "device_type_id": device.device_type_id,
        "is_blocked": device.is_blocked,
    }
    if connection.execute(update(devices).where(devices.c.id == device.id).values(**values)).rowcount:
        return False
    connection.execute(insert(devices).values(id=device.id, **values))
    return True


def delete_device(connection: Connection, id: str) -> bool:
    return connection.execute(delete(devices).where(devices.c.id == id)).rowcount > 0


def _narrowed(statement: Select[Any], query: DeviceQuery, *, joined: bool = False) -> Select[Any]:
    if joined or query.network_name is not None:
        statement = statement.join(networks, networks.c.id == devices.c.network_id)
    conditions: list[ColumnElement[bool]] = []
    if query.name is not None:
        conditions.append(devices.c.name == query.name)
    if query.name_pattern is not None:
        conditions.append(devices.c.name.like(query.name_pattern))
    if query.network_id is not None:
        conditions.append(devices.c.network_id == query.network_id)
    if query.network_name is not None:
        conditions.append(networks.c.name == query.network_name)
    if query.device_type_id is not None:
        conditions.append(devices.c.device_type_id == query.device_type_id)
    if query.networks is not None:
        conditions.append(is_among(devices.c.network_id, query.networks))
    if query.device_types is not None:
        conditions.append(is_among(devices.c.device_type_id, query.device_types))
    return statement.where(*conditions)
