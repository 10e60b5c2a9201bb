"""MQTT clients of this API: JWTs by AUTH method or as password, certificates of registered clients, and visitors.

    OAUTH2-JWT, CUSTOM-JWT      MQTT 5, the token in the authentication data, refreshed by AUTH 0x19
    a JWT as password           any version; what the vendor says of 3.1.1 is contradictory, we take it
    a client certificate        with a registration
    whatever a webhook takes    any way of showing something
    anything else               that an authenticator of the broker's accepts: user name and password, SCRAM …

What a newcomer gets wrong: a client id belongs to the name that opened its session, until that session is gone.
Nobody else may take it over, though the core would let them: its sessions are the tenant's.
"""

import inspect
from collections.abc import Awaitable
from typing import Final

from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Answer, Challenge, Proved, Unclaimed, Verdict
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.certificates import Certificates
from myna.faces.eventgrid.rules import Directory
from myna.faces.eventgrid.tokens import Tokens
from myna.faces.eventgrid.visitors import Visitors
from myna.faces.eventgrid.webhook import Webhook, read_ticket
from myna.formats.issuers import NoKeys, UnknownIssuer
from myna.formats.jwt import BadToken, looks_like_jwt
from myna.formats.webhooks import Question
from myna.wire import reasons

METHODS: Final = ("OAUTH2-JWT", "CUSTOM-JWT")


class Admission:
    """What stands between knowing somebody and letting them in."""

    def __init__(self, broker: Broker, tenant: str, directory: Directory, sessions_per_name: int) -> None:
        self._broker = broker
        self._directory = directory
        self._tenant = tenant
        self._sessions_per_name = sessions_per_name

    def admit(self, caller: Caller, ticket: Ticket) -> Identity | Refusal:
        if not caller.enabled:
            return Refusal(reasons.NOT_AUTHORIZED, "this client's registration is disabled")
        name = caller.identity.user
        held = self._broker.session(self._tenant, "", ticket.client_id) if ticket.client_id else None
        if held is not None and held.identity.user.casefold() != name.casefold():
            return Refusal(reasons.NOT_AUTHORIZED, "the client id belongs to somebody else")
        limit = self._sessions_per_name or self._directory.namespace.configuration.sessions_per_name
        if held is None and limit and len(self._broker.sessions(self._tenant, user=name)) >= limit:
            return Refusal(reasons.QUOTA_EXCEEDED, "too many sessions of this client")
        return caller.admitted()


class TokenGate:
    """The authenticator `eventgrid-jwt`."""

    def __init__(self, tokens: Tokens, admission: Admission) -> None:
        self._tokens = tokens
        self._admission = admission

    def judge(self, ticket: Ticket, now: float) -> Answer:
        token, method = _token_of(ticket)
        if token is None:
            return None
        known = None if method else self._tokens.find(token, now)
        return self._check(token, method, ticket) if known is None else self._admit(known, ticket)

    async def _check(self, token: bytes, method: str, ticket: Ticket) -> Verdict:
        try:
            caller = await self._tokens.check(token, method)
        except UnknownIssuer as error:
            words = str(error)
            return Unclaimed(lambda: Refusal(reasons.NOT_AUTHORIZED, words))
        except NoKeys as error:
            return Refusal(reasons.SERVER_UNAVAILABLE, str(error))
        except BadToken as error:
            ticket.counts = not error.genuine
            return Refusal(reasons.NOT_AUTHORIZED, str(error))
        return self._admit(caller, ticket)

    def _admit(self, caller: Caller, ticket: Ticket) -> Verdict:
        """A genuine token is no guess, and says nothing of the user name beside it."""
        admitted = self._admission.admit(caller, ticket)
        ticket.counts = isinstance(admitted, Identity) and not ticket.user_name
        return admitted


class CertificateGate:
    """The authenticator `eventgrid-certificate`."""

    def __init__(self, certificates: Certificates, admission: Admission) -> None:
        self._certificates = certificates
        self._admission = admission

    def judge(self, ticket: Ticket, now: float) -> Verdict:
        if ticket.method is not None:
            return None
        caller = self._certificates.identify(ticket.peer.certificate, ticket.user_name)
        if caller is None:
            return None
        ticket.counts = False  # it is not the user name that gets it in
        return self._admission.admit(caller, ticket)


class WebhookGate:
    """The authenticator `eventgrid-webhook`: everybody who comes this far is put to the webhook, where there is one."""

    def __init__(self, webhook: Webhook, admission: Admission) -> None:
        self._webhook = webhook
        self._admission = admission

    def judge(self, ticket: Ticket, now: float) -> Answer:
        if not self._webhook.is_there():
            return None
        question = read_ticket(ticket)
        known = self._webhook.find(question, now)
        return self._ask(question, ticket, now) if known is None else self._admission.admit(known, ticket)

    async def _ask(self, question: Question, ticket: Ticket, now: float) -> Verdict:
        found = await self._webhook.identify(question, now)
        return found if isinstance(found, Refusal) else self._admission.admit(found, ticket)


class VisitorGate:
    """The authenticator `eventgrid`: whoever those of the setting `access` know, under the namespace's rules."""

    def __init__(self, visitors: Visitors, admission: Admission) -> None:
        self._visitors = visitors
        self._admission = admission

    def judge(self, ticket: Ticket, now: float) -> Answer:
        return self._receive(self._visitors.callers.judge(ticket, now), ticket)

    def _receive(self, answer: Answer, ticket: Ticket) -> Answer:
        if inspect.isawaitable(answer):
            return self._later(answer, ticket)
        if isinstance(answer, Identity):
            return self._admit(answer, ticket)
        if isinstance(answer, Proved):
            admitted = self._admit(answer.identity, ticket)
            return Proved(admitted, answer.data) if isinstance(admitted, Identity) else admitted
        if isinstance(answer, Challenge):
            challenge = answer
            return Challenge(challenge.data, lambda again, now: self._receive(challenge.judge(again, now), again))
        return answer

    async def _later(self, answer: Awaitable[Verdict], ticket: Ticket) -> Verdict:
        received = self._receive(await answer, ticket)
        return await received if inspect.isawaitable(received) else received

    def _admit(self, identity: Identity, ticket: Ticket) -> Identity | Refusal:
        caller = self._visitors.receive(identity)
        return caller if isinstance(caller, Refusal) else self._admission.admit(caller, ticket)


def _token_of(ticket: Ticket) -> tuple[bytes | None, str]:
    """The token and the method it came by, if it came by one of ours."""
    if ticket.method is not None:
        return (ticket.data or b"", ticket.method) if ticket.method in METHODS else (None, "")
    password = ticket.password
    return (password, "") if password is not None and looks_like_jwt(password) else (None, "")
