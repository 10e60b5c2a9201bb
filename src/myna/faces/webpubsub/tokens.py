"""Tokens signed with an access key: those of back ends for REST, and those of clients.

Both are signed with the same keys, so the path of the audience is all that separates them: /api/hubs/… opens REST,
/client/… a WebSocket, /clients/mqtt/… MQTT, and nothing opens two. What a newcomer gets wrong: a REST token's
audience is the whole URL, query included, or any part of it down to the hub; and its host is that of whatever proxy
the caller used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from myna.faces.webpubsub.naming import is_text
from myna.formats import jwt

LEEWAY: Final = 300.0  # seconds by which the clocks of callers may differ
VERIFIED_KEPT: Final = 4096
ALGORITHMS: Final = ("HS256",)
EXPIRED: Final = "the token has expired"

CLIENT: Final = "client/hubs"
MQTT: Final = "clients/mqtt/hubs"
SOCKET_IO: Final = "clients/socketio/hubs"


@dataclass(frozen=True, slots=True)
class Audience:
    host: str
    path: str  # decoded, without a slash at its end
    hub: str  # of the query, where the path names none


@dataclass(frozen=True, slots=True)
class ClientClaims:
    """What a client's token says of it. `others` is everything in it."""

    user: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    others: dict[str, Any]


ANONYMOUS: Final = ClientClaims("", (), (), {})


class Tokens:
    """`hosts` are the only audiences' hosts accepted; None accepts any."""

    def __init__(self, keys: Sequence[str], hosts: frozenset[str] | None = None) -> None:
        self._opened: dict[tuple[bytes, bytes, str], tuple[float, float]] = {}
        self.use(keys, hosts)

    def use(self, keys: Sequence[str], hosts: frozenset[str] | None) -> None:
        """Others from now on: what they opened must be opened again."""
        self._keys = [jwt.Key(key.encode(), ALGORITHMS) for key in keys if key]
        self._primary = keys[0].encode()
        self._hosts = hosts
        self._opened.clear()

    # REST

    def objection(self, authorization: bytes, raw_path: bytes, host: str, now: float) -> str:
        """Why the bearer may not make this request; empty if it may. Callers ask the same again and again; only the
        time has to be looked at.
        """
        asked = (authorization, raw_path, host)
        times = self._opened.get(asked)
        if times is None:
            try:
                claims = self._claims_that_open(authorization, raw_path, host, now)
            except jwt.BadToken as error:
                return str(error)
            times = (claims.get("nbf") or 0.0, claims["exp"])
            if len(self._opened) >= VERIFIED_KEPT:
                del self._opened[next(iter(self._opened))]
            self._opened[asked] = times
        return "" if times[0] - LEEWAY <= now < times[1] + LEEWAY else EXPIRED

    def has_signed(self, authorization: bytes, now: float) -> bool:
        """Is it signed by one of our keys, though it may be no good? Whoever shows such a one does not guess."""
        try:
            jwt.verify(bearer(authorization), self._keys, now)
        except jwt.BadToken as error:
            return error.genuine
        return True

    def _claims_that_open(self, authorization: bytes, raw_path: bytes, host: str, now: float) -> jwt.Claims:
        claims = self._verified(bearer(authorization), now)
        path = unquote(raw_path.decode("latin-1")).rstrip("/")
        self._check_audience(claims, host, lambda audience: _covers(audience.path, path))
        return claims

    # Clients

    def client(self, token: str, kind: str, hub: str, host: str, now: float) -> ClientClaims:
        """Who the bearer is. Raises BadToken if the token is not good for this endpoint of this hub."""
        claims = self._verified(token, now)
        wanted = f"/{kind}/{hub}".lower()

        def is_here(audience: Audience) -> bool:
            path = audience.path.lower()
            return path == wanted or (kind == CLIENT and path == "/client" and audience.hub.lower() == hub.lower())

        self._check_audience(claims, host, is_here)
        return _client_claims(claims)

    def issue(self, kind: str, hub: str, base: str, claims: Mapping[str, object], lifetime: float, now: float) -> str:
        """A client's token, signed with the primary key. Claims without a value are left out."""
        given = {name: value for name, value in claims.items() if value}
        audience = f"{base}/{kind}/{quote(hub, safe='')}"
        return jwt.sign({"aud": audience, "iat": int(now), "exp": int(now + lifetime), **given}, self._primary)

    def _verified(self, token: str, now: float) -> jwt.Claims:
        """The claims of a token that one of our keys has signed, that has an end, and whose time it is."""
        if not token:
            raise jwt.BadToken("there is no access token")
        try:
            claims = jwt.verify(token, self._keys, now, leeway=LEEWAY)
        except jwt.BadToken as error:
            if error.unknown_key:
                raise jwt.BadToken("the token is signed with another access key") from None
            raise
        if claims.get("exp") is None:
            raise jwt.BadToken("the token has no exp, and so no end")
        return claims

    def _check_audience(self, claims: jwt.Claims, host: str, is_here: Callable[[Audience], bool]) -> None:
        fitting = [audience for audience in _audiences(claims) if is_here(audience)]
        if not fitting:
            raise jwt.BadToken("the token's audience is another address")
        if self._hosts is not None and not any(one.host == host.lower() or one.host in self._hosts for one in fitting):
            raise jwt.BadToken("the token's audience is another host")


def bearer(authorization: bytes | None) -> str:
    """The token of an Authorization header; empty if it holds none."""
    if authorization is None:
        return ""
    scheme, _, token = authorization.decode("latin-1").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _audiences(claims: dict[str, Any]) -> tuple[Audience, ...]:
    held = claims.get("aud")
    texts = held if isinstance(held, list) else [held]
    audiences = []
    for text in texts:
        if not isinstance(text, str):
            continue
        try:
            parts = urlsplit(text)
        except ValueError:
            continue
        path = unquote(parts.path).rstrip("/")
        hub = parse_qs(parts.query, max_num_fields=100).get("hub", [""])[0] if path == "/client" else ""
        audiences.append(Audience(parts.netloc.lower(), path, hub))
    return tuple(audiences)


def _covers(audience: str, path: str) -> bool:
    """The path itself, or what it begins with down to the hub: /api/hubs/h covers /api/hubs/h/:send."""
    if not path.startswith(audience):
        return False
    rest = path[len(audience) :]
    if rest and rest[0] != "/":
        return False
    return (audience.startswith("/api/hubs/") and len(audience) > len("/api/hubs/")) or audience == "/api/health"


def _client_claims(claims: dict[str, Any]) -> ClientClaims:
    user = claims.get("sub")
    roles = _strings(claims.get("role"))
    groups = _strings(claims.get("webpubsub.group"))
    more = _strings(claims.get("group"))
    is_user = user is None or (isinstance(user, str) and is_text(user))
    if not is_user or roles is None or groups is None or more is None:
        raise jwt.BadToken("the token's sub, role or groups are no texts")
    return ClientClaims(user or "", roles, tuple(dict.fromkeys((*groups, *more))), claims)


def _strings(value: object) -> tuple[str, ...] | None:
    """A claim that is a string or several; None if it is neither."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    return None
