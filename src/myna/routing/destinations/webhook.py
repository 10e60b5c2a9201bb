"""Events by HTTP to somebody's endpoint: a POST for each, or for a batch.

What a newcomer gets wrong: 200 to 204 is a yes and nothing else is. Some answers mean that the same request would fail
again: those events are dead, and are not repeated.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import quote, urljoin, urlsplit

from msgspec import field

from myna.config import Duration
from myna.config.outgoing import CredentialSettings
from myna.formats.cloudevents import BATCH, CHARSET, STRUCTURED, NotAnEvent, attributes_of, content_of
from myna.formats.credentials import Credentials
from myna.formats.outgoing import Answer, CallFailed, Cause, public_part
from myna.routing.destination import Destination, DestinationContext, NotReady
from myna.routing.event import Event
from myna.routing.settings import DestinationSettings
from myna.routing.verdict import AUTHENTICATION, BUSY, DELIVERED, NOT_FOUND, SERVICE, Verdict, again, never

MAXIMUM_HEADERS: Final = 10
LARGEST_ANSWER: Final = 64 * 1024
LONGEST_WAIT: Final = 6 * 3600.0  # that an endpoint may ask for

SCHEDULE: Final = (10.0, 30.0, 60.0, 300.0)

# Statuses for which the same request would fail again: the word for the result, the class, and how long to leave the
# endpoint alone if it goes on.
_FINAL: Final[Mapping[int, tuple[str, str, float]]] = {
    400: ("BadRequest", SERVICE, 0.0),
    401: ("Unauthorized", AUTHENTICATION, 300.0),
    403: ("Forbidden", AUTHENTICATION, 300.0),
    404: ("NotFound", NOT_FOUND, 300.0),
    413: ("PayloadTooLarge", SERVICE, 0.0),
    414: ("UriTooLong", SERVICE, 0.0),
}
# Others: the word, the class, and how long to wait at least.
_PASSING: Final[Mapping[int, tuple[str, str, float]]] = {
    408: ("TimedOut", SERVICE, 120.0),
    429: ("Busy", BUSY, 10.0),
    503: ("Busy", SERVICE, 30.0),
}
_FAILURES: Final[Mapping[Cause, tuple[str, str, float]]] = {
    Cause.TIMEOUT: ("TimedOut", SERVICE, 10.0),
    Cause.CONNECTION: ("SocketError", SERVICE, 30.0),
    Cause.NAME: ("ResolutionError", NOT_FOUND, 300.0),
    Cause.TLS: ("SocketError", AUTHENTICATION, 300.0),
    Cause.TOO_LARGE: ("Undefined", SERVICE, 0.0),
}
_OURS: Final = frozenset({"content-type", "content-length", "host", "transfer-encoding", "connection"})
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_SAFE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class WebhookSettings(DestinationSettings, frozen=True, kw_only=True):
    url: str
    mode: Literal["structured", "binary"] = "structured"
    headers: dict[str, str] = field(default_factory=dict)  # sent with each delivery; at most ten
    timeout: Duration = Duration(30)  # for an answer
    handshake: bool = False  # ask the endpoint first whether it wants events of ours (OPTIONS, WebHook-Request-Origin)
    trust: str = ""  # PEM: authorities to believe, instead of the system's
    credentials: CredentialSettings = field(default_factory=CredentialSettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # `port` raises, too
            raise ValueError("`url` begins with https:// or http://")
        if len(self.headers) > MAXIMUM_HEADERS:
            raise ValueError(f"at most {MAXIMUM_HEADERS} `headers`, here are {len(self.headers)}")
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name) or name.lower() in _OURS or not (value.isascii() and value.isprintable()):
                raise ValueError(f"headers: {name!r} cannot be sent, or not with this value")
        if self.mode == "binary" and self.max_events_per_batch > 1:
            raise ValueError("batches are structured: with `max_events_per_batch`, `mode` cannot be binary")


class Webhook(Destination):
    SETTINGS = WebhookSettings
    SCHEDULE = SCHEDULE

    def __init__(self, context: DestinationContext, settings: WebhookSettings) -> None:
        self._http = context.http
        self._now = context.now
        self._settings = settings
        self._origin = context.origin
        self._credentials = Credentials(settings.credentials, context.http)
        self._renews = bool(settings.credentials.token_url)
        self._fixed = list(settings.headers.items())
        if settings.handshake:
            self._fixed.append(("origin", context.origin))
        is_batched = settings.max_events_per_batch > 1
        self._content_type = ("content-type", (BATCH if is_batched else STRUCTURED) + CHARSET)
        self._is_batched = is_batched

    async def start(self) -> None:
        if not self._settings.handshake:
            return
        headers = [("webhook-request-origin", self._origin)]
        try:
            headers += await self._credentials.headers(self._now())
            answer = await self._call("OPTIONS", headers, b"")
        except CallFailed as failure:
            raise NotReady(_after(failure)) from None
        allowed = answer.headers.get("webhook-allowed-origin", "")
        known = [one.strip().lower() for one in allowed.split(",")]  # names of hosts, which have no case
        if self._origin.lower() not in known and "*" not in known:
            cause = (
                f"the endpoint does not agree to receive events from {self._origin}: it answered OPTIONS with "
                f"{answer.status} and WebHook-Allowed-Origin {allowed!r}; set `handshake = false` if it need not"
            )
            raise NotReady(again(cause, result="Unauthorized", error=AUTHENTICATION, hold=60.0))

    async def deliver(self, events: Sequence[Event]) -> Verdict:
        try:
            headers, body = self._form(events)
        except NotAnEvent as error:
            return never(f"an event cannot be sent: {error}", result="BadRequest")
        try:
            answer = await self._send(headers, body)
            if answer.status == 401 and self._renews:  # the token may have been withdrawn: once more, with a new one
                self._credentials.were_refused()
                answer = await self._send(headers, body)
        except CallFailed as failure:
            return self._wait_as_said(_after(failure))
        return self._wait_as_said(_judge(answer, self._settings.url, self._now()))

    def _wait_as_said(self, verdict: Verdict) -> Verdict:
        """Whoever writes a schedule of their own means it, whatever the status; but not against the endpoint's wish."""
        if not self._settings.retry or verdict.untried or verdict.asked:
            return verdict
        return replace(verdict, after=0.0)

    def _form(self, events: Sequence[Event]) -> tuple[list[tuple[str, str]], bytes]:
        if self._is_batched:
            return [self._content_type], b"[" + b",".join([event.body for event in events]) + b"]"
        (event,) = events
        return binary_form(event) if self._settings.mode == "binary" else ([self._content_type], event.body)

    async def _send(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        shown = await self._credentials.headers(self._now())
        return await self._call("POST", [*headers, *self._fixed, *shown], body)

    async def _call(self, method: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        settings = self._settings
        return await self._http.call(
            method,
            settings.url,
            headers=headers,
            body=body,
            timeout=float(settings.timeout),
            largest=LARGEST_ANSWER,
            trust=settings.trust,
        )


def binary_form(event: Event) -> tuple[list[tuple[str, str]], bytes]:
    """Attributes in headers, and the data as it is. Raises NotAnEvent."""
    decoded = event.decoded()
    body, content_type = content_of(decoded)
    headers = [(f"ce-{name}", quote(value, safe=_SAFE)) for name, value in attributes_of(decoded).items()]
    if content_type:
        headers.append(("content-type", "".join(one for one in content_type if one.isprintable() and one.isascii())))
    return headers, body


def _after(failure: CallFailed) -> Verdict:
    """There was no answer."""
    if failure.cause in (Cause.HELD_BACK, Cause.CLOSED):
        return again(str(failure), result="Probation", after=1.0, hold=1.0, untried=True)
    result, error, hold = _FAILURES[failure.cause]
    return again(str(failure), result=result, error=error, after=10.0, hold=hold)


def _judge(answer: Answer, url: str, now: float) -> Verdict:
    status = answer.status
    if 200 <= status <= 204:
        return DELIVERED
    cause = f"the endpoint answered {status}"
    final = _FINAL.get(status)
    if final is not None:
        result, error, hold = final
        return never(cause, result=result, error=error, hold=hold)
    if 300 <= status < 400 and "location" in answer.headers:  # what we send is for the address we were given alone
        cause += f" and sends to {_place(url, answer.headers['location'])}; redirects are not followed, change `url`"
    result, error, wait = _PASSING.get(status, ("Undefined", SERVICE, 10.0))
    asked = retry_after(answer.headers.get("retry-after", ""), now)
    verdict = again(cause, result=result, error=error, after=max(wait, asked), hold=max(10.0, asked))
    return replace(verdict, asked=asked > 0.0)


def _place(url: str, location: str) -> str:
    try:
        return public_part(urljoin(url, location))
    except ValueError:
        return public_part(location)


def retry_after(text: str, now: float) -> float:
    """Seconds, or a date; 0 where there is neither."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:12]), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, at - now), LONGEST_WAIT)
