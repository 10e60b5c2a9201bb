"""Commands and notifications in SQL: read by device, changed while they last, dropped when their time has passed.

What a newcomer gets wrong: rows that have expired are gone for every reader at once, though it is the sweep that
deletes them, a part at a time, so that the writer is never long away.
"""

from typing import Any, Final

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Select, Table, delete, select, update
from sqlalchemy.engine import Connection

from myna.formats.inventory import Command, HistoryQuery, Notification, Page
from myna.registry.pages import in_page, is_among, is_empty
from myna.registry.tables import commands, notifications

SWEPT_AT_ONCE: Final = 5_000

_command_columns: Final = [commands.c[name] for name in Command.__struct_fields__]
_notification_columns: Final = [notifications.c[name] for name in Notification.__struct_fields__]


def command_row(command: Command, expires_at: int) -> dict[str, Any]:
    row = asdict(command)
    row["expires_at"] = expires_at
    return row


def notification_row(notification: Notification, expires_at: int) -> dict[str, Any]:
    return {
        "id": notification.id,
        "notification": notification.notification,
        "device_id": notification.device_id,
        "network_id": notification.network_id,
        "device_type_id": notification.device_type_id,
        "timestamp": notification.timestamp,
        "parameters": notification.parameters,
        "expires_at": expires_at,
    }


def find_command(connection: Connection, device_id: str, id: int, now: int) -> Command | None:
    conditions = (commands.c.device_id == device_id, commands.c.id == id, commands.c.expires_at > now)
    row = connection.execute(select(*_command_columns).where(*conditions)).one_or_none()
    return None if row is None else Command(*row)


def find_notification(connection: Connection, device_id: str, id: int, now: int) -> Notification | None:
    table = notifications
    conditions = (table.c.device_id == device_id, table.c.id == id, table.c.expires_at > now)
    row = connection.execute(select(*_notification_columns).where(*conditions)).one_or_none()
    return None if row is None else Notification(*row)


def list_commands(connection: Connection, query: HistoryQuery, page: Page, now: int) -> list[Command]:
    if is_empty(page):
        return []
    statement = _narrowed(select(*_command_columns), commands, query, commands.c.command, now)
    if query.status is not None:
        statement = statement.where(commands.c.status == query.status)
    if query.only_updated:
        statement = statement.where(commands.c.is_updated)
    statement = in_page(statement, page, commands.c.row, commands.c)
    return [Command(*row) for row in connection.execute(statement)]


def list_notifications(connection: Connection, query: HistoryQuery, page: Page, now: int) -> list[Notification]:
    if is_empty(page):
        return []
    statement = _narrowed(select(*_notification_columns), notifications, query, notifications.c.notification, now)
    statement = in_page(statement, page, notifications.c.row, notifications.c)
    return [Notification(*row) for row in connection.execute(statement)]


def update_command(
    connection: Connection, device_id: str, id: int, changes: dict[str, Any], now: int, expires_at: int
) -> Command | None:
    """Change what is given and nothing else; its time starts anew. None if there is no such command any more."""
    conditions = (commands.c.device_id == device_id, commands.c.id == id, commands.c.expires_at > now)
    values = {**changes, "last_updated": now, "is_updated": True, "expires_at": expires_at}
    if connection.execute(update(commands).where(*conditions).values(**values)).rowcount == 0:
        return None
    return find_command(connection, device_id, id, now)


def sweep(connection: Connection, now: int) -> bool:
    """Delete some of what has expired: is there more?"""
    more = False
    for table in (commands, notifications):
        expired = select(table.c.row).where(table.c.expires_at <= now).order_by(table.c.expires_at).limit(SWEPT_AT_ONCE)
        gone = connection.execute(delete(table).where(table.c.row.in_(expired.scalar_subquery()))).rowcount
        more = more or gone >= SWEPT_AT_ONCE
    return more


def forget_device(connection: Connection, device_id: str) -> None:
    """What was said to and by a device that is gone; a new one of the same name starts afresh."""
    for table in (commands, notifications):
        connection.execute(delete(table).where(table.c.device_id == device_id))


def _narrowed(
    statement: Select[Any], table: Table, query: HistoryQuery, name: ColumnElement[str], now: int
) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [table.c.expires_at > now]
    if query.devices is not None:
        conditions.append(is_among(table.c.device_id, query.devices))
    if query.names is not None:
        conditions.append(is_among(name, query.names))
    if query.networks is not None:
        conditions.append(is_among(table.c.network_id, query.networks))
    if query.device_types is not None:
        conditions.append(is_among(table.c.device_type_id, query.device_types))
    if query.start is not None:
        conditions.append(table.c.timestamp >= query.start)
    if query.end is not None:
        conditions.append(table.c.timestamp <= query.end)
    return statement.where(*conditions)
