"""network/… and devicetype/…: list, count, get, insert, update, delete. The two differ in names alone.

What a newcomer gets wrong: the action is called `devicetype`, the members `deviceType`.
"""

from typing import Any, Final

from msgspec import Struct

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.parameters import Parameters
from myna.formats.inventory import (
    DEVICE_TYPE,
    NETWORK,
    Conflict,
    Device,
    DeviceQuery,
    Kind,
    Page,
    Place,
    PlaceQuery,
)

SORTABLE: Final = {"id": "id", "name": "name"}
MOST_DEVICES: Final = 100_000  # of one place, in its `get`


class Words(Struct, frozen=True):
    """What one kind is called, and what is said of it."""

    member: str
    members: str
    id: str
    id_empty: str
    empty: str
    unknown: str
    taken: str
    inhabited: str


WORDS: Final[dict[Kind, Words]] = {
    NETWORK: Words(
        "network",
        "networks",
        "networkId",
        "Network id is wrong or empty",
        "Network is required",
        "Network with id = %s not found",
        "Network cannot be created. Network with such name already exists",
        "There are the following devices within this network: %s. Please review and delete them first.",
    ),
    DEVICE_TYPE: Words(
        "deviceType",
        "deviceTypes",
        "deviceTypeId",
        "Device type id is wrong or empty",
        "Device type is required",
        "Device type with id = %s not found",
        "Device type cannot be created. Device type with such name already exists",
        "There are the following devices within this device type: %s. Please review and delete them first.",
    ),
}


class Places:
    """The actions of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._words = WORDS[kind]

    async def list_all(self, desk: Desk, call: Call) -> Members:
        page = desk.read_page(call.request, SORTABLE)
        held = await desk.inventory.places(self._kind, self._read_query(desk, call), page)
        return {self._words.members: [projections.place(place) for place in held]}

    async def count(self, desk: Desk, call: Call) -> Members:
        return {"count": await desk.inventory.count_places(self._kind, self._read_query(desk, call))}

    async def get(self, desk: Desk, call: Call) -> Members:
        held = await self._find(desk, call)
        devices = [projections.device_inside(device) for device in await self._devices(desk, call, held)]
        return {self._words.member: {**projections.place(held), "devices": devices}}

    async def insert(self, desk: Desk, call: Call) -> Members:
        given = self._read_given(call)
        if given.raw("id") is not None:
            raise Refused(400, texts.ID_GIVEN)
        name = _check_name(given.text("name"))
        description = _check_description(given.text("description"))
        if name in desk.directory.names(self._kind).by_name:
            raise Refused(403, self._words.taken)
        try:
            held = await desk.inventory.insert_place(self._kind, name, description)
        except Conflict:  # somebody was quicker
            raise Refused(403, self._words.taken) from None
        return {self._words.member: {"id": held.id}}

    async def update(self, desk: Desk, call: Call) -> Members:
        held = await self._find(desk, call)
        given = self._read_given(call)
        changes: dict[str, Any] = {}
        if given.text("name") is not None:
            changes["name"] = _check_name(given.text("name"))
        if given.holds("description"):
            changes["description"] = _check_description(given.text("description"))
        if await desk.inventory.update_place(self._kind, held.id, changes) is None:
            raise Refused(404, self._words.unknown % held.id)
        return {}

    async def delete(self, desk: Desk, call: Call) -> Members:
        held = await self._find(desk, call)
        force = call.request.flag("force") or False
        left = await desk.inventory.delete_place(self._kind, held.id, force=force)
        if left:
            raise Refused(400, self._words.inhabited % ", ".join(left))
        return {}

    async def _find(self, desk: Desk, call: Call) -> Place:
        id = call.request.integer(self._words.id)
        if id is None:
            raise Refused(400, self._words.id_empty)
        held = await desk.inventory.place(self._kind, id)
        if held is None:
            raise Refused(404, self._words.unknown % id)
        return held

    async def _devices(self, desk: Desk, call: Call, held: Place) -> list[Device]:
        """Those inside that the caller may see."""
        if desk.allowed.sees_nothing(call.who()):
            return []
        is_network = self._kind == NETWORK
        query = DeviceQuery(
            network_id=held.id if is_network else None,
            device_type_id=None if is_network else held.id,
            networks=desk.allowed.visible(call.who(), NETWORK),
            device_types=desk.allowed.visible(call.who(), DEVICE_TYPE),
        )
        return await desk.inventory.devices(query, Page(MOST_DEVICES))

    def _read_query(self, desk: Desk, call: Call) -> PlaceQuery:
        among = desk.allowed.visible(call.who(), self._kind)
        return PlaceQuery(call.request.text("name"), call.request.text("namePattern"), among)

    def _read_given(self, call: Call) -> Parameters:
        given = call.request.object(self._words.member)
        if given is None:
            raise Refused(400, self._words.empty)
        return given


def _check_name(name: str | None) -> str:
    if name is None:
        raise Refused(400, texts.NAME_NULL)
    if not 1 <= len(name) <= 128:
        raise Refused(400, texts.NAME_LENGTH)
    return name


def _check_description(description: str | None) -> str | None:
    if description is not None and len(description) > 128:
        raise Refused(400, texts.DESCRIPTION_LENGTH)
    return description
