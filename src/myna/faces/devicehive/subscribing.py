"""command/subscribe, notification/subscribe, their opposites, and subscription/list.

What a newcomer gets wrong: replay begins after the answer, so it is what follows the action and no part of it. Filters
of MQTT are listed here, too, but only UNSUBSCRIBE ends them.
"""

import asyncio
from typing import Any, Final

from myna.faces.devicehive import permissions, texts
from myna.faces.devicehive.answers import Members, Refused, denied
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.naming import COMMAND, COMMAND_UPDATE, NOTIFICATION
from myna.faces.devicehive.pushes import Event, of_command, of_notification
from myna.faces.devicehive.subscriptions import Requested, describe_filter
from myna.formats.inventory import DEVICE_TYPE, NETWORK, HistoryQuery, Kind, Page

COMMANDS_REPLAYED: Final = 20
NOTIFICATIONS_REPLAYED: Final = 100
COMMANDS: Final = (COMMAND, COMMAND_UPDATE)

UNKNOWN: Final[dict[Kind, str]] = {
    NETWORK: "Networks with such networkIds wasn't found: {[%s]}",
    DEVICE_TYPE: "Device types with such deviceTypeIds wasn't found: {[%s]}",
}


def subscribe_commands(desk: Desk, call: Call) -> Members:
    returns_updates = call.request.flag("returnUpdatedCommands") or False
    call.request.integer("limit")
    return _subscribe(desk, call, COMMAND_UPDATE if returns_updates else COMMAND)


def subscribe_notifications(desk: Desk, call: Call) -> Members:
    return _subscribe(desk, call, NOTIFICATION)


def unsubscribe_commands(desk: Desk, call: Call) -> Members:
    return _unsubscribe(desk, call, COMMANDS)


def unsubscribe_notifications(desk: Desk, call: Call) -> Members:
    return _unsubscribe(desk, call, (NOTIFICATION,))


def list_subscriptions(desk: Desk, call: Call) -> Members:
    type = call.request.text("type")
    kinds = [
        kind
        for kind, needed in (
            (COMMAND, permissions.GET_DEVICE_COMMAND),
            (NOTIFICATION, permissions.GET_DEVICE_NOTIFICATION),
        )
        if needed in call.who().actions and (type is None or type.lower() == kind)
    ]
    described: list[dict[str, Any]] = [held.describe() for held in desk.subscriptions.of(call.caller)]
    for held in call.caller.receiver.subscriptions.values():
        native = describe_filter(held.filter, desk.directory)
        if native is not None:
            described.append(native)
    return {"subscriptions": [one for one in described if one["type"] in kinds]}


def replay(desk: Desk, call: Call) -> None:
    """Once the answer is on its way: what is kept from the time on that the request named."""
    mine = desk.subscriptions.of(call.caller)
    if not mine or call.request.raw("timestamp") is None:
        return
    requested = mine[-1]  # the one just made
    limit = call.request.integer("limit")
    task = asyncio.ensure_future(_replay(desk, requested, COMMANDS_REPLAYED if limit is None else limit))
    desk.replays.add(task)
    task.add_done_callback(desk.replays.discard)


async def _replay(desk: Desk, requested: Requested, limit: int) -> None:
    for event in await _kept(desk, requested, limit):
        if not desk.subscriptions.holds(requested) or not requested.caller.is_connected():
            return  # it has been ended meanwhile
        if desk.pushes.may_have(requested.caller.principal, event):
            desk.pushes.send(requested, event, desk.pushes.now())


async def _kept(desk: Desk, requested: Requested, limit: int) -> list[Event]:
    principal = requested.caller.principal
    assert principal is not None  # it made the subscription
    query = HistoryQuery(
        None if requested.device_id is None else frozenset((requested.device_id,)),
        requested.names,
        requested.timestamp,
        None,
        None,
        requested.category == COMMAND_UPDATE,
        _within(requested.networks, desk.allowed.visible(principal, NETWORK)),
        _within(requested.device_types, desk.allowed.visible(principal, DEVICE_TYPE)),
    )
    if requested.category == NOTIFICATION:
        kept = await desk.inventory.notifications(query, Page(NOTIFICATIONS_REPLAYED, sort="timestamp"))
        return [of_notification(held) for held in kept]
    commands = await desk.inventory.commands(query, Page(limit, sort="timestamp"))
    return [of_command(held, requested.category) for held in commands]


def _within(asked: frozenset[int] | None, visible: frozenset[int] | None) -> frozenset[int] | None:
    if asked is None or visible is None:
        return visible if asked is None else asked
    return asked & visible


def _subscribe(desk: Desk, call: Call, category: str) -> Members:
    request = call.request
    device_id = request.text("deviceId")
    if device_id is not None:
        device_id = desk.device_id(call)
    networks = _read_places(desk, call, NETWORK, "networkIds")
    device_types = _read_places(desk, call, DEVICE_TYPE, "deviceTypeIds")
    if desk.allowed.sees_nothing(call.who()):
        raise Refused(403, texts.NOTHING_ACCESSIBLE)
    names = request.texts("names")
    requested = Requested(
        desk.subscriptions.new_id(),
        call.caller,
        category,
        device_id,
        None if device_id is not None else networks,
        None if device_id is not None else device_types,
        frozenset(names) if names else None,
        request.time("timestamp"),
    )
    if call.caller.is_connected():
        desk.subscriptions.add(requested)
    return {"subscriptionId": requested.id}


def _read_places(desk: Desk, call: Call, kind: Kind, member: str) -> frozenset[int] | None:
    ids = call.request.integers(member)
    if not ids:
        return None
    known = desk.directory.names(kind).by_id
    unknown = [id for id in ids if id not in known]
    hidden = [id for id in ids if not desk.allowed.may_place(call.who(), kind, id)]
    if unknown or hidden:
        if not desk.allowed.is_administrator(call.who()) or not unknown:
            raise denied()
        raise Refused(404, UNKNOWN[kind] % ", ".join(map(str, unknown)))
    return frozenset(ids)


def _unsubscribe(desk: Desk, call: Call, categories: tuple[str, ...]) -> Members:
    id = call.request.integer("subscriptionId")
    mine = [held for held in desk.subscriptions.of(call.caller) if held.category in categories]
    if id is not None:
        mine = [held for held in mine if held.id == id]
        if not mine:
            raise Refused(404, texts.SUBSCRIPTION_UNKNOWN % id)
    for held in mine:
        desk.subscriptions.remove(held)
    return {}
