"""command/insert, get, list, update.

What a newcomer gets wrong: an update changes `status` and `result` and nothing else, whatever the request holds.
"""

from typing import Any, Final

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused, Stored
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.naming import COMMAND_UPDATE
from myna.faces.devicehive.paging import read_history_page, read_history_query
from myna.faces.devicehive.parameters import Parameters
from myna.faces.devicehive.pushes import of_command
from myna.formats.inventory import Command

SORTABLE: Final = {"timestamp": "timestamp", "status": "status", "command": "command"}


def insert(desk: Desk, call: Call) -> Stored:
    device_id = desk.device_id(call)
    given = call.request.object("command")
    name = None if given is None else given.text("command")
    if given is None or not name:
        raise Refused(400, texts.COMMAND_EMPTY)
    held = make_command(desk, device_id, name, given, call.who().user_id)
    return Stored(store(desk, held), lambda: _inserted(held))


def make_command(desk: Desk, device_id: str, name: str, given: Parameters, user_id: int) -> Command:
    """A command to a device that exists; its network and type are the device's, whatever the request says."""
    network_id, device_type_id = desk.directory.devices[device_id]
    timestamp = given.time("timestamp")
    if timestamp is None:
        timestamp = desk.now_ms()
    return Command(
        desk.inventory.new_id(),
        name,
        timestamp,
        timestamp,
        user_id,
        device_id,
        network_id,
        device_type_id,
        given.json("parameters"),
        given.integer("lifetime"),
        given.text("status"),
        given.json("result"),
    )


def store(desk: Desk, held: Command) -> Any:
    """Keep it; once that is safe, tell everybody who wants to know."""
    future = desk.inventory.keep_command(held)

    def kept(done: Any) -> None:
        if not done.cancelled() and done.exception() is None:
            desk.pushes.push(of_command(held))

    future.add_done_callback(kept)
    return future


async def get(desk: Desk, call: Call) -> Members:
    device_id = desk.device_id(call)
    id = _read_id(call)
    held = await desk.inventory.command(device_id, id)
    if held is None:
        raise Refused(404, texts.COMMAND_UNKNOWN % id)
    return {"command": projections.command(held)}


async def list_commands(desk: Desk, call: Call) -> Members:
    device_id = desk.device_id(call)
    page = read_history_page(desk, call.request, SORTABLE)
    query = read_history_query(call.request, device_id, "command", call.request.text("status"))
    held = await desk.inventory.commands(query, page)
    return {"commands": [projections.command(command) for command in held]}


async def update(desk: Desk, call: Call) -> Members:
    device_id = desk.device_id(call)
    id = _read_id(call)
    given = call.request.object("command")
    await change(desk, device_id, id, Parameters({}) if given is None else given)
    return {}


async def change(desk: Desk, device_id: str, id: int, given: Parameters) -> None:
    changes: dict[str, Any] = {}
    if given.raw("status") is not None:
        changes["status"] = given.text("status")
    if given.raw("result") is not None:
        changes["result"] = given.json("result")
    held = await desk.inventory.update_command(device_id, id, changes)
    if held is None:
        raise Refused(404, texts.COMMAND_UNKNOWN % id)
    desk.pushes.push(of_command(held, COMMAND_UPDATE))


def _read_id(call: Call) -> int:
    id = call.request.integer("commandId")
    if id is None:
        raise Refused(400, texts.COMMAND_ID_EMPTY)
    return id


def _inserted(held: Command) -> Members:
    whole = projections.command(held)
    return {"command": {name: whole[name] for name in ("id", "timestamp", "lastUpdated", "userId")}}
