"""Who somebody is by the word of a webhook, MQTT client or HTTP caller: one question, one Caller or Refusal.

The address is the settings', else the namespace's (`webhookAuthentication`), and may change with it. A yes is
remembered until it expires. What a newcomer gets wrong: a namespace decides what a name may do, so a yes is only a
name with attributes; and where the webhook fails nobody is refused for good, they are told to come back.
"""

import base64
import binascii
import logging
from collections.abc import Callable

from myna.config.outgoing import WebhookSettings
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.faces.contract import Scope
from myna.faces.eventgrid.answers import outcome_of
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.clients import KEY, MAXIMUM_NAME, Client, read_attribute
from myna.faces.eventgrid.metrics import Metrics
from myna.faces.eventgrid.rules import Directory
from myna.formats.asking import Asking, Busy, is_exposed
from myna.formats.outgoing import CallFailed, HttpCaller, public_part
from myna.formats.remembered import Remembered
from myna.formats.webhooks import Allowed, BadAnswer, Decision, Denied, Question, eventgrid_body, read_eventgrid
from myna.wire import reasons

log = logging.getLogger("myna.eventgrid")


class Webhook:
    def __init__(
        self,
        tenant: str,
        directory: Directory,
        settings: WebhookSettings,
        http: HttpCaller,
        now: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._tenant = tenant
        self._directory = directory
        self._settings = settings
        self._asking = Asking(settings, http, now)
        self._now = now
        self._metrics = metrics
        self._known: Remembered[Caller] = Remembered()
        self._version = directory.version
        self._warned_at = 0.0
        if self.is_there() and is_exposed(self._url()):
            log.warning("what clients show is sent to the webhook %s unencrypted; use https", public_part(self._url()))

    def is_there(self) -> bool:
        return bool(self._url())

    def find(self, question: Question, now: float) -> Caller | None:
        """Who has shown the same before."""
        if self._version != self._directory.version:  # a registration may have been disabled
            self._known.clear()
            self._version = self._directory.version
        return self._known.find(eventgrid_body(question), now)

    async def identify(self, question: Question, now: float) -> Caller | Refusal:
        known = self.find(question, now)
        if known is not None:
            return known
        status = 0
        try:
            answer = await self._asking.post(self._url(), eventgrid_body(question))
            status = answer.status
            decision = self._read(status, answer.body)
        except Busy as error:
            self._metrics.webhook_failed(0, "QuotaExceeded")
            return Refusal(reasons.SERVER_BUSY, str(error))
        except (CallFailed, BadAnswer) as error:
            self._metrics.webhook_failed(status, outcome_of(status if status >= 400 else 500))
            self._warn(str(error))
            return Refusal(reasons.SERVER_UNAVAILABLE, "the webhook that knows the clients cannot be used now")
        return self._settle(decision, question)

    def _read(self, status: int, body: bytes) -> Decision:
        if status != 200:
            raise BadAnswer(f"the answer is {status}")
        decision = read_eventgrid(body)
        if isinstance(decision, Allowed) and len(decision.user) > MAXIMUM_NAME:
            raise BadAnswer(f"the authentication name has more than {MAXIMUM_NAME} characters")
        return decision

    def _settle(self, decision: Decision, question: Question) -> Caller | Refusal:
        if isinstance(decision, Denied):
            self._metrics.webhook_decided("Deny")
            return Refusal(reasons.NOT_AUTHORIZED, decision.text or "the webhook does not admit this client")
        self._metrics.webhook_decided("Allow")
        expires_at = decision.expires_at
        if expires_at and expires_at <= self._now():
            return Refusal(reasons.NOT_AUTHORIZED, "what the webhook says has expired")
        caller = self._make(decision, question.client_id)
        if expires_at:
            self._known.keep(eventgrid_body(question), caller, expires_at)
        return caller

    def _make(self, allowed: Allowed, client_id: str) -> Caller:
        attributes = {}
        for name, value in allowed.attributes.items():
            attribute = read_attribute(value)
            if attribute is not None and KEY.fullmatch(name):
                attributes[name] = attribute
        return Caller(
            self._tenant,
            self._directory,
            Client(allowed.user, attributes),
            client_id or allowed.user,
            authentication="CustomWebhook",
            source="Webhook",
            expires_at=allowed.expires_at,
        )

    def _url(self) -> str:
        return self._settings.url or self._directory.namespace.configuration.webhook

    def _warn(self, cause: str) -> None:
        """Once a second; the metrics have them all."""
        now = self._now()
        if now - self._warned_at >= 1.0:
            self._warned_at = now
            log.warning("the webhook cannot tell who clients are: %s", cause)


def read_ticket(ticket: Ticket) -> Question:
    return Question(
        ticket.client_id,
        ticket.user_name,
        ticket.password,
        ticket.method,
        ticket.data,
        getattr(ticket.peer.certificate, "der", b""),
        ticket.peer.address,
        ticket.level,
    )


def read_call(scope: Scope) -> Question:
    """An HTTP caller has no client id; its bearer token, or API key, is the data of an authentication."""
    headers = dict(reversed(scope["headers"]))  # of repeated ones the first counts
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    user: str | None = None
    password: bytes | None = None
    data: bytes | None = headers.get(b"x-api-key")
    if scheme.lower() == b"bearer":
        data = value.strip()
    elif scheme.lower() == b"basic":
        user, password = _read_basic(value.strip())
    certificate = scope.get("extensions", {}).get("tls", {}).get("myna.certificate")
    return Question("", user, password, None, data, getattr(certificate, "der", b""))


def _read_basic(value: bytes) -> tuple[str | None, bytes | None]:
    try:
        name, _, password = base64.b64decode(value, validate=True).partition(b":")
        return name.decode(), password
    except (binascii.Error, ValueError):
        return None, None
