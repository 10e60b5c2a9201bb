"""authenticate, token, token/create, token/refresh."""

from typing import Any

from myna.faces.devicehive import texts
from myna.faces.devicehive.answers import Members, Refused, denied, invalid, malformed
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.permissions import ANY, CLIENT_ACTIONS, EVERY_ACTION, NAMES, NONE
from myna.faces.devicehive.signing import BadToken
from myna.faces.devicehive.tokens import ACCESS, REFRESH, Claims, claims_of, principal_of, read_ids
from myna.formats.inventory import ADMITTED, DEVICE_TYPE, NETWORK, NOT_ACTIVE, UNKNOWN_LOGIN


def authenticate(desk: Desk, call: Call) -> Members:
    """Make the connection this token's user. A token that is refused leaves everything as it was."""
    token = call.request.text("token")
    if not token:
        raise Refused(401, texts.UNAUTHORIZED)
    try:
        claims = desk.tokens.read(token)
    except BadToken:
        raise Refused(401, texts.INVALID_CREDENTIALS) from None
    principal = principal_of(claims, desk.directory) if claims.t == ACCESS else None
    if principal is None:
        raise Refused(401, texts.INVALID_CREDENTIALS)
    if claims.e <= desk.now_ms():
        raise Refused(401, texts.TOKEN_EXPIRED)
    desk.callers.authenticate(call.caller, principal, claims)
    desk.inventory.note_login(claims.u)
    return {}


async def token(desk: Desk, call: Call) -> Members:
    login = (call.request.text("login") or "").strip()
    password = call.request.text("password") or ""
    if not login or not password:
        raise Refused(400, texts.EMPTY_LOGIN)
    address = call.caller.receiver.peer_address()  # which has none when it has gone
    await desk.guessing.wait(address, login)
    result = await desk.inventory.login(login, password)
    if result.outcome != ADMITTED:
        desk.guessing.failed(address, login)
    person = desk.directory.people.get(result.user_id)
    if result.outcome == UNKNOWN_LOGIN:
        raise Refused(401, texts.BAD_LOGIN % login)
    if result.outcome == NOT_ACTIVE:
        raise Refused(401, texts.NOT_ACTIVE)
    if result.outcome != ADMITTED or person is None:
        raise Refused(401, texts.INVALID_CREDENTIALS)
    desk.guessing.succeeded(address, login)
    desk.inventory.note_login(person.id)
    now = desk.now_ms()
    return desk.tokens.pair(claims_of(person), now + desk.tokens.access_ms, now + desk.tokens.refresh_ms)


def create(desk: Desk, call: Call) -> Members:
    payload = call.request.object("payload")
    if payload is None:
        raise Refused(400, texts.PAYLOAD_MISSING)
    user_id = payload.integer("userId")
    if user_id is None:
        raise invalid(("userId", None, "may not be null"))
    person = desk.directory.people.get(user_id)
    if not desk.allowed.is_administrator(call.who()) and user_id != call.who().user_id:
        raise denied()  # before saying whether there is such a user
    if person is None:
        raise Refused(404, texts.USER_UNKNOWN % user_id)
    if not person.is_active():
        raise Refused(403, texts.NOT_ACTIVE)
    claims = Claims(
        _read_actions(payload.items("actions")),
        0,
        ACCESS,
        user_id,
        payload.texts("networkIds"),
        payload.texts("deviceTypeIds"),
    )
    claims = _within_reach(desk, call, claims)
    now = desk.now_ms()
    until = payload.time("expiration")
    refresh_until = payload.time("refreshExpiration")
    access_until = now + desk.tokens.access_ms if until is None else until
    if refresh_until is None:
        refresh_until = now + desk.tokens.refresh_ms if until is None else until
    return desk.tokens.pair(claims, access_until, refresh_until)


def refresh(desk: Desk, call: Call) -> Members:
    token = call.request.text("refreshToken")
    if not token:
        raise Refused(400, texts.PAYLOAD_MISSING)
    try:
        claims = desk.tokens.read(token)
    except BadToken:
        raise Refused(401, texts.UNAUTHORIZED) from None
    if claims.t == ACCESS:
        raise Refused(401, texts.INVALID_TOKEN_TYPE)
    now = desk.now_ms()
    if claims.e <= now:
        raise Refused(401, texts.REFRESH_TOKEN_EXPIRED)
    if claims.t != REFRESH or principal_of(claims, desk.directory) is None:
        raise Refused(401, texts.UNAUTHORIZED)
    desk.inventory.note_login(claims.u)
    pair = desk.tokens.pair(claims, now + desk.tokens.access_ms, claims.e)
    return {"accessToken": pair["accessToken"]}


def _read_actions(items: list[Any] | None) -> list[int]:
    """Names, in any case, or ids. None given: nothing is allowed. Unknown names are passed over."""
    if items is None:
        return [NONE]
    ids: list[int] = []
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int):
            raise malformed()
        id = item if isinstance(item, int) else NAMES.get(item.lower(), int(item) if item.isdecimal() else None)
        if id is not None and 0 <= id <= 18 and id not in ids:
            ids.append(id)
    # Names that all are unknown allow nothing; an empty list would mean the client's set.
    return ids or ([NONE] if items else [])


def _within_reach(desk: Desk, call: Call, claims: Claims) -> Claims:
    """A token reaches no further than whoever makes it. The original let any client make one that could do anything."""
    maker = call.who()
    wanted = set(CLIENT_ACTIONS) if not claims.a else set(claims.a) - {NONE}
    if ANY in wanted:
        wanted = set(EVERY_ACTION)
    if not wanted <= maker.actions:
        raise denied()
    networks = _bounded(claims.n, desk.allowed.visible(maker, NETWORK))
    types = _bounded(claims.dt, desk.allowed.visible(maker, DEVICE_TYPE))
    return Claims(claims.a, claims.e, claims.t, claims.u, networks, types)


def _bounded(ids: list[str] | None, bound: frozenset[int] | None) -> list[str] | None:
    """The ids asked for, if they are within the maker's own; all of the maker's where none were named."""
    if bound is None:
        return ids
    if ids is None:
        return [str(id) for id in sorted(bound)]
    if "*" in ids or not read_ids(ids) <= bound:
        raise denied()
    return ids
