"""What we show to those we call: nothing, a fixed token, a name and a password, or a token that a server gives us for
our secret (OAuth 2 client credentials, RFC 6749 §4.4).

    headers = await credentials.headers(now)
    answer = await http.call(…, headers=headers)
    if answer.status == 401: credentials.were_refused()       the next call gets a new token

What a newcomer gets wrong: a token is fetched when it is first needed and used until shortly before it expires;
however many calls want one meanwhile, it is asked for once.
"""

import asyncio
import base64
from typing import Final, Protocol
from urllib.parse import quote, urlencode

import msgspec

from myna.formats.outgoing import CallFailed, Cause, HttpCaller

Headers = list[tuple[str, str]]

TIMEOUT: Final = 5.0
LARGEST: Final = 64 * 1024  # bytes of an answer with a token
MARGIN: Final = 30.0  # seconds before its end at which a token is not used any more
UNSAID: Final = 300.0  # seconds a token is used that does not say how long it is good
_FORM: Final = ("content-type", "application/x-www-form-urlencoded")


class Terms(Protocol):
    """What settings say; `config.outgoing.CredentialSettings` has the words for each."""

    @property
    def bearer(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def token_url(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def audience(self) -> str: ...
    @property
    def client_authentication(self) -> str: ...
    @property
    def trust(self) -> str: ...


class _TokenAnswer(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"
    expires_in: float | str | None = None


class Credentials:
    def __init__(self, terms: Terms, http: HttpCaller) -> None:
        self._terms = terms
        self._http = http
        self._fixed = _fixed(terms)
        self._token: Headers = []
        self._good_until = 0.0
        self._under_way: asyncio.Task[Headers] | None = None

    async def headers(self, now: float) -> Headers:
        """Raises CallFailed where a token was needed and none could be had."""
        if not self._terms.token_url:
            return self._fixed
        if self._token and now < self._good_until:
            return self._token
        if self._under_way is None:
            self._under_way = asyncio.ensure_future(self._fetch(now))
            self._under_way.add_done_callback(_look_at)  # whoever asked may have gone
        return await asyncio.shield(self._under_way)

    def were_refused(self) -> None:
        """Whoever was called did not take them."""
        self._token = []

    async def _fetch(self, now: float) -> Headers:
        try:
            answer = await self._http.call(
                "POST",
                self._terms.token_url,
                headers=[_FORM, ("accept", "application/json"), *_client_header(self._terms)],
                body=_form(self._terms),
                timeout=TIMEOUT,
                largest=LARGEST,
                trust=self._terms.trust,
            )
            if answer.status != 200:
                raise CallFailed(Cause.CONNECTION, f"the server that gives us tokens answered {answer.status}")
            given = _read(answer.body)
            lifetime = _lifetime(given.expires_in)
            self._token = [("authorization", f"Bearer {given.access_token}")]
            self._good_until = now + max(lifetime - MARGIN, lifetime / 2)
            return self._token
        finally:
            self._under_way = None


def _look_at(task: asyncio.Task[Headers]) -> None:
    if not task.cancelled():
        task.exception()


def _fixed(terms: Terms) -> Headers:
    if terms.bearer:
        return [("authorization", f"Bearer {terms.bearer}")]
    if terms.user:
        return [_basic(terms.user, terms.password)]
    return []


def _basic(user: str, password: str) -> tuple[str, str]:
    return ("authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


def _client_header(terms: Terms) -> Headers:
    """RFC 6749 §2.3.1: both are form-encoded first."""
    if terms.client_authentication == "body":
        return []
    return [_basic(quote(terms.client_id, safe=""), quote(terms.client_secret, safe=""))]


def _form(terms: Terms) -> bytes:
    fields = {"grant_type": "client_credentials", "scope": terms.scope, "audience": terms.audience}
    if terms.client_authentication == "body":
        fields |= {"client_id": terms.client_id, "client_secret": terms.client_secret}
    return urlencode({name: value for name, value in fields.items() if value}).encode()


def _read(body: bytes) -> _TokenAnswer:
    try:
        given = msgspec.json.decode(body, type=_TokenAnswer)
    except (msgspec.DecodeError, RecursionError):
        raise CallFailed(Cause.CONNECTION, "the server that gives us tokens gave none") from None
    token = given.access_token
    if given.token_type.lower() != "bearer" or not (token.isascii() and token.isprintable() and token):
        raise CallFailed(Cause.CONNECTION, "the server that gives us tokens gave one we cannot use")
    return given


def _lifetime(said: float | str | None) -> float:
    """Some write the number as text."""
    try:
        seconds = UNSAID if said is None else float(said)
    except ValueError:
        return UNSAID
    return seconds if 0 < seconds < 1e9 else UNSAID
