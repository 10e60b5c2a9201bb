"""DeviceHive's own JWTs: who (`u`), what (`a`), where (`n`, `dt`), until when (`e`), and whether to act or to refresh.

    {"payload":{"a":[0],"e":1559347200000,"t":1,"u":1,"n":["*"],"dt":["*"]}}

What a newcomer gets wrong: the configured secret is read as Base64 text, and what does not fill a group of four
characters is ignored. `devicehive` is a key of six bytes. Tokens burned into devices depend on it.
"""

import base64
import binascii
from typing import Any, Final

import msgspec
from msgspec import Struct

from myna.faces.devicehive import permissions
from myna.faces.devicehive.permissions import ANY, CLIENT_ACTIONS, EVERY_ACTION, Principal
from myna.faces.devicehive.signing import BadToken, sign, verify
from myna.formats.directory import Directory, Person

REFRESH: Final = 0
ACCESS: Final = 1
REMEMBRANCE: Final = 2  # of ours: who a session was, for when the broker has been restarted; good for nothing else

BASE64: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


class BadSecret(Exception):
    """A secret too short to make a key of."""


class Claims(Struct, frozen=True):
    a: list[int]
    e: int
    t: int
    u: int
    n: list[str] | None = None
    dt: list[str] | None = None


class _Loose(Struct):
    """As others write them: numbers among the ids, members missing."""

    e: int
    t: int
    u: int
    a: list[int] | None = None
    n: list[str | int] | None = None
    dt: list[str | int] | None = None


class _Envelope(Struct):
    payload: _Loose


def derive_key(secret: str) -> bytes:
    """The bytes a secret stands for."""
    text = "".join(character for character in secret if character in BASE64)
    text = text[: len(text) // 4 * 4]
    try:
        key = base64.b64decode(text)
    except binascii.Error:
        key = b""
    if not key:
        raise BadSecret("the secret of DeviceHive's tokens is read as Base64 and must hold four characters or more")
    return key


class Tokens:
    def __init__(self, key: bytes, access_ms: int, refresh_ms: int) -> None:
        self._key = key
        self.access_ms = access_ms
        self.refresh_ms = refresh_ms

    def write(self, claims: Claims) -> str:
        payload: dict[str, Any] = {"a": claims.a, "e": claims.e, "t": claims.t, "u": claims.u}
        payload["n"] = claims.n
        payload["dt"] = claims.dt
        return sign(msgspec.json.encode({"payload": payload}), self._key)

    def read(self, token: str) -> Claims:
        """The claims of a token of ours, expired or not; BadToken for anything else."""
        try:
            loose = msgspec.json.decode(verify(token, self._key), type=_Envelope).payload
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadToken(str(error)) from error
        return Claims(
            loose.a or [],
            loose.e,
            loose.t,
            loose.u,
            None if loose.n is None else [str(id) for id in loose.n],
            None if loose.dt is None else [str(id) for id in loose.dt],
        )

    def pair(self, claims: Claims, access_until: int, refresh_until: int) -> dict[str, str]:
        access = msgspec.structs.replace(claims, t=ACCESS, e=access_until)
        refresh = msgspec.structs.replace(claims, t=REFRESH, e=refresh_until)
        return {"accessToken": self.write(access), "refreshToken": self.write(refresh)}


def claims_of(person: Person) -> Claims:
    """All that a user's own login gives."""
    if person.is_administrator():
        return Claims([ANY], 0, ACCESS, person.id, ["*"], ["*"])
    networks = [str(id) for id in sorted(person.networks)]
    types = ["*"] if person.all_device_types else [str(id) for id in sorted(person.device_types)]
    return Claims(list(CLIENT_ACTIONS), 0, ACCESS, person.id, networks, types)


def principal_of(claims: Claims, directory: Directory) -> Principal | None:
    """What the claims come to for this user as things are; None if there is no such user, or not an active one."""
    person = directory.people.get(claims.u)
    if person is None or not person.is_active():
        return None
    return Principal(person.id, _actions(claims.a), _networks(claims, person), _device_types(claims, person))


def _actions(ids: list[int]) -> frozenset[int]:
    if ANY in ids:
        return EVERY_ACTION
    if not ids:
        return frozenset(CLIENT_ACTIONS)
    return frozenset(ids) - {permissions.NONE}


def _networks(claims: Claims, person: Person) -> frozenset[int] | None:
    if claims.n is None:  # the documentation's reading: all that the owner has
        return None if person.is_administrator() else frozenset(person.networks)
    return None if "*" in claims.n else read_ids(claims.n)


def _device_types(claims: Claims, person: Person) -> frozenset[int] | None:
    if claims.dt is not None and "*" in claims.dt:
        return None
    if person.all_device_types:
        return None  # as the original: then a token's list counts for nothing
    return frozenset(person.device_types) if claims.dt is None else read_ids(claims.dt)


def read_ids(ids: list[str]) -> frozenset[int]:
    return frozenset(int(id) for id in ids if id.isascii() and id.isdecimal() and len(id) < 19)
