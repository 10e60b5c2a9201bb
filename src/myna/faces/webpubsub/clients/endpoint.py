"""The WebSocket endpoint of a hub: which kind of client asks, and the conversation of one socket with it.

    no subprotocol we know        SimpleClient, and no subprotocol is answered
    json.…                        JsonClient
    json.reliable.…               ReliableClient; with awps_connection_id and awps_reconnection_token, the one that
    was here

What a newcomer gets wrong: a recovery that fails is *accepted*, then closed with 1008. Any HTTP error would tell the
SDKs to try again for half a minute.
"""

import secrets
from collections.abc import Callable
from typing import Final

from myna.core.admission import check_connection
from myna.faces.contract import UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.faces.webpubsub.admission import HubAccess, Query, Rejected, first, read_query
from myna.faces.webpubsub.clients.client import POLICY, ClientSpace, WebSocketClient
from myna.faces.webpubsub.clients.json_client import JSON_PROTOCOL, JsonClient
from myna.faces.webpubsub.clients.reliable import RELIABLE_PROTOCOL, ReliableClient
from myna.faces.webpubsub.clients.simple import SimpleClient
from myna.faces.webpubsub.naming import is_group, tenant_of
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.tokens import CLIENT, ClientClaims

MODE: Final = "webpubsub_mode"
SEND_TO_GROUP: Final = "sendToGroup"
BANNED: Final = Rejected(403, "Banned.")
PLAIN_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)


class HubEndpoint:
    """Opens conversations. `hub` comes from the path, or from the query where the path has none."""

    def __init__(self, space: ClientSpace, access: HubAccess, default_tenant: str, now: Callable[[], float]) -> None:
        self.space = space
        self.access = access
        self.now = now
        self._default_tenant = default_tenant

    def open(self, request: UpgradeRequest, hub: str | None) -> "Conversation":
        return Conversation(self, request, hub)

    def tenant_of(self, hub: str) -> str:
        return tenant_of(hub, self._default_tenant)


class Conversation(WebSocketEndpoint):
    """One socket, and the client it serves once it has been let in."""

    __slots__ = ("_client", "_endpoint", "_hub", "_request", "_socket")

    def __init__(self, endpoint: HubEndpoint, request: UpgradeRequest, hub: str | None) -> None:
        self._endpoint = endpoint
        self._request: UpgradeRequest | None = request  # until it has been answered
        self._hub = hub
        self._client: WebSocketClient | None = None
        self._socket: WebSocketConnection | None = None

    def opening(self, socket: WebSocketConnection) -> None:
        request, self._request = self._request, None
        assert request is not None  # this is called once
        self._socket = socket
        query = read_query(request.query_string)
        if query is None:
            _reject(socket, Rejected(400, "The query cannot be read."))
            return
        hub = first(query, "hub") if self._hub is None else self._hub
        subprotocol, offered = choose_subprotocol(request.subprotocols)
        connection_id = first(query, "awps_connection_id")
        if connection_id and subprotocol == RELIABLE_PROTOCOL:
            self._recover(socket, request, hub, connection_id, first(query, "awps_reconnection_token"), offered)
            return
        host = (request.header(b"host") or b"").decode("latin-1")
        now = self._endpoint.now()
        claims = self._endpoint.access.admit(CLIENT, hub, query, request.header(b"authorization"), host, now)
        if isinstance(claims, Rejected):
            self._endpoint.space.broker.counters.refuse(f"webpubsub_connect:{claims.status}")
            _reject(socket, claims)
            return
        if self._is_banned(hub, claims.user, "", request.address, now):
            _reject(socket, BANNED)
            return
        client = self._make_client(hub, claims, subprotocol, query, request.address, now)
        if isinstance(client, Rejected):
            _reject(socket, client)
            return
        self._client = client
        client.open(claims.groups, now)
        socket.accept(offered)
        client.attach(socket, request.address, now)

    def _make_client(
        self, hub: str, claims: ClientClaims, subprotocol: str, query: Query, address: str, now: float
    ) -> WebSocketClient | Rejected:
        space = self._endpoint.space
        tenant = space.broker.tenant(self._endpoint.tenant_of(hub))
        identity = WebPubSubIdentity(tenant.name, claims.user, claims.roles, [])
        refusal = check_connection(space.broker, tenant, identity, None, False, now)
        if refusal is not None:
            space.broker.watcher.refused("a WebSocket", tenant.name, "", address, refusal.text, now)
            return Rejected(429, f"The hub takes no more connections now: {refusal.text}.")
        connection_id = secrets.token_hex(16)
        if subprotocol == JSON_PROTOCOL:
            return JsonClient(space, tenant, connection_id, identity)
        if subprotocol == RELIABLE_PROTOCOL:
            return ReliableClient(space, tenant, connection_id, identity)
        target = None
        if MODE in query:
            target = first(query, "group")
            if first(query, MODE).lower() != SEND_TO_GROUP.lower():
                return Rejected(400, f"Invalid {MODE}.")
            if not is_group(target):
                return Rejected(400, "Invalid group name.")
        return SimpleClient(space, tenant, connection_id, identity, target)

    def _is_banned(self, hub: str, user: str, connection_id: str, address: str, now: float) -> bool:
        broker = self._endpoint.space.broker
        tenant = self._endpoint.tenant_of(hub)
        if broker.bans.banned(tenant, user, connection_id, address, now) is None:
            return False
        broker.counters.refuse("webpubsub_connect:banned")
        broker.watcher.refused("a WebSocket", tenant, connection_id, address, "banned", now)
        return True

    def _recover(
        self,
        socket: WebSocketConnection,
        request: UpgradeRequest,
        hub: str,
        connection_id: str,
        token: str,
        offered: str | None,
    ) -> None:
        space = self._endpoint.space
        now = self._endpoint.now()
        tenant = self._endpoint.tenant_of(hub)
        client = space.broker.session(tenant, "", connection_id)
        if client is not None and self._is_banned(hub, client.identity.user, connection_id, request.address, now):
            _reject(socket, BANNED)
            return
        genuine = space.reconnection.is_good(token, tenant, connection_id, now)
        socket.accept(offered)
        if not genuine or not isinstance(client, ReliableClient) or client.ended:
            space.broker.counters.refuse("webpubsub_recovery")
            socket.close(POLICY, "The connection cannot be recovered.")
            return
        self._client = client
        client.recover(socket, request.address, now)

    # What the socket tells

    def on_text(self, text: str) -> None:
        client = self._client
        if client is not None and client.socket is self._socket:
            client.receive_text(text, self._endpoint.now())

    def on_bytes(self, data: bytes) -> None:
        client = self._client
        if client is not None and client.socket is self._socket:
            client.receive_bytes(data, self._endpoint.now())

    def on_closed(self, code: int, reason: str, clean: bool) -> None:
        client, self._client = self._client, None
        if client is not None and self._socket is not None:
            client.lost(self._socket, code if clean else 1006, self._endpoint.now())


def choose_subprotocol(offered: tuple[str, ...]) -> tuple[str, str | None]:
    """The first one we know, lower-cased, and as the client wrote it; or nothing."""
    for name in offered:
        if name.lower() in (JSON_PROTOCOL, RELIABLE_PROTOCOL):
            return name.lower(), name
    return "", None


def _reject(socket: WebSocketConnection, rejected: Rejected) -> None:
    socket.reject(rejected.status, PLAIN_TEXT, rejected.text.encode())
