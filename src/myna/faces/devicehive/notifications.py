"""notification/insert, get, list, and the notifications the server itself makes of devices that change."""

from typing import Any, Final

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused, Stored, denied
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.paging import read_history_page, read_history_query
from myna.faces.devicehive.parameters import Parameters
from myna.faces.devicehive.pushes import of_notification
from myna.faces.devicehive.timestamps import format_time
from myna.formats.inventory import Device, Notification

SORTABLE: Final = {"timestamp": "timestamp", "notification": "notification"}


def insert(desk: Desk, call: Call) -> Stored:
    given = call.request.object("notification")
    name = None if given is None else given.text("notification")
    if given is None or not name:
        raise Refused(400, texts.NOTIFICATION_EMPTY)
    held = make_notification(desk, desk.device_id(call), name, given)
    return Stored(store(desk, held), lambda: _inserted(held))


def make_notification(desk: Desk, device_id: str, name: str, given: Parameters) -> Notification:
    network_id, device_type_id = desk.directory.devices[device_id]
    timestamp = given.time("timestamp")
    if timestamp is None:
        timestamp = desk.now_ms()
    return Notification(
        desk.inventory.new_id(), name, device_id, network_id, device_type_id, timestamp, given.json("parameters")
    )


def store(desk: Desk, held: Notification) -> Any:
    """Keep it; once that is safe, tell everybody who wants to know."""
    future = desk.inventory.keep_notification(held)

    def kept(done: Any) -> None:
        if not done.cancelled() and done.exception() is None:
            desk.pushes.push(of_notification(held))

    future.add_done_callback(kept)
    return future


async def announce(desk: Desk, device: Device, name: str, parameters: str) -> None:
    """Tell that a device has come or changed, with the ids it has now. (The original leaves both ids out.)"""
    await store(
        desk,
        Notification(
            desk.inventory.new_id(),
            name,
            device.id,
            device.network_id,
            device.device_type_id,
            desk.now_ms(),
            parameters,
        ),
    )


async def get(desk: Desk, call: Call) -> Members:
    device_id = _readable_device(desk, call)
    if call.request.raw("notificationId") is None:
        raise Refused(400, texts.NOTIFICATION_ID_EMPTY)
    try:
        id = call.request.integer("notificationId")
    except Refused:
        raise Refused(400, texts.NOTIFICATION_ID_NUMBER) from None
    held = await desk.inventory.notification(device_id, id or 0)
    if held is None:
        raise Refused(404, texts.NOTIFICATION_UNKNOWN)
    return {"notification": projections.notification(held)}


async def list_notifications(desk: Desk, call: Call) -> Members:
    device_id = _readable_device(desk, call)
    page = read_history_page(desk, call.request, SORTABLE)
    query = read_history_query(call.request, device_id, "notification")
    held = await desk.inventory.notifications(query, page)
    return {"notifications": [projections.notification(notification) for notification in held]}


def _readable_device(desk: Desk, call: Call) -> str:
    """Everybody is told that a device does not exist; one that does must be within reach. (The original never asks.)"""
    id = call.request.text("deviceId")
    if not id:
        raise Refused(400, texts.DEVICE_ID_EMPTY)
    if id not in desk.directory.devices:
        raise Refused(404, texts.DEVICE_UNKNOWN % id)
    if not desk.allowed.may_device(call.who(), id):
        raise denied()
    return id


def _inserted(held: Notification) -> Members:
    return {"notification": {"id": held.id, "timestamp": format_time(held.timestamp)}}
