"""What the face claims: the REST API, the WebSocket endpoints of hubs, MQTT with tokens, and the topics under
$webpubsub.

Here the parts are put together; each knows only what it is given. What a newcomer gets wrong: WebSocket clients are
sessions of the broker like any other, so ending them all at a stop is this face's business.
"""

import logging
from collections.abc import Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

from msgspec import Struct

from myna.config import ConfigError
from myna.faces.contract import (
    Claims,
    Face,
    FaceContext,
    PathParameters,
    Receive,
    Route,
    Scope,
    Send,
    UpgradeRequest,
    WebSocketEndpoint,
    WebSocketRoute,
    answer,
)
from myna.faces.webpubsub.administration import ROOT, HubAdministration
from myna.faces.webpubsub.admission import HubAccess
from myna.faces.webpubsub.clients.client import Bounds, ClientSpace, WebSocketClient
from myna.faces.webpubsub.clients.endpoint import HubEndpoint
from myna.faces.webpubsub.clients.json_protocol import JsonProtocol
from myna.faces.webpubsub.clients.pubsub_client import Leaving
from myna.faces.webpubsub.events.calls import Calls
from myna.faces.webpubsub.events.dispatcher import Dispatcher
from myna.faces.webpubsub.events.listeners import Listeners
from myna.faces.webpubsub.events.protection import Protection
from myna.faces.webpubsub.events.states import KeptStates
from myna.faces.webpubsub.events.watching import ConnectionWatcher
from myna.faces.webpubsub.explaining import explain_hub, explain_settings
from myna.faces.webpubsub.granted import KeptGrants
from myna.faces.webpubsub.guard import EventGuard
from myna.faces.webpubsub.hub_description import describe_hubs
from myna.faces.webpubsub.hubs import Hubs
from myna.faces.webpubsub.keys import AccessKeys
from myna.faces.webpubsub.mqtt import MqttAuthenticator, MqttHubEndpoint
from myna.faces.webpubsub.naming import tenant_of
from myna.faces.webpubsub.oidc import OidcTokens
from myna.faces.webpubsub.payloads import SimpleFrames
from myna.faces.webpubsub.protobuf.family import ProtobufProtocol
from myna.faces.webpubsub.reconnection import ReconnectionTokens
from myna.faces.webpubsub.rest.application import RestApplication
from myna.faces.webpubsub.rest.backend import Backend
from myna.faces.webpubsub.settings import DEVELOPMENT_KEY, Settings
from myna.faces.webpubsub.tokens import Tokens
from myna.faces.webpubsub.upstream import Upstream
from myna.wire import reasons

log = logging.getLogger("myna.webpubsub")

NAME: Final = "webpubsub"
KEY_NAME: Final = "access-key"  # of the key that is made where the settings have none
GOING_AWAY: Final = 1001


