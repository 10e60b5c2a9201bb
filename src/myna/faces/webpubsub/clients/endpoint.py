"""The WebSocket endpoint of a hub: which kind of client asks, and the conversation of one socket with it.

    no subprotocol we know        SimpleClient, and no subprotocol is answered
    json.…, protobuf.…            PubSubClient
    json.reliable.…, protobuf.reliable.…   ReliableClient; with awps_connection_id and awps_reconnection_token, the
    one that was here

Whoever has a good token is `Arrival`, then a connect handler may be asked, and only then is there a client and an
answer. What a newcomer gets wrong: a recovery that fails is *accepted*, then closed with 1008. Any HTTP error would
tell the SDKs to try again for half a minute.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from myna.core.admission import check_connection
from myna.core.tenant import Tenant
from myna.faces.contract import Headers, UpgradeRequest, WebSocketConnection, WebSocketEndpoint
from myna.faces.webpubsub.admission import PLAIN_TEXT, UNREADABLE, HubAccess, Query, Rejected, first, read_query
from myna.faces.webpubsub.clients.client import POLICY, ClientSpace, WebSocketClient
from myna.faces.webpubsub.clients.pubsub_client import PubSubClient
from myna.faces.webpubsub.clients.reliable import ReliableClient
from myna.faces.webpubsub.clients.simple import SimpleClient
from myna.faces.webpubsub.clients.subprotocol import Subprotocol
from myna.faces.webpubsub.events.cloud_event import Source
from myna.faces.webpubsub.events.connect_event import BadAnswer, Welcome, connect_body, read_welcome
from myna.faces.webpubsub.events.dispatcher import Dispatcher
from myna.faces.webpubsub.events.line import Line
from myna.faces.webpubsub.events.watching import disconnected_before
from myna.faces.webpubsub.naming import is_group, is_hub, tenant_of
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.tokens import CLIENT, ClientClaims
from myna.faces.webpubsub.upstream import Reply

MODE: Final = "webpubsub_mode"
SEND_TO_GROUP: Final = "sendToGroup"
BANNED: Final = Rejected(403, "Banned.")
HANDLER_FAILED: Final = Rejected(500, "The connect handler has failed.")


class HubEndpoint:
    """Opens conversations. `hub` comes from the path, or from the query where the path has none."""

    def __init__(
        self,
        space: ClientSpace,
        access: HubAccess,
        dispatcher: Dispatcher,
        default_tenant: str,
        now: Callable[[], float],
    ) -> None:
        self.space = space
        self.access = access
        self.dispatcher = dispatcher
        self.now = now
        self._default_tenant = default_tenant
        self._families = {
            name: family for family in (space.json, space.protobuf) for name in (family.plain, family.reliable)
        }

    def open(self, request: UpgradeRequest, hub: str | None) -> "Conversation":
        return Conversation(self, request, hub)

    def tenant_of(self, hub: str) -> str:
        return tenant_of(hub, self._default_tenant)

    def choose(self, offered: tuple[str, ...]) -> "Chosen":
        """The first subprotocol we know, in any case."""
        for name in offered:
            family = self._families.get(name.lower())
            if family is not None:
                return Chosen(name, family, name.lower() == family.reliable)
        return NONE

    def negotiate(self, named: str | None, offered: tuple[str, ...]) -> "Chosen":
        """What a connect handler has chosen, if it has. Raises BadAnswer for what the client has not offered."""
        if named is None:
            return self.choose(offered)
        for name in offered:
            if name.lower() == named.lower():
                known = self.choose((name,))
                return known if known.family is not None else Chosen(name, None, False)
        raise BadAnswer("its subprotocol is none that the client offered")


@dataclass(frozen=True, slots=True)
class Chosen:
    """`offered`: as the client wrote it."""

    offered: str | None
    family: Subprotocol | None
    is_reliable: bool


NONE: Final = Chosen(None, None, False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody with a good token, or none where none is needed. `target` is the group of raw mode."""

    request: UpgradeRequest
    hub: str
    claims: ClientClaims
    query: Query
    connection_id: str
    target: str | None


