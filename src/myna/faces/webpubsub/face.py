"""What the face claims: the REST API, the WebSocket endpoints of hubs, MQTT with tokens, and the topics under
$webpubsub.

Here the parts are put together; each knows only what it is given. What a newcomer gets wrong: WebSocket clients are
sessions of the broker like any other, so ending them all at a stop is this face's business.
"""

import logging
from collections.abc import Sequence
from typing import ClassVar, Final

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
from myna.faces.webpubsub.admission import HubAccess
from myna.faces.webpubsub.clients.client import Bounds, ClientSpace, WebSocketClient
from myna.faces.webpubsub.clients.endpoint import HubEndpoint
from myna.faces.webpubsub.guard import EventGuard
from myna.faces.webpubsub.mqtt import MqttAuthenticator, MqttHubEndpoint
from myna.faces.webpubsub.oidc import OidcTokens
from myna.faces.webpubsub.payloads import Frames
from myna.faces.webpubsub.reconnection import ReconnectionTokens
from myna.faces.webpubsub.rest.application import RestApplication
from myna.faces.webpubsub.rest.backend import Backend
from myna.faces.webpubsub.settings import DEVELOPMENT_KEY, Settings
from myna.faces.webpubsub.tokens import Tokens
from myna.faces.webpubsub.upstream import Nobody
from myna.wire import reasons

log = logging.getLogger("myna.webpubsub")

NAME: Final = "webpubsub"
KEY_NAME: Final = "access-key"  # of the key that is made where the settings have none
GOING_AWAY: Final = 1001


class WebPubSubFace(Face):
    SETTINGS: ClassVar[type[Struct]] = Settings

    def __init__(self, context: FaceContext, settings: Settings) -> None:
        self._context = context
        core = context.broker.core
        upstream = Nobody()
        self._makes_key = not settings.access_key
        self._key = self._key_of(settings)
        self._tokens = Tokens((self._key, settings.secondary_key), _hosts(settings))
        self._access = HubAccess(self._tokens, _anonymous(settings))
        self._space = ClientSpace(
            core,
            Frames(context.text_frame, context.binary_frame),
            upstream,
            ReconnectionTokens(),
            _bounds(settings),
            context.arm,
        )
        self._clients = HubEndpoint(self._space, self._access, context.default_tenant, context.now)
        self._mqtt = MqttHubEndpoint(self._access, context.default_tenant, context.connect_mqtt, context.now)
        self._authenticator = MqttAuthenticator(strict=settings.strict_client_ids)
        self._guard = EventGuard(upstream, core.counters)
        self._oidc = OidcTokens(context.http, core, context.now)
        self._oidc.use(settings.oidc)
        backend = Backend(context.broker, self._tokens, self._oidc, context.default_tenant, context.now)
        self._rest = RestApplication(backend)

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
        )

    async def start(self) -> None:
        self._mqtt.gate = self._context.gate([NAME])

    async def stop(self) -> None:
        now = self._context.now()
        for tenant in list(self._context.broker.core.tenants.values()):
            for receiver in tenant.sessions():
                if isinstance(receiver, WebSocketClient):
                    receiver.close(GOING_AWAY, "ServiceReload", reasons.SERVER_SHUTTING_DOWN, now)

    def reload(self, settings: Settings) -> bool:
        """Everything changes at once; whoever is connected stays."""
        took_effect = self._use_oidc(settings)
        self._key = self._key_of(settings)
        self._tokens.use((self._key, settings.secondary_key), _hosts(settings))
        self._access.anonymous = _anonymous(settings)
        self._space.bounds = _bounds(settings)
        self._authenticator.strict = settings.strict_client_ids
        return took_effect

    def banner(self) -> Sequence[str]:
        urls = self._context.urls.get("http", ())
        if not urls:
            return ()
        key = self._key if self._context.development else "<access key>"
        return (
            f"Azure Web PubSub{self._remark()}",
            f"  connection string  Endpoint={urls[0].rstrip('/')};AccessKey={key};Version=1.0;",
        )

    def _remark(self) -> str:
        if self._context.development:
            return ": hub chat is for MQTT clients the tenant of user chat/NAME"
        if self._makes_key and self._context.data is not None:
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

    def _open_client(self, request: UpgradeRequest, names: PathParameters) -> WebSocketEndpoint:
        return self._clients.open(request, names.get("hub"))

    def _open_mqtt(self, request: UpgradeRequest, names: PathParameters) -> WebSocketEndpoint:
        return self._mqtt.open(request, names["hub"])


def _hosts(settings: Settings) -> frozenset[str] | None:
    return frozenset(host.lower() for host in settings.hosts) or None


def _anonymous(settings: Settings) -> frozenset[str]:
    return frozenset(hub.lower() for hub in settings.anonymous_hubs)


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        int(settings.unsent_bytes),
        settings.unacknowledged_messages,
        int(settings.unacknowledged_bytes),
        float(settings.retention),
    )


async def only_websockets(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"A WebSocket is opened here: send an upgrade request.\n"
    await answer(send, 400, body, ((b"content-type", b"text/plain; charset=utf-8"),))
