"""Every action there is: its permission, what it names that must be within reach, and what does it.

What a newcomer gets wrong: `deviceget` and `userget` are spellings that the published table has; they are answered
under the name they were sent by. An action added here must be added to the manual's table, a test compares them.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from myna.faces.devicehive import (
    authentication,
    commands,
    configuration,
    devices,
    membership,
    notifications,
    permissions,
    places,
    server,
    subscribing,
    texts,
    users,
)
from myna.faces.devicehive.answers import Refused, Result, denied
from myna.faces.devicehive.desk import Call, Desk
from myna.formats.inventory import DEVICE_TYPE, NETWORK, Kind

DEVICE: Final = "device"


class Action(Struct, frozen=True):
    """`needs` is any one of these permissions; none at all is for everybody. `names` is what must be within reach."""

    run: Callable[[Desk, Call], Result]
    needs: tuple[int, ...] = ()
    names: str | None = None
    after: Callable[[Desk, Call], None] | None = None


def _on_places(kind: Kind, prefix: str, get: int, manage: int) -> dict[str, Action]:
    name = kind
    handlers = places.Places(kind)
    return {
        f"{prefix}/list": Action(handlers.list_all, (get,)),
        f"{prefix}/count": Action(handlers.count, (get,)),
        f"{prefix}/get": Action(handlers.get, (get,), name),
        f"{prefix}/insert": Action(handlers.insert, (manage,)),
        f"{prefix}/update": Action(handlers.update, (manage,), name),
        f"{prefix}/delete": Action(handlers.delete, (manage,), name),
    }


_device_get: Final = Action(devices.get, (permissions.GET_DEVICE,), DEVICE)
_user_get: Final = Action(users.get, (permissions.MANAGE_USER,))
_of_commands: Final = (permissions.GET_DEVICE_COMMAND,)
_of_notifications: Final = (permissions.GET_DEVICE_NOTIFICATION,)
_of_types: Final = (permissions.MANAGE_DEVICE_TYPE,)

ACTIONS: Final[dict[str, Action]] = {
    "authenticate": Action(authentication.authenticate),
    "token": Action(authentication.token),
    "token/create": Action(authentication.create, (permissions.MANAGE_TOKEN,)),
    "token/refresh": Action(authentication.refresh),
    "server/info": Action(server.info),
    "server/cacheInfo": Action(server.cache_info),
    "cluster/info": Action(server.cluster_info),
    "configuration/get": Action(configuration.get, (permissions.MANAGE_CONFIGURATION,)),
    "configuration/put": Action(configuration.put, (permissions.MANAGE_CONFIGURATION,)),
    "configuration/delete": Action(configuration.delete, (permissions.MANAGE_CONFIGURATION,)),
    "device/get": _device_get,
    "deviceget": _device_get,
    "device/list": Action(devices.list_devices, (permissions.GET_DEVICE,)),
    "device/count": Action(devices.count, (permissions.GET_DEVICE, permissions.REGISTER_DEVICE)),
    "device/save": Action(devices.save, (permissions.REGISTER_DEVICE,)),
    "device/delete": Action(devices.delete, (permissions.REGISTER_DEVICE,), DEVICE),
    **_on_places(NETWORK, "network", permissions.GET_NETWORK, permissions.MANAGE_NETWORK),
    **_on_places(DEVICE_TYPE, "devicetype", permissions.GET_DEVICE_TYPE, permissions.MANAGE_DEVICE_TYPE),
    "user/list": Action(users.list_users, (permissions.MANAGE_USER,)),
    "user/count": Action(users.count, (permissions.MANAGE_USER,)),
    "user/get": _user_get,
    "userget": _user_get,
    "user/getCurrent": Action(users.get_current, (permissions.GET_CURRENT_USER,)),
    "user/insert": Action(users.insert, (permissions.MANAGE_USER,)),
    "user/update": Action(users.update, (permissions.MANAGE_USER,)),
    "user/updateCurrent": Action(users.update_current, (permissions.UPDATE_CURRENT_USER,)),
    "user/delete": Action(users.delete, (permissions.MANAGE_USER,)),
    "user/getNetwork": Action(membership.get_network, (permissions.GET_NETWORK,)),
    "user/assignNetwork": Action(membership.assign_network, (permissions.MANAGE_NETWORK,)),
    "user/unassignNetwork": Action(membership.unassign_network, (permissions.MANAGE_NETWORK,)),
    "user/getDeviceType": Action(membership.get_device_type, (permissions.GET_DEVICE_TYPE,)),
    "user/getDeviceTypes": Action(membership.get_device_types, _of_types),
    "user/assignDeviceType": Action(membership.assign_device_type, _of_types),
    "user/unassignDeviceType": Action(membership.unassign_device_type, _of_types),
    "user/allowAllDeviceTypes": Action(membership.allow_all_device_types, _of_types),
    "user/disallowAllDeviceTypes": Action(membership.disallow_all_device_types, _of_types),
    "command/insert": Action(commands.insert, (permissions.CREATE_DEVICE_COMMAND,), DEVICE),
    "command/get": Action(commands.get, _of_commands, DEVICE),
    "command/list": Action(commands.list_commands, _of_commands, DEVICE),
    "command/update": Action(commands.update, (permissions.UPDATE_DEVICE_COMMAND,), DEVICE),
    "command/subscribe": Action(subscribing.subscribe_commands, _of_commands, DEVICE, subscribing.replay),
    "command/unsubscribe": Action(subscribing.unsubscribe_commands, _of_commands),
    "notification/insert": Action(notifications.insert, (permissions.CREATE_DEVICE_NOTIFICATION,), DEVICE),
    "notification/get": Action(notifications.get, _of_notifications),
    "notification/list": Action(notifications.list_notifications, _of_notifications),
    "notification/subscribe": Action(
        subscribing.subscribe_notifications, _of_notifications, DEVICE, subscribing.replay
    ),
    "notification/unsubscribe": Action(subscribing.unsubscribe_notifications, _of_notifications),
    "subscription/list": Action(
        subscribing.list_subscriptions, (permissions.GET_DEVICE_COMMAND, permissions.GET_DEVICE_NOTIFICATION)
    ),
}


def check_access(desk: Desk, action: Action, call: Call) -> None:
    """Somebody, with the permission, and with access to what the request names; the original's order."""
    if not action.needs:
        return
    principal = call.principal
    if principal is None:
        raise Refused(401, texts.UNAUTHORIZED)
    if principal.actions.isdisjoint(action.needs):
        raise denied()
    if action.names == DEVICE:
        _check_device(desk, call)
    elif action.names is not None:
        _check_place(desk, call, NETWORK if action.names == NETWORK else DEVICE_TYPE)


def _check_device(desk: Desk, call: Call) -> None:
    """A device that does not exist is told apart from one that is out of reach to administrators alone."""
    id = call.request.text("deviceId")
    if not id:
        return
    if id not in desk.directory.devices:
        if not desk.allowed.is_administrator(call.who()):
            raise denied()
    elif not desk.allowed.may_device(call.who(), id):
        raise denied()


def _check_place(desk: Desk, call: Call, kind: Kind) -> None:
    id = call.request.integer("networkId" if kind == NETWORK else "deviceTypeId")
    if id is not None and not desk.allowed.may_place(call.who(), kind, id):
        raise denied()
