"""MQTT clients of a hub: the token at the upgrade, the identity at CONNECT, after the connect handler if there is one.

The upgrade is answered by what the token says; who the client is, is said again when its CONNECT has come, since only
that names it: the client id is the connection id. What a newcomer gets wrong: user name and password are not looked at
here, the handler gets them; and the client id of another user's session is refused, clean start or not.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Gate, Outlet, Peer, Ticket
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.faces.contract import ByteConversation, UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.faces.webpubsub.admission import PLAIN_TEXT, UNREADABLE, HubAccess, Rejected, read_query
from myna.faces.webpubsub.events.connect_event import (
    BadAnswer,
    MqttConnect,
    Welcome,
    connect_body,
    read_welcome,
)
from myna.faces.webpubsub.events.dispatcher import Dispatcher
from myna.faces.webpubsub.events.line import Line
from myna.faces.webpubsub.events.lines import mqtt_line
from myna.faces.webpubsub.events.mqtt_connect import read_refusal
from myna.faces.webpubsub.events.states import KeptStates
from myna.faces.webpubsub.events.watching import disconnected_before
from myna.faces.webpubsub.granted import KeptGrants
from myna.faces.webpubsub.naming import STRICT_CLIENT_ID, is_hub, tenant_of
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.settings import Settings
from myna.faces.webpubsub.tokens import MQTT, ClientClaims
from myna.faces.webpubsub.upstream import Reply
from myna.wire import reasons

PROTOCOL: Final = "mqtt"
SUBPROTOCOLS: Final = (PROTOCOL, "mqttv3.1")
NO_MQTT: Final = Rejected(400, "Offer the subprotocol mqtt.")

Verdict = Identity | Refusal | None
Connect = Callable[[Gate, Outlet, Peer, float], ByteConversation]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the upgrade has found out; travels to the gate in `peer.claims`. `request`: for a connect handler."""

    tenant: str
    hub: str
    claims: ClientClaims
    request: UpgradeRequest | None


class MqttAuthenticator:
    """Believes what the upgrade admitted."""

    def __init__(
        self, broker: Broker, dispatcher: Dispatcher, states: KeptStates, granted: KeptGrants, settings: Settings
    ) -> None:
        self._broker = broker
        self._granted = granted
        self._states = states
        self._dispatcher = dispatcher
        self.use(settings)

    def use(self, settings: Settings) -> None:
        self._is_strict = settings.strict_client_ids
        self._group_qos = settings.group_qos

    def judge(self, ticket: Ticket, now: float) -> Verdict | Awaitable[Verdict]:
        admitted = ticket.peer.claims
        if not isinstance(admitted, Admitted):
            return None
        if ticket.method is not None:
            return Refusal(reasons.BAD_AUTHENTICATION_METHOD, "clients of a hub authenticate by their token")
        client_id = ticket.client_id
        if self._is_strict and client_id and STRICT_CLIENT_ID.fullmatch(client_id) is None:
            return Refusal(reasons.CLIENT_IDENTIFIER_NOT_VALID, "a client id is 1 to 128 letters and digits")
        if not client_id:
            client_id = ticket.assigned_id = self._broker.new_client_id()
        hub = admitted.hub
        if not self._dispatcher.settings_of(hub).is_told():
            return self._identify(admitted, Welcome(), client_id, None, now)
        line = mqtt_line(hub, client_id, admitted.claims.user, ticket.peer.address)
        if not ticket.clean_start:
            self._resume(line, admitted.tenant, now)
        if admitted.request is None or not self._dispatcher.wants(hub, "connect"):
            return self._identify(admitted, Welcome(), client_id, line, now)
        return self._ask(ticket, admitted, admitted.request, client_id, line)

    def _resume(self, line: Line, tenant: str, now: float) -> None:
        """The handler is shown what it has said of the session, if there is one."""
        held = self._broker.session(tenant, "", line.source.connection_id)
        if held is None or _is_over(held, now):
            return
        identity = held.identity
        before = identity.line if isinstance(identity, WebPubSubIdentity) else None
        line.resumes(self._states.state_of(line) if before is None else before.source.state)

    async def _ask(
        self, ticket: Ticket, admitted: Admitted, request: UpgradeRequest, client_id: str, line: Line
    ) -> Verdict:
        answer: asyncio.Future[tuple[Reply, float]] = asyncio.get_running_loop().create_future()
        said = MqttConnect(ticket.level, ticket.clean_start, ticket.user_name, ticket.password, ticket.user_properties)
        query = read_query(request.query_string) or {}
        body = connect_body(admitted.claims.others, query, request.headers, [PROTOCOL], request.certificate, said)
        self._dispatcher.greet(line, body, lambda reply, now: _settle(answer, reply, now))
        reply, now = await answer
        if not reply.is_success:
            turned_away = read_refusal(reply, ticket.level)
            ticket.words = turned_away.words
            return turned_away.refusal
        try:
            welcome = read_welcome(reply)
        except BadAnswer as error:
            self._tell_end(line, admitted.tenant, "The answer of the connect handler is not usable.")
            return Refusal(reasons.UNSPECIFIED_ERROR, f"the connect handler's answer: {error}")
        ticket.words = welcome.words
        verdict = self._identify(admitted, welcome, client_id, line, now)
        if isinstance(verdict, Refusal):
            self._tell_end(line, admitted.tenant, verdict.text)
        elif isinstance(verdict, WebPubSubIdentity):
            verdict.when_turned_away = lambda: self._tell_end(line, admitted.tenant, "The client has not come in.")
        return verdict

    def _tell_end(self, line: Line, tenant: str, reason: str) -> None:
        """A handler has let in who has not come in after all. A session of this client id that is here goes on."""
        if self._broker.session(tenant, "", line.source.connection_id) is None:
            disconnected_before(self._dispatcher, line, reason)

    def _identify(
        self, admitted: Admitted, welcome: Welcome, client_id: str, line: Line | None, now: float
    ) -> Identity | Refusal:
        claims = admitted.claims
        user = welcome.user or claims.user
        held = self._broker.session(admitted.tenant, "", client_id)
        is_anothers = held is not None and held.identity.user != user and not _is_over(held, now)
        if is_anothers and self._dispatcher.settings_of(admitted.hub).client_ids_of_users:
            return Refusal(reasons.NOT_AUTHORIZED, "the client id belongs to another user's session")
        groups = list(dict.fromkeys((*claims.groups, *welcome.groups)))
        identity = WebPubSubIdentity(admitted.tenant, user, claims.roles, groups, welcome.roles)
        identity.group_qos = self._group_qos
        if held is not None and not isinstance(held.identity, WebPubSubIdentity):
            identity.kept = self._granted.of(held.key)
        if line is not None:
            line.source.user = user
        identity.line = line
        return identity


