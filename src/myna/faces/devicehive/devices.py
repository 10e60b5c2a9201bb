"""device/get, list, count, save, delete.

What a newcomer gets wrong: `device/save` replaces `data` whole, absent or not, while every other member changes only
when it is there; and who saves a device without saying where gets it into the first network assigned to them.
"""

import re
from typing import Final

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.notifications import announce
from myna.faces.devicehive.parameters import Parameters
from myna.formats.inventory import DEVICE_TYPE, NETWORK, Device, DeviceQuery

ADDED: Final = "$device-add"
UPDATED: Final = "$device-update"
SORTABLE: Final = {"name": "name", "network": "network", "status": "id"}  # a status is what devices once had
ID: Final = re.compile(r"[a-zA-Z0-9-]+")


async def get(desk: Desk, call: Call) -> Members:
    id = desk.device_id(call)
    held = await desk.inventory.device(id)
    if held is None:
        raise Refused(404, texts.DEVICE_UNKNOWN % id)
    return {"device": projections.device(held)}


async def list_devices(desk: Desk, call: Call) -> Members:
    page = desk.read_page(call.request, SORTABLE)
    if desk.allowed.sees_nothing(call.who()):
        return {"devices": []}
    held = await desk.inventory.devices(_read_query(desk, call), page)
    return {"devices": [projections.device(device) for device in held]}


async def count(desk: Desk, call: Call) -> Members:
    if desk.allowed.sees_nothing(call.who()):
        return {"count": 0}
    return {"count": await desk.inventory.count_devices(_read_query(desk, call))}


async def save(desk: Desk, call: Call) -> Members:
    id = call.request.text("deviceId")
    if not id:
        raise Refused(400, texts.DEVICE_ID_EMPTY)
    if ID.fullmatch(id) is None:
        raise Refused(400, texts.DEVICE_ID_CHARACTERS)
    given = call.request.object("device")
    if given is None:
        raise Refused(400, texts.DEVICE_EMPTY)
    held = await desk.inventory.device(id)
    if held is not None and not desk.allowed.may_place(call.who(), NETWORK, held.network_id):
        raise Refused(403, texts.NO_DEVICE)
    network = _choose_network(desk, call, given, held)
    device_type = _choose_type(desk, call, given, held)
    device = _check(id, given, held, network, device_type)
    is_new = await desk.inventory.save_device(device)
    await announce(desk, device, ADDED if is_new else UPDATED, projections.device_text(device))
    return {}


async def delete(desk: Desk, call: Call) -> Members:
    id = desk.device_id(call)
    await desk.inventory.delete_device(id)
    desk.subscriptions.forget_device(id)
    return {}


def _read_query(desk: Desk, call: Call) -> DeviceQuery:
    request = call.request
    return DeviceQuery(
        request.text("name"),
        request.text("namePattern"),
        request.integer("networkId"),
        request.text("networkName"),
        None,
        desk.allowed.visible(call.who(), NETWORK),
        desk.allowed.visible(call.who(), DEVICE_TYPE),
    )


def _choose_network(desk: Desk, call: Call, given: Parameters, held: Device | None) -> int:
    asked = given.integer("networkId")
    if asked is not None:
        if asked not in desk.directory.networks.by_id:
            raise Refused(400, texts.INVALID_PARAMETERS)
        if not desk.allowed.may_place(call.who(), NETWORK, asked):
            raise Refused(403, texts.NO_NETWORK)
        return asked
    if held is not None:
        return held.network_id
    person = desk.allowed.person(call.who())
    assigned = sorted(person.networks) if person is not None else []
    for id in assigned:
        if desk.allowed.may_place(call.who(), NETWORK, id):
            return id
    raise Refused(403, texts.NO_NETWORK)


def _choose_type(desk: Desk, call: Call, given: Parameters, held: Device | None) -> int:
    asked = given.integer("deviceTypeId")
    if asked is not None:
        if asked not in desk.directory.device_types.by_id:
            raise Refused(400, texts.INVALID_PARAMETERS)
        if not desk.allowed.may_place(call.who(), DEVICE_TYPE, asked):
            raise Refused(403, texts.NO_DEVICE_TYPE)
        return asked
    if held is not None:
        return held.device_type_id
    for id in sorted(desk.directory.device_types.by_id):
        if desk.allowed.may_place(call.who(), DEVICE_TYPE, id):
            return id
    raise Refused(403, texts.NO_DEVICE_TYPE)


def _check(id: str, given: Parameters, held: Device | None, network: int, device_type: int) -> Device:
    name = given.text("name") if given.text("name") is not None or held is None else held.name
    if name is None:
        raise Refused(400, texts.NAME_NULL)
    if not 1 <= len(name) <= 128:
        raise Refused(400, texts.NAME_LENGTH)
    if len(id) > 48:
        raise Refused(400, texts.DEVICE_ID_LENGTH)
    blocked = given.flag("isBlocked")
    if blocked is None:
        blocked = held is not None and held.is_blocked
    return Device(id, name, given.json("data"), network, device_type, blocked)
