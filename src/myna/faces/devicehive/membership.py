"""user/getNetwork, assignNetwork and their kin: who is let into which network and device type."""

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.places import WORDS
from myna.formats.inventory import DEVICE_TYPE, NETWORK, Kind, Page, Place, PlaceQuery, User


async def get_network(desk: Desk, call: Call) -> Members:
    return await _get(desk, call, NETWORK, texts.NETWORK_OF_USER)


async def get_device_type(desk: Desk, call: Call) -> Members:
    return await _get(desk, call, DEVICE_TYPE, texts.DEVICE_TYPE_OF_USER)


async def get_device_types(desk: Desk, call: Call) -> Members:
    user = await find_user(desk, read_user_id(call))
    if user.all_device_types:
        held = await desk.inventory.places(DEVICE_TYPE, PlaceQuery(), Page(100_000))
    else:
        held = await desk.inventory.places_of(DEVICE_TYPE, user.id)
    return {"deviceTypes": [projections.place(place) for place in held]}


async def assign_network(desk: Desk, call: Call) -> Members:
    user, place = await _find_both(desk, call, NETWORK)
    await desk.inventory.assign(NETWORK, user.id, place.id)
    return {}


async def unassign_network(desk: Desk, call: Call) -> Members:
    user, place = await _find_both(desk, call, NETWORK)
    await desk.inventory.unassign(NETWORK, user.id, place.id)
    return {}


async def assign_device_type(desk: Desk, call: Call) -> Members:
    user, place = await _find_assignable(desk, call)
    await desk.inventory.assign(DEVICE_TYPE, user.id, place.id)
    return {}


async def unassign_device_type(desk: Desk, call: Call) -> Members:
    user, place = await _find_assignable(desk, call)
    await desk.inventory.unassign(DEVICE_TYPE, user.id, place.id)
    return {}


async def allow_all_device_types(desk: Desk, call: Call) -> Members:
    user = await find_user(desk, read_user_id(call))
    await desk.inventory.set_all_device_types(user.id, True)
    return {}


async def disallow_all_device_types(desk: Desk, call: Call) -> Members:
    user = await find_user(desk, read_user_id(call))
    await desk.inventory.set_all_device_types(user.id, False)
    return {}


def read_user_id(call: Call) -> int:
    id = call.request.integer("userId")
    if id is None:
        raise Refused(400, texts.USER_ID_EMPTY)
    return id


async def find_user(desk: Desk, id: int) -> User:
    held = await desk.inventory.user(id)
    if held is None:
        raise Refused(404, texts.USER_UNKNOWN % id)
    return held


async def _get(desk: Desk, call: Call, kind: Kind, missing: str) -> Members:
    """Nested, as the original has it: {"network": {"network": {…}}}. A client asks after itself alone."""
    user_id, place_id = _read_ids(call, kind)
    if not desk.allowed.is_administrator(call.who()) and user_id != call.who().user_id:
        raise Refused(404, texts.USER_UNKNOWN % user_id)
    user = await find_user(desk, user_id)
    held = await desk.inventory.places_of(kind, user.id)
    if kind == DEVICE_TYPE and user.all_device_types:
        place = await desk.inventory.place(kind, place_id)
        held = [] if place is None else [place]
    for place in held:
        if place.id == place_id:
            return {WORDS[kind].member: {WORDS[kind].member: projections.place(place)}}
    raise Refused(404, missing % (place_id, user_id))


async def _find_both(desk: Desk, call: Call, kind: Kind) -> tuple[User, Place]:
    user_id, place_id = _read_ids(call, kind)
    user = await find_user(desk, user_id)
    place = await desk.inventory.place(kind, place_id)
    if place is None:
        raise Refused(404, WORDS[kind].unknown % place_id)
    return user, place


async def _find_assignable(desk: Desk, call: Call) -> tuple[User, Place]:
    user, place = await _find_both(desk, call, DEVICE_TYPE)
    if user.all_device_types:
        raise Refused(403, texts.ALL_DEVICE_TYPES)
    return user, place


def _read_ids(call: Call, kind: Kind) -> tuple[int, int]:
    user_id = read_user_id(call)
    place_id = call.request.integer(WORDS[kind].id)
    if place_id is None:
        raise Refused(400, WORDS[kind].id_empty)
    return user_id, place_id
