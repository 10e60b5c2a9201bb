"""configuration/get, put, delete: named settings, for administrators."""

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused, invalid
from myna.faces.devicehive.desk import Call, Desk


async def get(desk: Desk, call: Call) -> Members:
    name = _read_name(call)
    held = await desk.inventory.property(name)
    if held is None:
        raise Refused(404, texts.CONFIG_UNKNOWN % name)
    return {"configuration": projections.property(held)}


async def put(desk: Desk, call: Call) -> Members:
    name = call.request.text("name")
    if name is None:
        raise Refused(400, texts.CONFIG_NAME_EMPTY)
    value = call.request.text("value")
    if not 1 <= len(name) <= 32:
        raise Refused(400, texts.CONFIG_NAME_LENGTH)
    if value is None:
        raise invalid(("value", None, texts.CONFIG_VALUE_NULL))
    if not 1 <= len(value) <= 128:
        raise invalid(("value", value, texts.CONFIG_VALUE_LENGTH))
    return {"configuration": projections.property(await desk.inventory.put_property(name, value))}


async def delete(desk: Desk, call: Call) -> Members:
    name = _read_name(call)
    if await desk.inventory.property(name) is None:
        raise Refused(404, texts.CONFIG_UNKNOWN % name)
    await desk.inventory.delete_property(name)
    return {}


def _read_name(call: Call) -> str:
    name = call.request.text("name")
    if not name:
        raise Refused(400, texts.CONFIG_NAME_EMPTY)
    return name