def _settle(answer: "asyncio.Future[tuple[Reply, float]]", reply: Reply, now: float) -> None:
    if not answer.done():
        answer.set_result((reply, now))


def _is_over(receiver: Receiver, now: float) -> bool:
    """Its time has passed, though it is still there."""
    return isinstance(receiver, Session) and receiver.is_overdue(now)


class MqttHubEndpoint:
    def __init__(
        self,
        broker: Broker,
        access: HubAccess,
        dispatcher: Dispatcher,
        default_tenant: str,
        connect: Connect,
        now: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._access = access
        self._dispatcher = dispatcher
        self._default_tenant = default_tenant
        self._connect = connect
        self._now = now
        self.gate: Gate | None = None  # there once every face has made its claims

    def open(self, request: UpgradeRequest, hub: str) -> "MqttOpening":
        return MqttOpening(self, request, hub)

    def admit(self, request: UpgradeRequest, hub: str) -> Admitted | Rejected:
        query = read_query(request.query_string)
        if query is None:
            return UNREADABLE
        host = (request.header(b"host") or b"").decode("latin-1")
        claims = self._access.admit(MQTT, hub, query, request.header(b"authorization"), host, self._now())
        if isinstance(claims, Rejected):
            return claims
        hub = hub.lower()
        asked = request if self._dispatcher.wants(hub, "connect") else None
        return Admitted(tenant_of(hub, self._default_tenant), hub, claims, asked)

    def refuse(self, request: UpgradeRequest, hub: str, rejected: Rejected) -> None:
        """Count it and say it, as of clients without MQTT."""
        self._broker.counters.refuse(f"webpubsub_connect:{rejected.status}")
        tenant = tenant_of(hub, self._default_tenant) if is_hub(hub) else ""
        cause = rejected.cause or rejected.text
        self._broker.watcher.refused("a WebSocket", tenant, "", request.address, cause, self._now())

    def converse(self, outlet: Outlet, peer: Peer, now: float) -> ByteConversation:
        gate = self.gate
        assert gate is not None  # `start` has been called before anything was open
        return self._connect(gate, outlet, peer, now)


class MqttOpening(WebSocketEndpoint):
    __slots__ = ("_endpoint", "_hub", "_request")

    def __init__(self, endpoint: MqttHubEndpoint, request: UpgradeRequest, hub: str) -> None:
        self._endpoint = endpoint
        self._request = request
        self._hub = hub

    def opening(self, socket: WebSocketConnection) -> None:
        request = self._request
        admitted = self._endpoint.admit(request, self._hub)
        chosen = next((name for name in request.subprotocols if name.lower() in SUBPROTOCOLS), None)
        if not isinstance(admitted, Rejected) and chosen is None:
            admitted = NO_MQTT
        if isinstance(admitted, Rejected):
            socket.reject(admitted.status, PLAIN_TEXT, admitted.text.encode())
            self._endpoint.refuse(request, self._hub, admitted)
            return
        peer = Peer(
            request.address,
            listener=request.listener,
            path=request.raw_path.decode("latin-1"),
            certificate=request.certificate,
            claims=admitted,
            websocket=True,
        )
        socket.carry(lambda outlet, now: self._endpoint.converse(outlet, peer, now), chosen)
