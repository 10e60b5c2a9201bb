"""Whose tokens are believed: an issuer's name, its keys, and what its tokens must say.

    issuer = choose(issuers, token)         whose it says it is; proves nothing yet
    claims = await issuer.check(token, now)

What a newcomer gets wrong: keys are fetched at most once for a token, and only where another set could make a
difference: a wrong signature, a wrong audience or an old token is refused at once. And a token that is shown again and
again costs a look at its signature now and then, not each time.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

from myna.formats.jwt import BadToken, Claims, Key, genuine, has_audience, read_unverified, verify_by
from myna.formats.key_sets import WELL_KNOWN, KeySet, is_file
from myna.formats.keys import BadKey, read_keys, secret_key
from myna.formats.outgoing import HttpCaller
from myna.formats.remembered import Remembered

ANY: Final = "*"  # an audience: any at all
REFUSED_FOR: Final = 10.0  # seconds in which a token that was refused is refused again without a look
REFUSED: Final = 2000  # tokens


class UnknownIssuer(BadToken):
    """Of an issuer that is not configured here; somebody else may know it."""


class NoKeys(BadToken):
    """Nothing can be said of the token: its issuer's keys have never been fetched."""


class Terms(Protocol):
    """What settings say of an issuer. `config.tokens.IssuerSettings` has the words for each."""

    @property
    def issuer(self) -> str: ...
    @property
    def keys(self) -> Sequence[str]: ...
    @property
    def jwks(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def algorithms(self) -> Sequence[str]: ...
    @property
    def audiences(self) -> Sequence[str]: ...
    @property
    def trust(self) -> str: ...
    @property
    def leeway(self) -> float: ...
    @property
    def refresh(self) -> float: ...
    @property
    def refresh_pause(self) -> float: ...


class Issuer:
    """Raises BadKey or OSError where the settings' keys cannot be read. `keys`: more than the settings name."""

    def __init__(
        self, terms: Terms, http: HttpCaller, *, audiences: Sequence[str] = (), keys: Sequence[Key] = ()
    ) -> None:
        self.name = terms.issuer
        self._audiences = tuple(terms.audiences) or tuple(audiences)
        self._leeway = float(terms.leeway)
        self._refused: Remembered[tuple[BadToken, float]] = Remembered(REFUSED)  # and how old the keys were
        fixed = [*keys, *_read_all(terms)]
        url = terms.jwks or _discovery(terms, bool(fixed))
        if not (fixed or url):
            raise BadKey("an issuer needs `keys`, `jwks` or `secret`, or to be an https URL that can be asked for them")
        if url and not self._audiences:
            raise BadKey(f'an issuer with published keys serves many: name `audiences`, or ["{ANY}"] for any')
        self.keys = KeySet(
            http,
            fixed,
            url=url,
            issuer=terms.issuer,
            algorithms=terms.algorithms,
            trust=terms.trust,
            fresh=float(terms.refresh),
            patience=float(terms.refresh_pause),
        )

    async def check(self, token: str, now: Callable[[], float]) -> Claims:
        """The claims of a token that is good. Raises BadToken; fetches keys where that may help."""
        return (await self.check_by(token, now))[0]

    async def check_by(self, token: str, now: Callable[[], float]) -> tuple[Claims, Key]:
        """The same, and the key that has signed it."""
        keys = self.keys
        if keys.is_stale(now()):
            await keys.refresh(now())
        shown = token.encode()
        held = self._refused.find(shown, now())
        if held is not None and held[1] == keys.fetched_at and not (held[0].unknown_key and keys.may_refresh(now())):
            raise held[0].with_traceback(None)
        try:
            return self.verify_by(token, now())
        except BadToken as error:
            if not error.unknown_key or not keys.may_refresh(now()):
                self._remember(shown, error, now())
                raise
        await keys.refresh(now())
        try:
            return self.verify_by(token, now())
        except BadToken as error:
            self._remember(shown, error, now())
            raise

    def _remember(self, shown: bytes, refused: BadToken, now: float) -> None:
        """But for one that may be good in a moment: there are no keys yet, or it is not valid yet."""
        if not isinstance(refused, NoKeys) and (refused.expired or not refused.genuine):
            self._refused.keep(shown, (refused, self.keys.fetched_at), now + REFUSED_FOR)

    def verify(self, token: str, now: float) -> Claims:
        """As `check`, with the keys there are."""
        return self.verify_by(token, now)[0]

    def verify_by(self, token: str, now: float) -> tuple[Claims, Key]:
        keys = self.keys.keys()
        if not keys:
            raise NoKeys("the keys of the token's issuer cannot be fetched now")
        claims, key = verify_by(token, keys, now, leeway=self._leeway)
        with genuine():
            if self.name and claims.get("iss") != self.name:
                raise UnknownIssuer("the token is of another issuer")
            if self._audiences and ANY not in self._audiences and not has_audience(claims, self._audiences):
                raise BadToken("the token is meant for another audience")
            if claims.get("exp") is None:
                raise BadToken("the token never expires: exp is missing")
        return claims, key

    def ends(self, claims: Claims) -> float:
        """When a token is good no longer."""
        return float(claims["exp"]) + self._leeway


def key_files(terms: Terms) -> list[Path]:
    """Those of its keys that are files and may change."""
    return [Path(source) for source in terms.keys if not _is_text(source)]


I = TypeVar("I", bound=Issuer)  # noqa: E741  # the letter of its bound


def choose(issuers: Iterable[I], token: str) -> I:
    """The issuer that a token names, or the one that takes those of any. Raises BadToken."""
    _, claims = read_unverified(token)
    named = claims.get("iss")
    fallback: I | None = None
    for issuer in issuers:
        if issuer.name and issuer.name == named:
            return issuer
        if not issuer.name and fallback is None:
            fallback = issuer
    if fallback is None:
        raise UnknownIssuer("the token's issuer is not known here")
    return fallback


def _discovery(terms: Terms, has_keys: bool) -> str:
    """Where an issuer without any keys can be asked for them."""
    if has_keys or is_file(terms.issuer):
        return ""
    return terms.issuer.rstrip("/") + WELL_KNOWN


def _read_all(terms: Terms) -> list[Key]:
    keys: list[Key] = []
    for source in terms.keys:
        text = source.encode() if _is_text(source) else Path(source).read_bytes()
        found = read_keys(text)
        if not found:
            raise BadKey("a JWKS without a usable key")
        keys += found
    if terms.secret:
        keys.append(secret_key(terms.secret.encode()))
    return keys


def _is_text(source: str) -> bool:
    """The key itself, not the name of its file."""
    return source.lstrip().startswith(("-----BEGIN", "{"))
