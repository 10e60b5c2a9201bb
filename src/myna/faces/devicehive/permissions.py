"""What a caller may do: the nineteen actions, and which networks and device types they reach.

A Principal is a snapshot made when a token was presented. What a newcomer gets wrong: for a user of the client role the
snapshot alone admits to nothing; the user must also be assigned to the network at this very moment.
"""

from typing import Final

from msgspec import Struct

from myna.formats.directory import KINDS, Directory, Person
from myna.formats.inventory import NETWORK, Kind

ANY: Final = 0
NONE: Final = 1
GET_NETWORK: Final = 2
GET_DEVICE: Final = 3
GET_DEVICE_NOTIFICATION: Final = 4
GET_DEVICE_COMMAND: Final = 5
REGISTER_DEVICE: Final = 6
CREATE_DEVICE_COMMAND: Final = 7
UPDATE_DEVICE_COMMAND: Final = 8
CREATE_DEVICE_NOTIFICATION: Final = 9
GET_CURRENT_USER: Final = 10
UPDATE_CURRENT_USER: Final = 11
MANAGE_USER: Final = 12
MANAGE_CONFIGURATION: Final = 13
MANAGE_NETWORK: Final = 14
MANAGE_TOKEN: Final = 15
MANAGE_PLUGIN: Final = 16
GET_DEVICE_TYPE: Final = 17
MANAGE_DEVICE_TYPE: Final = 18

NAMES: Final = {
    "*": ANY,
    "getnetwork": GET_NETWORK,
    "getdevice": GET_DEVICE,
    "getdevicenotification": GET_DEVICE_NOTIFICATION,
    "getdevicecommand": GET_DEVICE_COMMAND,
    "registerdevice": REGISTER_DEVICE,
    "createdevicecommand": CREATE_DEVICE_COMMAND,
    "updatedevicecommand": UPDATE_DEVICE_COMMAND,
    "createdevicenotification": CREATE_DEVICE_NOTIFICATION,
    "getcurrentuser": GET_CURRENT_USER,
    "updatecurrentuser": UPDATE_CURRENT_USER,
    "manageuser": MANAGE_USER,
    "manageconfiguration": MANAGE_CONFIGURATION,
    "managenetwork": MANAGE_NETWORK,
    "managetoken": MANAGE_TOKEN,
    "manageplugin": MANAGE_PLUGIN,
    "getdevicetype": GET_DEVICE_TYPE,
    "managedevicetype": MANAGE_DEVICE_TYPE,
}
CLIENT_ACTIONS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17)
EVERY_ACTION: Final = frozenset(range(2, 19))


class Principal(Struct, frozen=True):
    """Who a connection is. None for networks or device types: all of them."""

    user_id: int
    actions: frozenset[int]
    networks: frozenset[int] | None
    device_types: frozenset[int] | None

    def places(self, kind: Kind) -> frozenset[int] | None:
        return self.networks if kind == NETWORK else self.device_types


class Permissions:
    """Answers at once, from the directory."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def person(self, principal: Principal) -> Person | None:
        return self.directory.people.get(principal.user_id)

    def is_administrator(self, principal: Principal) -> bool:
        person = self.person(principal)
        return person is not None and person.is_administrator()

    def may_place(self, principal: Principal, kind: Kind, id: int) -> bool:
        if kind != NETWORK:
            return principal.device_types is None or id in principal.device_types
        if principal.networks is not None and id not in principal.networks:
            return False
        person = self.person(principal)
        return person is not None and (person.is_administrator() or id in person.networks)

    def may_reach(self, principal: Principal, network_id: int, device_type_id: int) -> bool:
        """A device that is in this network and of this type."""
        if principal.device_types is not None and device_type_id not in principal.device_types:
            return False
        return self.may_place(principal, NETWORK, network_id)

    def may_device(self, principal: Principal, device_id: str) -> bool:
        """A device that exists and is within reach."""
        where = self.directory.devices.get(device_id)
        return where is not None and self.may_reach(principal, where[0], where[1])

    def visible(self, principal: Principal, kind: Kind) -> frozenset[int] | None:
        """The places that lists may show; None for all."""
        bound = principal.places(kind)
        if kind != NETWORK:
            return bound
        person = self.person(principal)
        if person is None:
            return frozenset()
        if person.is_administrator():
            return bound
        return frozenset(person.networks) if bound is None else bound & person.networks

    def sees_nothing(self, principal: Principal) -> bool:
        """No network or no device type at all: there cannot be a device for this caller."""
        return any(self.visible(principal, kind) == frozenset() for kind in KINDS)