class WebPubSubFace(Face):
    SETTINGS: ClassVar[type[Struct]] = Settings

    def __init__(self, context: FaceContext, settings: Settings, upstream: Upstream | None = None) -> None:
        self._context = context
        core = context.broker.core
        self._settings = settings
        self._keys = AccessKeys(core.kept, self._key_of(settings), settings.secondary_key)
        self._tokens = Tokens(("",), _hosts(settings))  # nobody's, until the keys in force have been read back
        self._hubs = Hubs(core.kept, settings.hubs, settings.anonymous_hubs)
        self._access = HubAccess(self._tokens, self._hubs.is_anonymous)
        self._protection = Protection(context.http, self._origin, context.now)
        self._states, self._granted = KeptStates(core.kept), KeptGrants(core.kept)
        calls = Calls(core, context.http, self._protection, self._states, self._keys.both, self._origin, context.now)
        listeners = Listeners(context.events, context.default_tenant)
        self._dispatcher = Dispatcher(core, self._hubs, calls, listeners, context.now)
        self.upstream = upstream or self._dispatcher
        self._space = ClientSpace(
            core,
            SimpleFrames(context.text_frame, context.binary_frame),
            JsonProtocol(context.text_frame),
            ProtobufProtocol(context.binary_frame),
            self.upstream,
            ReconnectionTokens(),
            _bounds(settings),
            context.arm,
            context.now,
        )
        dispatcher, tenant, now = self._dispatcher, context.default_tenant, context.now
        self._clients = HubEndpoint(self._space, self._access, dispatcher, tenant, now)
        self._mqtt = MqttHubEndpoint(core, self._access, dispatcher, tenant, context.connect_mqtt, now)
        self._authenticator = MqttAuthenticator(core, dispatcher, self._states, self._granted, settings)
        self._administration = HubAdministration(context.broker, self._hubs, self._keys, self._changed)
        self._guard = EventGuard(self.upstream, core)
        self._oidc = OidcTokens(context.http, core, context.now)
        self._oidc.use(settings.oidc)
        self._backend = Backend(
            context.broker, self._tokens, self._oidc, self._granted, tenant, now, settings.group_qos
        )
        self._rest = RestApplication(self._backend)

    def claims(self) -> Claims:
        return Claims(
            routes=[
                Route("/api/health", self._rest.health),
                Route("/api/hubs/*", self._rest),
                *[Route(path, only_websockets) for path in ("/client", "/client/*", "/clients/*")],
            ],
            websockets=[
                WebSocketRoute("/client/hubs/{hub}", self._open_client),
                WebSocketRoute("/client", self._open_client),
                WebSocketRoute("/client/", self._open_client),
                WebSocketRoute("/clients/mqtt/hubs/{hub}", self._open_mqtt),
            ],
            guards=[("", self._guard)],
            authenticators={NAME: self._authenticator},
            watchers=[ConnectionWatcher(self._dispatcher, self._states, self._granted), Leaving()],
            administration=self._administration.routes(),
            description=describe_hubs(ROOT),
        )

    async def start(self) -> None:
        self._keys.read()  # what is kept has been read back meanwhile
        self._changed()
        core, default = self._context.broker.core, self._context.default_tenant
        self._states.forget_all_but(lambda hub, client: core.session(tenant_of(hub, default), "", client) is not None)
        self._granted.forget_all_but(lambda tenant, client: core.session(tenant, "", client) is not None)
        self._mqtt.gate = self._context.gate([NAME])

    async def stop(self) -> None:
        now = self._context.now()
        for tenant in list(self._context.broker.core.tenants.values()):
            for receiver in tenant.sessions():
                if isinstance(receiver, WebSocketClient):
                    receiver.close(GOING_AWAY, "ServiceReload", reasons.SERVER_SHUTTING_DOWN, now)

    async def finish(self) -> None:
        await self._dispatcher.finish()

    def reload(self, settings: Settings) -> bool:
        """Everything changes at once; whoever is connected stays."""
        took_effect = self._use_oidc(settings)
        self._settings = settings
        self._keys.use(self._key_of(settings), settings.secondary_key)
        self._hubs.use(settings.hubs, settings.anonymous_hubs)
        self._changed()
        self._space.bounds = _bounds(settings)
        self._authenticator.use(settings)
        self._backend.group_qos = settings.group_qos
        return took_effect

    @classmethod
    def explain(cls, settings: Settings) -> Sequence[str]:
        return list(explain_settings(settings))

    def banner(self) -> Sequence[str]:
        urls = self._context.urls.get("http", ())
        if not urls:
            return ()
        key = self._keys.primary if self._context.development else "<access key>"
        return (
            f"Azure Web PubSub{self._remark()}",
            f"  connection string  Endpoint={urls[0].rstrip('/')};AccessKey={key};Version=1.0;",
            *[
                f"  {line}"
                for hub, (settings, _) in self._hubs.listed().items()
                if settings.is_told()
                for line in explain_hub(hub, settings)
            ],
        )

    def _remark(self) -> str:
        if self._context.development:
            return ": hub chat is for MQTT clients the tenant of user chat/NAME"
        if self._keys.is_made("primary"):
            return ": the access key is one that an administrator has had made"
        if not self._settings.access_key and self._context.data is not None:
            return f": the access key is in {self._context.data.absolute() / f'{NAME}-{KEY_NAME}.key'}"
        return ""

    def _use_oidc(self, settings: Settings) -> bool:
        try:
            self._oidc.use(settings.oidc)
        except ConfigError as error:
            log.error("the identity provider is left as it was: %s", error)
            return False
        return True

    def _key_of(self, settings: Settings) -> str:
        if settings.access_key:
            return settings.access_key
        return DEVELOPMENT_KEY if self._context.development else self._context.secret(KEY_NAME)

    def _changed(self) -> None:
        """Keys or settings have."""
        self._tokens.use(self._keys.both(), _hosts(self._settings))
        self._protection.forget()

    def _origin(self) -> str:
        """The host that back ends know us by."""
        if self._settings.hosts:
            return self._settings.hosts[0]
        urls = self._context.urls.get("http", ())
        return urlsplit(urls[0]).netloc if urls else "localhost"

    def _open_client(self, request: UpgradeRequest, names: PathParameters) -> WebSocketEndpoint:
        return self._clients.open(request, names.get("hub"))

    def _open_mqtt(self, request: UpgradeRequest, names: PathParameters) -> WebSocketEndpoint:
        return self._mqtt.open(request, names["hub"])


def _hosts(settings: Settings) -> frozenset[str] | None:
    return frozenset(host.lower() for host in settings.hosts) or None


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        int(settings.unsent_bytes),
        settings.unacknowledged_messages,
        int(settings.unacknowledged_bytes),
        float(settings.retention),
        settings.streams_per_client,
        settings.invocations_per_client,
        float(settings.invocation_timeout),
        settings.states_per_client,
        settings.states_per_group,
    )


async def only_websockets(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"A WebSocket is opened here: send an upgrade request.\n"
    await answer(send, 400, body, ((b"content-type", b"text/plain; charset=utf-8"),))
