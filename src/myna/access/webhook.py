"""The authenticator `webhook`: somebody else says who a client is, in BifroMQ's form or in Event Grid's.

    yes                               Identity, for the time it says
    no                                refused as it says
    no answer, or none that is one    BifroMQ's form: unspecified error; Event Grid's: server unavailable
    too many at once                  server busy

What a newcomer gets wrong: it is asked about everybody who comes this far, so what stands behind it in a list is asked
only about clients with a method of authentication, which BifroMQ's form does not know.
"""

import logging
import secrets
from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from msgspec import Struct

from myna.access.authenticator import AccessContext, Answer, Authenticator, Verdict
from myna.access.open import EVERY_TENANT, TENANT
from myna.config import ConfigError, Duration
from myna.config.outgoing import WebhookSettings
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.formats.asking import Asking, Busy, is_exposed
from myna.formats.outgoing import CallFailed, public_part
from myna.formats.remembered import Remembered
from myna.formats.webhooks import (
    Allowed,
    Attribute,
    BadAnswer,
    Decision,
    Denied,
    Question,
    bifromq_body,
    eventgrid_body,
    read_bifromq,
    read_eventgrid,
)
from myna.wire import reasons

log = logging.getLogger("myna.access")

REDIRECTS: Final = 3  # BifroMQ follows them
CODES: Final[Mapping[str, int]] = {
    "BadPass": reasons.BAD_USER_NAME_OR_PASSWORD,
    "NotAuthorized": reasons.NOT_AUTHORIZED,
    "Banned": reasons.BANNED,
    "BadAuthMethod": reasons.BAD_AUTHENTICATION_METHOD,
}


class Settings(WebhookSettings, frozen=True):
    form: Literal["bifromq", "eventgrid"] = "bifromq"
    tenant: str = ""  # where the form names none; empty for the default one
    client_ids_per_user: bool = True  # a client id belongs to its user; else it is one of the tenant's
    remember: Duration = Duration(0)  # how long a yes holds for the same credentials, if it does not say


class Webhook(Authenticator):
    SETTINGS: ClassVar[type[Struct]] = Settings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        assert isinstance(settings, Settings)
        if not settings.url:
            raise ConfigError(["`url` is missing: who is to be asked?"])
        self._settings = settings
        self._now = context.now
        self._counters = context.broker.counters
        self._is_bifromq = settings.form == "bifromq"
        if is_exposed(settings.url):
            log.warning("access.webhook: passwords are sent to %s unencrypted; use https", public_part(settings.url))
        self._url = settings.url.rstrip("/") + "/auth" if self._is_bifromq else settings.url
        redirects = REDIRECTS if self._is_bifromq else 0
        self._asking = Asking(settings, context.http, context.now, redirects=redirects)
        self._known: Remembered[Allowed] = Remembered()
        self._warned_at = 0.0

    @classmethod
    def describe(cls, settings: Struct) -> str:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        form = "BifroMQ's" if settings.form == "bifromq" else "Event Grid's"
        return f"whoever {public_part(settings.url)} knows, asked in {form} form, within {settings.timeout}"

    def judge(self, ticket: Ticket, now: float) -> Answer:
        if ticket.method is not None and self._is_bifromq:
            return None  # a question this form has no words for
        question = read_question(ticket, bearer_is_data=not self._is_bifromq)
        known = self._known.find(_as_key(question), now)
        return self._ask(question) if known is None else self._admit(known)

    async def _ask(self, question: Question) -> Verdict:
        try:
            decision = await self._decide(question)
        except Busy as error:
            self._counters.refuse("webhook:busy")
            return Refusal(reasons.SERVER_BUSY, str(error))
        except (CallFailed, BadAnswer) as error:
            cause = error.cause if isinstance(error, CallFailed) else "bad_answer"
            self._counters.refuse(f"webhook:{cause}")
            reason = reasons.UNSPECIFIED_ERROR if self._is_bifromq else reasons.SERVER_UNAVAILABLE
            self._warn(str(error))
            return Refusal(reason, "the webhook that knows the clients cannot be used now")
        if isinstance(decision, Denied):
            reason = CODES.get(decision.code, reasons.UNSPECIFIED_ERROR)
            return Refusal(reason, decision.text or "the webhook does not admit this client")
        now = self._now()
        until = decision.expires_at or (now + self._settings.remember if self._settings.remember else 0.0)
        if decision.expires_at and decision.expires_at <= now:
            return Refusal(reasons.NOT_AUTHORIZED, "what the webhook says has expired")
        if until:
            self._known.keep(_as_key(question), decision, until)
        return self._admit(decision)

    def _warn(self, cause: str) -> None:
        """Once a second; the counters have them all."""
        now = self._now()
        if now - self._warned_at >= 1.0:
            self._warned_at = now
            log.warning("access.webhook: who clients are cannot be found out: %s", cause)

    async def _decide(self, question: Question) -> Decision:
        body = bifromq_body(question, secrets.token_hex(8)) if self._is_bifromq else eventgrid_body(question)
        answer = await self._asking.post(self._url, body)
        if answer.status != 200:
            raise BadAnswer(f"the answer is {answer.status}")
        return read_bifromq(answer.body) if self._is_bifromq else read_eventgrid(answer.body)

    def _admit(self, allowed: Allowed) -> Identity | Refusal:
        if allowed.tenant == EVERY_TENANT:
            return Refusal(reasons.NOT_AUTHORIZED, "the webhook names a tenant that is none")
        return Identity(
            allowed.tenant or self._settings.tenant or TENANT,
            allowed.user,
            client_ids_per_user=self._settings.client_ids_per_user,
            attributes={name: _show(value) for name, value in allowed.attributes.items()},
            expires_at=allowed.expires_at,
        )


def read_question(ticket: Ticket, *, bearer_is_data: bool) -> Question:
    """What a ticket shows. The bearer token of an HTTP caller is its password, or the data of an authentication."""
    token = ticket.peer.token
    is_bearer = ticket.level == 0 and bool(token)
    der = getattr(ticket.peer.certificate, "der", b"")
    return Question(
        client_id=ticket.client_id,
        user_name=ticket.user_name,
        password=None if is_bearer and bearer_is_data else ticket.password,
        method=ticket.method,
        data=token.encode("latin-1") if is_bearer and bearer_is_data else ticket.data,
        certificate=der,
        address=ticket.peer.address,
        level=ticket.level,
    )


def _as_key(question: Question) -> bytes:
    """Where a client comes from makes no difference to who it is."""
    parts = (question.client_id, question.user_name, question.method, question.password, question.data)
    return repr((*parts, question.certificate)).encode()


def _show(value: Attribute) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
