"""MQTT clients of a hub: the token at the upgrade, the identity at CONNECT.

The upgrade is answered by what the token says; who the client is, is said again when its CONNECT has come, since only
that names it: the client id is the connection id. What a newcomer gets wrong: user name and password are not looked
at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Gate, Outlet, Peer, Ticket
from myna.faces.contract import ByteConversation, UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.faces.webpubsub.admission import HubAccess, Rejected, read_query
from myna.faces.webpubsub.naming import STRICT_CLIENT_ID, tenant_of
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.tokens import MQTT, ClientClaims
from myna.wire import reasons

SUBPROTOCOLS: Final = ("mqtt", "mqttv3.1")

Connect = Callable[[Gate, Outlet, Peer, float], ByteConversation]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the upgrade has found out; travels to the gate in `peer.claims`."""

    tenant: str
    claims: ClientClaims


class MqttAuthenticator:
    """Believes what the upgrade admitted. `strict` refuses client ids the cloud would."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict

    def judge(self, ticket: Ticket, now: float) -> Identity | Refusal | None:
        admitted = ticket.peer.claims
        if not isinstance(admitted, Admitted):
            return None
        client_id = ticket.client_id
        if self.strict and client_id and STRICT_CLIENT_ID.fullmatch(client_id) is None:
            return Refusal(reasons.CLIENT_IDENTIFIER_NOT_VALID, "a client id is 1 to 128 letters and digits")
        claims = admitted.claims
        return WebPubSubIdentity(admitted.tenant, claims.user, claims.roles, list(claims.groups))


class MqttHubEndpoint:
    def __init__(self, access: HubAccess, default_tenant: str, connect: Connect, now: Callable[[], float]) -> None:
        self._access = access
        self._default_tenant = default_tenant
        self._connect = connect
        self._now = now
        self.gate: Gate | None = None  # there once every face has made its claims

    def open(self, request: UpgradeRequest, hub: str) -> "MqttOpening":
        return MqttOpening(self, request, hub)

    def admit(self, request: UpgradeRequest, hub: str) -> Admitted | Rejected:
        query = read_query(request.query_string)
        if query is None:
            return Rejected(400, "The query cannot be read.")
        host = (request.header(b"host") or b"").decode("latin-1")
        claims = self._access.admit(MQTT, hub, query, request.header(b"authorization"), host, self._now())
        return claims if isinstance(claims, Rejected) else Admitted(tenant_of(hub, self._default_tenant), claims)

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
        if isinstance(admitted, Rejected):
            socket.reject(admitted.status, (), admitted.text.encode())
            return
        chosen = next((name for name in request.subprotocols if name.lower() in SUBPROTOCOLS), None)
        if chosen is None:
            socket.reject(400, (), b"Offer the subprotocol mqtt.")
            return
        peer = Peer(
            request.address,
            listener=request.listener,
            path=request.raw_path.decode("latin-1"),
            certificate=request.certificate,
            claims=admitted,
        )
        socket.carry(lambda outlet, now: self._endpoint.converse(outlet, peer, now), chosen)
