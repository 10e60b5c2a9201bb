"""How each thing looks in JSON: which members, in which order, null where there is nothing."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from myna.faces.devicehive.timestamps import format_time
from myna.formats.inventory import Command, Device, Notification, Place, Property, User

NULL: Final = Raw(b"null")


def json(text: str | None) -> Raw:
    return NULL if text is None else Raw(text.encode())


def time(ms: int | None) -> str | None:
    return None if ms is None else format_time(ms)


def device(held: Device) -> dict[str, Any]:
    return {
        "id": held.id,
        "name": held.name,
        "data": json(held.data),
        "networkId": held.network_id,
        "deviceTypeId": held.device_type_id,
        "isBlocked": held.is_blocked,
    }


def device_inside(held: Device) -> dict[str, Any]:
    """Within its network or device type."""
    return {"id": held.id, "name": held.name, "data": json(held.data), "isBlocked": held.is_blocked}


def place(held: Place) -> dict[str, Any]:
    return {"id": held.id, "name": held.name, "description": held.description}


def user(held: User) -> dict[str, Any]:
    return {
        "id": held.id,
        "login": held.login,
        "role": held.role,
        "status": held.status,
        "lastLogin": time(held.last_login),
        "data": json(held.data),
        "introReviewed": held.intro_reviewed,
        "allDeviceTypesAvailable": held.all_device_types,
    }


def property(held: Property) -> dict[str, Any]:
    return {"name": held.name, "value": held.value, "entityVersion": held.entity_version}


def command(held: Command) -> dict[str, Any]:
    return {
        "id": held.id,
        "command": held.command,
        "timestamp": format_time(held.timestamp),
        "lastUpdated": format_time(held.last_updated),
        "userId": held.user_id,
        "deviceId": held.device_id,
        "networkId": held.network_id,
        "deviceTypeId": held.device_type_id,
        "parameters": json(held.parameters),
        "lifetime": held.lifetime,
        "status": held.status,
        "result": json(held.result),
    }


def notification(held: Notification) -> dict[str, Any]:
    return {
        "id": held.id,
        "notification": held.notification,
        "deviceId": held.device_id,
        "networkId": held.network_id,
        "deviceTypeId": held.device_type_id,
        "timestamp": format_time(held.timestamp),
        "parameters": json(held.parameters),
    }


def device_text(held: Device) -> str:
    """As the parameters of a notification about it."""
    return msgspec.json.encode(device(held)).decode()