class Conversation(WebSocketEndpoint):
    """One socket, and the client it serves once it has been let in."""

    __slots__ = ("_client", "_endpoint", "_has_gone", "_hub", "_request", "_socket")

    def __init__(self, endpoint: HubEndpoint, request: UpgradeRequest, hub: str | None) -> None:
        self._endpoint = endpoint
        self._request: UpgradeRequest | None = request  # until it has been answered
        self._hub = hub
        self._client: WebSocketClient | None = None
        self._socket: WebSocketConnection | None = None
        self._has_gone = False

    def opening(self, socket: WebSocketConnection) -> None:
        request, self._request = self._request, None
        assert request is not None  # this is called once
        self._socket = socket
        query = read_query(request.query_string)
        if query is None:
            self._turn_away(UNREADABLE)
            return
        hub = first(query, "hub") if self._hub is None else self._hub
        chosen = self._endpoint.choose(request.subprotocols)
        now = self._endpoint.now()
        connection_id = first(query, "awps_connection_id")
        if connection_id and chosen.is_reliable:
            self._recover(socket, request, hub, connection_id, first(query, "awps_reconnection_token"), chosen)
            return
        host = (request.header(b"host") or b"").decode("latin-1")
        claims = self._endpoint.access.admit(CLIENT, hub, query, request.header(b"authorization"), host, now)
        if isinstance(claims, Rejected):
            self._turn_away(claims)
            self._report(hub, claims.cause or claims.text, request.address, now)
            return
        if self._is_banned(hub, claims.user, "", request.address, now):
            self._turn_away(BANNED)
            return
        target = None if chosen.family is not None else read_mode(query)
        if isinstance(target, Rejected):
            self._turn_away(target)
            self._report(hub, target.text, request.address, now)
            return
        arrival = Arrival(request, hub, claims, query, secrets.token_hex(16), target)
        if self._endpoint.dispatcher.wants(hub.lower(), "connect"):
            self._ask(arrival, chosen)
        else:
            self._enter(arrival, Welcome(), chosen, None, now)

    # The connect handler

    def _ask(self, arrival: Arrival, chosen: Chosen) -> None:
        """Nothing but this client waits for the answer."""
        request, claims = arrival.request, arrival.claims
        line = Line(
            Source(arrival.hub.lower(), arrival.connection_id, claims.user, (chosen.offered or "").lower()),
            request.address,
        )
        body = connect_body(claims.others, arrival.query, request.headers, request.subprotocols, request.certificate)
        self._endpoint.dispatcher.greet(line, body, lambda reply, now: self._greeted(arrival, line, reply, now))

    def _greeted(self, arrival: Arrival, line: Line, reply: Reply, now: float) -> None:
        if not reply.is_success:
            if 400 <= reply.status < 500:
                content_type = (b"content-type", (reply.content_type or "text/plain").encode("latin-1", "replace"))
                self._turn_away(Rejected(reply.status, ""), (content_type,), reply.body)
            else:
                self._turn_away(HANDLER_FAILED)
            return
        if self._has_gone:
            disconnected_before(self._endpoint.dispatcher, line, "Normal")
            return
        try:
            welcome = read_welcome(reply)
            chosen = self._endpoint.negotiate(welcome.subprotocol, arrival.request.subprotocols)
        except BadAnswer as error:
            source = line.source
            self._endpoint.space.broker.watcher.refused(
                "event 'connect'", source.hub, source.connection_id, line.address, f"the handler's answer: {error}", now
            )
            self._turn_away(HANDLER_FAILED)
            disconnected_before(self._endpoint.dispatcher, line, "The answer of the connect handler is not usable.")
            return
        self._enter(arrival, welcome, chosen, line, now)

    def _enter(self, arrival: Arrival, welcome: Welcome, chosen: Chosen, line: Line | None, now: float) -> None:
        """It is somebody's client from here on."""
        socket = self._socket
        assert socket is not None
        claims = arrival.claims
        endpoint = self._endpoint
        tenant = endpoint.space.broker.tenant(endpoint.tenant_of(arrival.hub))
        identity = WebPubSubIdentity(tenant.name, welcome.user or claims.user, claims.roles, [], welcome.roles)
        refused = self._check(tenant, arrival, identity, line is not None, now)
        if refused is not None:
            self._turn_away(refused)
            if line is not None:
                disconnected_before(endpoint.dispatcher, line, refused.text)
            return
        client = self._make_client(tenant, arrival, identity, chosen)
        hub = arrival.hub.lower()
        if line is None and endpoint.dispatcher.settings_of(hub).is_told():
            line = Line(Source(hub, arrival.connection_id, "", ""), arrival.request.address)
        if line is not None:
            line.source.user = identity.user
            line.source.subprotocol = chosen.offered or ""
        identity.line = line
        self._client = client
        client.open(dict.fromkeys((*claims.groups, *welcome.groups)), now)
        socket.accept(chosen.offered)
        client.attach(socket, arrival.request.address, now)

    def _check(
        self, tenant: Tenant, arrival: Arrival, identity: WebPubSubIdentity, was_asked: bool, now: float
    ) -> Rejected | None:
        """May it come in, now that it is known who it is? `was_asked`: a handler has had its time, and may have named
        it.
        """
        broker, address = self._endpoint.space.broker, arrival.request.address
        if was_asked and self._is_banned(arrival.hub, identity.user, arrival.connection_id, address, now):
            return BANNED
        refusal = check_connection(broker, tenant, identity, None, False, now)
        if refusal is None:
            return None
        broker.watcher.refused("a WebSocket", tenant.name, "", address, refusal.text, now, identity.user)
        return Rejected(429, f"The hub takes no more connections now: {refusal.text}.")

    def _make_client(
        self, tenant: Tenant, arrival: Arrival, identity: WebPubSubIdentity, chosen: Chosen
    ) -> WebSocketClient:
        space = self._endpoint.space
        if chosen.family is None:
            return SimpleClient(space, tenant, arrival.connection_id, identity, arrival.target)
        kind = ReliableClient if chosen.is_reliable else PubSubClient
        return kind(space, tenant, arrival.connection_id, identity, chosen.family)

    def _turn_away(self, rejected: Rejected, headers: Headers = PLAIN_TEXT, body: bytes = b"") -> None:
        self._endpoint.space.broker.counters.refuse(f"webpubsub_connect:{rejected.status}")
        if self._socket is not None:
            self._socket.reject(rejected.status, headers, rejected.text.encode() or body)

    def _report(self, hub: str, cause: str, address: str, now: float) -> None:
        tenant = self._endpoint.tenant_of(hub) if is_hub(hub) else ""
        self._endpoint.space.broker.watcher.refused("a WebSocket", tenant, "", address, cause, now)

    def _is_banned(self, hub: str, user: str, connection_id: str, address: str, now: float) -> bool:
        broker = self._endpoint.space.broker
        tenant = self._endpoint.tenant_of(hub)
        if broker.bans.banned(tenant, user, connection_id, address, now) is None:
            return False
        broker.counters.refuse("webpubsub_connect:banned")
        broker.watcher.refused("a WebSocket", tenant, connection_id, address, "banned", now, user)
        return True

    def _recover(
        self,
        socket: WebSocketConnection,
        request: UpgradeRequest,
        hub: str,
        connection_id: str,
        token: str,
        chosen: Chosen,
    ) -> None:
        space = self._endpoint.space
        now = self._endpoint.now()
        tenant = self._endpoint.tenant_of(hub)
        client = space.broker.session(tenant, "", connection_id)
        if client is not None and self._is_banned(hub, client.identity.user, connection_id, request.address, now):
            self._turn_away(BANNED)
            return
        genuine = space.reconnection.is_good(token, tenant, connection_id, now)
        socket.accept(chosen.offered)
        is_here = isinstance(client, ReliableClient) and not client.ended and client.subprotocol is chosen.family
        if not genuine or not is_here or not isinstance(client, ReliableClient):
            space.broker.counters.refuse("webpubsub_recovery")
            cause = "the connection to be recovered is over" if genuine else "the reconnection token is not valid"
            self._report(hub, cause, request.address, now)
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
        self._has_gone = True
        client, self._client = self._client, None
        if client is not None and self._socket is not None:
            client.lost(self._socket, code, clean, self._endpoint.now())


def read_mode(query: Query) -> str | Rejected | None:
    """The group of raw mode, for clients without a subprotocol."""
    if MODE not in query:
        return None
    target = first(query, "group")
    if first(query, MODE).lower() != SEND_TO_GROUP.lower():
        return Rejected(400, f"Invalid {MODE}.")
    return target if is_group(target) else Rejected(400, "Invalid group name.")
