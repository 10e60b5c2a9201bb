"""user/…: people, and which networks and device types they are let into.

What a newcomer gets wrong: an update replaces `data` whole, and takes everything else only when it is there; a caller
of the client role changes neither login, role nor status, not even its own.
"""

import re
from typing import Any, Final

from myna.faces.devicehive import projections, texts
from myna.faces.devicehive.answers import Members, Refused, denied, invalid
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.membership import find_user, read_user_id
from myna.faces.devicehive.parameters import Parameters
from myna.formats.inventory import (
    ACTIVE,
    ADMINISTRATOR,
    CLIENT,
    DISABLED,
    LOCKED,
    NETWORK,
    Conflict,
    NewUser,
    User,
    UserQuery,
)

SORTABLE: Final = {"id": "id", "login": "login"}
LOGIN: Final = re.compile(r"[\w@.-]+", re.ASCII)


async def list_users(desk: Desk, call: Call) -> Members:
    page = desk.read_page(call.request, SORTABLE)
    held = await desk.inventory.users(_read_query(call), page)
    return {"users": [projections.user(user) for user in held]}


async def count(desk: Desk, call: Call) -> Members:
    return {"count": await desk.inventory.count_users(_read_query(call))}


async def get(desk: Desk, call: Call) -> Members:
    id = read_user_id(call)
    if not desk.allowed.is_administrator(call.who()) and id != call.who().user_id:
        raise Refused(404, texts.USER_UNKNOWN % id)
    return {"user": await _with_networks(desk, await find_user(desk, id))}


async def get_current(desk: Desk, call: Call) -> Members:
    held = await desk.inventory.user(call.who().user_id)
    if held is None:
        raise Refused(409, texts.NO_CURRENT_USER)
    return {"current": await _with_networks(desk, held)}


async def insert(desk: Desk, call: Call) -> Members:
    given = call.request.object("user")
    if given is None:
        raise Refused(400, texts.USER_EMPTY)
    _check_administrator(desk, call)
    role = given.integer("role")
    if role is None:
        raise Refused(400, texts.ROLE_EMPTY)
    status = given.integer("status")
    _check_ranges(role, status)
    login = (given.text("login") or "").strip()
    if not login:
        raise invalid(("login", None, texts.LOGIN_NULL))
    _check_free(desk, login, None)
    password = _check_password(given.text("password") or "")
    _check_login(login)
    reviewed, all_types = given.flag("introReviewed"), given.flag("allDeviceTypesAvailable")
    new = NewUser(
        login,
        password,
        role,
        ACTIVE if status is None else status,
        given.json("data"),
        bool(reviewed),
        True if all_types is None else all_types,
    )
    try:
        held = await desk.inventory.insert_user(new)
    except Conflict:  # somebody was quicker
        raise Refused(403, texts.LOGIN_TAKEN) from None
    return {"user": projections.user(held)}


async def update(desk: Desk, call: Call) -> Members:
    id = read_user_id(call)
    given = call.request.object("user")
    if given is None:
        raise Refused(400, texts.USER_EMPTY)
    if not desk.allowed.is_administrator(call.who()) and id != call.who().user_id:
        raise Refused(404, texts.USER_UNKNOWN % id)
    await find_user(desk, id)
    return await _change(desk, call, id, given)


async def update_current(desk: Desk, call: Call) -> Members:
    given = call.request.object("user")
    if given is None:
        raise Refused(400, texts.USER_EMPTY)
    return await _change(desk, call, call.who().user_id, given)


async def delete(desk: Desk, call: Call) -> Members:
    id = read_user_id(call)
    if id == call.who().user_id:
        raise Refused(403, texts.OWN_USER)
    _check_administrator(desk, call)
    await find_user(desk, id)
    await desk.inventory.delete_user(id)
    return {}


async def _change(desk: Desk, call: Call, id: int, given: Parameters) -> Members:
    is_administrator = desk.allowed.is_administrator(call.who())
    if not is_administrator and any(given.raw(name) is not None for name in ("login", "role", "status")):
        raise Refused(403, texts.ADMIN_NEEDED)
    role, status = given.integer("role"), given.integer("status")
    _check_ranges(role, status)
    changes: dict[str, Any] = {"data": given.json("data")}
    login = given.text("login")
    if login is not None:
        login = login.strip()
        _check_free(desk, login, id)
    password = given.text("password") or None
    if password is not None:
        _check_password(password)
    if login is not None:
        _check_login(login)
    reviewed, all_types = given.flag("introReviewed"), given.flag("allDeviceTypesAvailable")
    if all_types and not is_administrator:
        raise Refused(403, texts.ADMIN_NEEDED)  # the original lets clients give themselves every type
    for column, value in (
        ("login", login),
        ("role", role),
        ("status", status),
        ("intro_reviewed", reviewed),
        ("all_device_types", all_types),
    ):
        if value is not None:
            changes[column] = value
    try:
        held = await desk.inventory.update_user(id, changes, password)
    except Conflict:
        raise Refused(403, texts.LOGIN_TAKEN) from None
    if held is None:
        raise Refused(404, texts.USER_UNKNOWN % id)
    return {}


async def _with_networks(desk: Desk, held: User) -> dict[str, Any]:
    networks = await desk.inventory.places_of(NETWORK, held.id)
    return {**projections.user(held), "networks": [projections.place(place) for place in networks]}


def _read_query(call: Call) -> UserQuery:
    """A pattern wins over a login."""
    request = call.request
    pattern = request.text("loginPattern")
    login = request.text("login") if pattern is None else None
    return UserQuery(login, pattern, request.integer("role"), request.integer("status"))


def _check_administrator(desk: Desk, call: Call) -> None:
    """ManageUser in a client's token must not make or unmake users."""
    if not desk.allowed.is_administrator(call.who()):
        raise denied()


def _check_ranges(role: int | None, status: int | None) -> None:
    if role not in (None, ADMINISTRATOR, CLIENT):
        raise invalid(("role", role, texts.ROLE_RANGE))
    if status not in (None, ACTIVE, LOCKED, DISABLED):
        raise invalid(("status", status, texts.STATUS_RANGE))


def _check_free(desk: Desk, login: str, own: int | None) -> None:
    person = desk.directory.person_of_login(login)
    if person is not None and person.id != own:
        raise Refused(403, texts.LOGIN_TAKEN)


def _check_password(password: str) -> str:
    if not 6 <= len(password) <= 128:
        raise Refused(400, texts.PASSWORD_LENGTH)
    return password


def _check_login(login: str) -> None:
    if not 3 <= len(login) <= 128:
        raise Refused(400, texts.LOGIN_LENGTH)
    if LOGIN.fullmatch(login) is None:
        raise Refused(400, texts.LOGIN_CHARACTERS)
