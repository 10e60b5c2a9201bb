"""What this API claims, and how its parts are put together.

    POST    /mqtt/messages                       publish
    GET     /mqtt/messages?topicFilter=…         subscribe, as an event stream
    POST    /mqtt/messages:batch                 publish many
    GET     /mqtt/retainedMessages               list retained messages
    GET     /mqtt/retainedMessages/message       read one
    DELETE  /mqtt/retainedMessages/message       clear one
    GET     /mqtt/openapi.json                   this, for machines

What a newcomer gets wrong: without a configuration nobody has a token and no topic space exists. Development mode
makes both: a key that is well known, a token that is printed, and one topic space that holds everything.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from myna.config import ConfigError, NotUsableHere
from myna.core.receiver import Receiver
from myna.faces.contract import Asgi, Authenticator, Claims, Face, FaceContext, Route
from myna.faces.eventgrid import development
from myna.faces.eventgrid.batch import Batch
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.certificates import Certificates
from myna.faces.eventgrid.clients import SOURCES
from myna.faces.eventgrid.endpoint import NotAllowed, NotFound
from myna.faces.eventgrid.gates import Admission, CertificateGate, TokenGate, VisitorGate, WebhookGate
from myna.faces.eventgrid.identify import Doorman
from myna.faces.eventgrid.importing import BadNamespace, list_files, load_namespace
from myna.faces.eventgrid.latency import Latency
from myna.faces.eventgrid.metrics import Metrics
from myna.faces.eventgrid.mqtt_watch import MqttWatch
from myna.faces.eventgrid.namespace import Namespace, open_namespace
from myna.faces.eventgrid.openapi import OpenApi, make_document
from myna.faces.eventgrid.publish import Publish
from myna.faces.eventgrid.quota import HttpQuota
from myna.faces.eventgrid.records import Records
from myna.faces.eventgrid.registrations import Registrations
from myna.faces.eventgrid.replies import Replies, ReplyGuard
from myna.faces.eventgrid.retained import ClearRetained, ListRetained, RetainedMessage
from myna.faces.eventgrid.rules import Directory, TopicSpaceRules
from myna.faces.eventgrid.service import Service
from myna.faces.eventgrid.settings import IssuerSettings, Settings
from myna.faces.eventgrid.streams import Streams
from myna.faces.eventgrid.tokens import Issuer, Tokens
from myna.faces.eventgrid.visitors import Visitors
from myna.faces.eventgrid.webhook import Webhook
from myna.formats.keys import BadKey
from myna.wire import reasons

log = logging.getLogger("myna.eventgrid")

LOOK_AGAIN: Final = 2.0  # seconds between two looks at the namespace's files, and at the issuers' keys
GIVEN_UP: Final = "the key that signed the token is no longer among its issuer's"
REVIEWED: Final = 200  # sessions looked at in one go when it has changed: some milliseconds

MESSAGES: Final = "/mqtt/messages"
RETAINED: Final = "/mqtt/retainedMessages"


class EventGridFace(Face):
    SETTINGS = Settings

    def __init__(self, context: FaceContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._tenant = settings.tenant or context.default_tenant
        try:
            namespace = self._load_namespace()
            issuers = self._issuers(namespace)
        except (BadNamespace, BadKey, OSError) as error:
            kind = NotUsableHere if isinstance(error, OSError) else ConfigError
            raise kind([f"faces.eventgrid: {line}" for line in str(error).split("\n")]) from None
        self._directory = Directory(namespace)
        self._registrations = Registrations(context.events, self._tenant, settings.name, namespace, context.now())
        self._files = self._fingerprint()
        self._watching: asyncio.Task[None] | None = None
        tokens = self._tokens = Tokens(self._tenant, self._directory, issuers, settings.api_keys, context.now)
        certificates = Certificates(self._tenant, self._directory, check_sources(settings.name_sources))
        visitors = None
        if settings.access:
            visitors = Visitors(self._tenant, self._directory, context.callers(settings.access))
        self._metrics = Metrics()
        webhook = Webhook(self._tenant, self._directory, settings.webhook, context.http, context.now, self._metrics)
        self._records = Records(settings.name, Path(settings.log_file) if settings.log_file else None, self._metrics)
        self._service = Service(
            context.broker,
            self._tenant,
            settings,
            Doorman(context.broker.core, tokens, certificates, webhook, visitors),
            HttpQuota(settings.http_quota(), context.now()),
            self._records,
            self._metrics,
        )
        core = context.broker.core
        self._guard = ReplyGuard(core)
        is_default = self._tenant == context.default_tenant
        self._watch_mqtt = MqttWatch(
            core, self._tenant, self._metrics, self._records, context.now, is_default=is_default
        )
        self._latency = Latency(context.broker, self._service.tenant, self._metrics)
        self._streams = Streams(self._service)
        admission = Admission(core, self._tenant, self._directory, settings.sessions_per_name)
        self._authenticators: dict[str, Authenticator] = {
            "eventgrid-jwt": TokenGate(tokens, admission),
            "eventgrid-certificate": CertificateGate(certificates, admission),
            "eventgrid-webhook": WebhookGate(webhook, admission),
        }
        if visitors is not None:
            visitors.callers.look_after(self._streams.open)
            self._authenticators["eventgrid"] = VisitorGate(visitors, admission)

    def claims(self) -> Claims:
        hot, routes = self.handlers()
        return Claims(
            hot=hot,
            routes=routes,
            guards=[(self._tenant, self._guard)],
            authenticators=self._authenticators,
            watchers=[self._watch_mqtt],
            description=make_document(),
        )

    def handlers(self) -> tuple[Mapping[tuple[str, str], Asgi], Sequence[Route]]:
        """Everything that answers HTTP: the hot call, and the routes."""
        service = self._service
        messages: dict[str, Asgi] = {"GET": self._streams}
        batch: dict[str, Asgi] = {"POST": Batch(service)}
        listing: dict[str, Asgi] = {"GET": ListRetained(service)}
        message: dict[str, Asgi] = {"GET": RetainedMessage(service), "DELETE": ClearRetained(service)}
        hot = {("POST", MESSAGES): Publish(service, Replies(service, self._guard))}
        routes: list[Route] = []
        for path, handlers, others in (
            (MESSAGES, messages, ("POST",)),
            (f"{MESSAGES}:batch", batch, ()),
            (RETAINED, listing, ()),
            (f"{RETAINED}/message", message, ()),
            ("/mqtt/openapi.json", {"GET": OpenApi(service)}, ()),
        ):
            routes += [Route(path, app, (method,)) for method, app in handlers.items()]
            routes.append(Route(path, NotAllowed(service, (*others, *handlers))))
        routes.append(Route("/mqtt/*", NotFound(service)))
        return hot, routes

    async def start(self) -> None:
        self._watching = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._streams.stop()
        await self._latency.stop()
        self._service.operations.write(self._context.now())
        await self._records.stop()

    def reload(self, settings: Settings) -> bool:
        """The namespace's files are read again; anything else waits for a restart."""
        self.look_again(force=True)
        return settings == self._settings

    def banner(self) -> Sequence[str]:
        if not self._context.development:
            return ()
        url = next(iter(self._context.urls.get("http", ())), "http://localhost:8080")
        return (
            "Event Grid: with this token every client may publish and subscribe to everything",
            f"  TOKEN={self.development_token()}",
            "  curl -d 'Hello from Event Grid' -H \"Authorization: Bearer $TOKEN\""
            f" '{url}{MESSAGES}?topic=hello%2Fworld'",
        )

    def metrics(self) -> str:
        return self._metrics.render(self._context.broker.core, self._service.tenant)

    def development_token(self) -> str:
        return development.development_token(self._settings.accepted_audiences()[0], self._context.now())

    # The namespace

    def look_again(self, *, force: bool = False) -> None:
        """Read the files again if they have changed. Where something is wrong with them, the old ones stay in force."""
        found = self._fingerprint()
        if found == self._files and not force:
            return
        self._files = found
        try:
            namespace = self._load_namespace()
            issuers = self._issuers(namespace)
        except (BadNamespace, BadKey, OSError) as error:
            log.error("the namespace is left as it was: %s", error)
            return
        self._directory.replace(namespace)
        self._registrations.replaced(namespace, self._context.now())
        self._tokens.use(issuers)
        self._context.broker.core.rules_changed()
        self._end_unauthorized()
        self._end_unsigned()
        log.info("the namespace has been read again")

    def _load_namespace(self) -> Namespace:
        if self._settings.namespace:
            return load_namespace(Path(self._settings.namespace))
        return open_namespace() if self._context.development else Namespace()

    def _fingerprint(self) -> tuple[object, ...]:
        if not self._settings.namespace:
            return ()
        found: list[object] = []
        for path in list_files(Path(self._settings.namespace)):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((path, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _end_unauthorized(self) -> None:
        """Clients that hold what the new namespace does not grant are sent away."""
        self._streams.recheck()
        self._review(deque(self._context.broker.core.sessions(self._tenant)))

    def _review(self, waiting: deque[Receiver]) -> None:
        """A few of them, and the rest when others have had their turn. New ones are judged by the new namespace."""
        now = self._context.now()
        for _ in range(min(REVIEWED, len(waiting))):
            receiver = waiting.popleft()
            if not is_granted(receiver):
                receiver.end(reasons.NOT_AUTHORIZED, now, discard=True, text="the namespace has changed")
        self._context.arm()
        if waiting:
            asyncio.get_running_loop().call_soon(self._review, waiting)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            self.look_again()
            self.look_at_keys()

    def look_at_keys(self) -> None:
        if self._tokens.look(self._context.now()):
            self._end_unsigned()

    def _end_unsigned(self) -> None:
        """Clients and streams by tokens whose key has been given up."""
        core, now = self._context.broker.core, self._context.now()
        for receiver in (*core.sessions(self._tenant), *self._streams.open()):
            caller = receiver.identity.claims
            if not isinstance(caller, Caller) or not receiver.is_online() or self._tokens.stand(caller):
                continue
            tenant, client_id, user = receiver.names()
            core.counters.refuse("credentials:withdrawn")
            address = receiver.peer_address()
            core.watcher.refused("to stay connected", tenant, client_id, address, GIVEN_UP, now, user)
            receiver.end(reasons.NOT_AUTHORIZED, now, text=GIVEN_UP)
        self._context.arm()

    def _issuers(self, namespace: Namespace) -> list[Issuer]:
        http, audiences = self._context.http, self._settings.accepted_audiences()
        issuers = [Issuer(settings, http, audiences) for settings in self._settings.issuers]
        imported = namespace.configuration
        if imported.token_issuer:
            custom = IssuerSettings(issuer=imported.token_issuer, methods=("CUSTOM-JWT",))
            issuers.append(Issuer(custom, http, audiences, imported.keys))
        if self._context.development:
            own = IssuerSettings(issuer=development.ISSUER, secret=development.KEY)
            issuers.append(Issuer(own, http, audiences))
        return issuers


def is_granted(receiver: Receiver) -> bool:
    """Does the namespace still grant this client what it holds? Those of other authenticators are not its business."""
    rules = receiver.identity.rules
    if not isinstance(rules, TopicSpaceRules):
        return True
    granted = rules.grants().subscribe
    return rules.is_enabled() and all(granted.covers(one.filter) for one in receiver.subscriptions.values())


def check_sources(sources: Sequence[str]) -> Sequence[str]:
    for source in sources:
        if source not in SOURCES:
            raise ConfigError([f"faces.eventgrid.name_sources: {source!r} is none of {', '.join(SOURCES)}"])
    return sources
