"""One running broker: builds every part from the configuration, hands one to the other, and ends them in order.

    folder, store -> Broker -> clock and sockets -> faces and their claims -> gates -> listeners -> start

What a newcomer gets wrong: faces are made before anything is open and started after everything is. `drain` goes the
other way round and ends with the store, so that whatever was acknowledged on the way out is kept, too.
"""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from myna.access.authenticator import AccessContext
from myna.access.gates import Gates
from myna.access.open import TENANT
from myna.access.rules.authority import Authority, prepare
from myna.app.administration import ADMIN_TOKEN, ROOT, AdministratorsOnly, own_claims
from myna.app.ending import end_faces, send_away
from myna.app.limits import TenantLimits, core_limits, largest_packet, tenant_limits
from myna.app.listening import Listening
from myna.app.protection import protect
from myna.app.pull_api import PullApi
from myna.app.registries import Registries
from myna.app.reloading import compare
from myna.app.routes_api import RoutesApi
from myna.cluster.solo import SoloPeers
from myna.config import Config, ConfigError, Loaded, NotUsableHere
from myna.core.broker import Broker
from myna.core.connection import Connection
from myna.core.output import OutputMemory
from myna.core.ports import Gate, Outlet, Peer, Store
from myna.faces import FACES
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import Claims, Face, FaceContext, Reloaded
from myna.faces.enabled import find_faces
from myna.faces.routes import ClaimedTwice
from myna.net import listeners as net
from myna.net.addresses import ListenError
from myna.net.doorstep import Doorstep
from myna.net.frames import encode_binary_frame, encode_text_frame
from myna.net.http_client import HttpClient
from myna.net.tls import TlsError
from myna.routing.routing import Routing
from myna.sockets.backpressure import StreamLimits
from myna.store.embedded import EmbeddedStore, StoreError
from myna.store.folder import DataFolder, FolderError
from myna.store.memory import MemoryStore
from myna.watch import lines
from myna.watch.flapping import Flapping
from myna.watch.log import LogWatcher
from myna.watch.metrics import Metrics
from myna.watch.pages import HealthPage, MetricsPage
from myna.watch.process import LoopLag
from myna.watch.sys_topics import SysGuard, SysTopics
from myna.watch.watchers import Watchers

log = logging.getLogger("myna.app")

ADMINISTRATION: Final = f"{ROOT}/".encode()  # an administrator must be able to lift a ban of his own address
LISTENERS_FILE: Final = "listeners.json"
IDLE_TENANTS_EVERY: Final = 10  # seconds


class CannotStart(Exception):
    """The broker cannot run like this; says why and what to do, a line for each reason.

    `in_itself`: the configuration would be wrong on any machine.
    """

    def __init__(self, text: str, *, in_itself: bool = False) -> None:
        super().__init__(text)
        self.in_itself = in_itself


class App:
    """`start`, then `drain`; everything happens on the running loop. `urls` says what is open, by kind of listener,
    and `claims` what is asked there, by face ("" is the broker itself). `read_again` reads the configuration anew.
    """

    def __init__(
        self,
        loaded: Loaded,
        faces: Mapping[str, str] = FACES,
        *,
        examining: bool = False,
        read_again: Callable[[], Loaded] | None = None,
    ) -> None:
        config = loaded.config
        self.config = config
        self.urls: dict[str, list[str]] = {}
        self.claims: list[tuple[str, Claims]] = []
        self._read_again = read_again or (lambda: loaded)
        self._loaded = loaded
        self._loop = asyncio.get_running_loop()
        self._known_faces = faces
        self._faces: dict[str, Face] = {}
        self._folder = None if config.server.memory or examining else DataFolder(config.server.data)
        self.opened: list[net.Opened] = []
        self._draining = False
        self._timer: asyncio.TimerHandle | None = None
        self._seconds = 0
        self._log_watcher = LogWatcher(connections=config.log.connections)
        self._watchers = Watchers()
        self._watchers.add(self._log_watcher)
        self._store = _make_store(config, self._folder)
        self.broker = _make_broker(config, self._store or MemoryStore(), self._watchers)
        slow_reader = float(config.network.slow_reader) or float("inf")
        doorstep = Doorstep(self.broker, always=(ADMINISTRATION,))
        self._net = net.Listeners(self._loop, self.broker, StreamLimits(slow_reader=slow_reader), doorstep=doorstep)
        self._tenant_limits = TenantLimits(self.broker, config)
        self._flapping = Flapping(self.broker)
        self._watchers.add(self._flapping)
        self._protect(config)
        self.now = self._net.clock.now
        self.async_broker = AsyncBroker(self.broker, self.now, self._net.clock.arm)
        self._http = HttpClient(self._loop.time)
        self._keys: dict[str, str] = {}  # of a broker that keeps nothing
        data = None if self._folder is None else self._folder.path
        self._registries = Registries(config, data, examining=examining)
        self._gates = Gates(AccessContext(self.now, data, self._http, self.broker, self._secret, self._net.clock.arm))
        self._authority = Authority(self.broker, self._http, self.now, self._net.clock.arm)
        self._listening = Listening(config, self._gates, self._connect)
        kept = None if config.server.memory else Path(config.server.data).absolute()  # also of one who examines
        self.routing = Routing(
            self.broker, self._http, self.now, default_tenant=TENANT, data=kept, safe=self.async_broker.safe,
            offering=tuple(faces),
        )  # fmt: skip
        self._routing_changes: asyncio.Task[None] | None = None
        self._lag = LoopLag(self._loop)
        self.broker.guard(SysGuard())
        self._sys_topics = SysTopics(self.broker, TENANT, self.now())

    async def start(self) -> None:
        """Open everything, or raise CannotStart and leave nothing open."""
        try:
            if self._folder is not None:
                self._folder.open()
            if self._store is not None:
                self._store.open()
            listeners = self._prepare()
            if self._store is not None:  # guards are in place, and nobody is connected yet
                self._store.restore(self.broker, self.now())
                self._store.start(self._loop)
            self.routing.restore()
            self.opened = self._net.open(listeners)
            self._authority.start(self._loop)
            for opened in self.opened:
                self.urls.setdefault(opened.name.partition("-")[0], []).append(opened.url)
            if self._folder is not None:
                self._folder.write(LISTENERS_FILE, self._describe_listeners())
        except (ConfigError, ListenError, TlsError, FolderError, StoreError, ClaimedTwice) as error:
            self.close()
            raise CannotStart(str(error)) from error
        await self.routing.start()
        for face in self._faces.values():
            await face.start()
        self._lag.start()
        self._tick()

    def prepare(self) -> None:
        """All of `start` that opens nothing, to find out whether it would succeed. Raises CannotStart."""
        try:
            self._prepare()
        except (ConfigError, TlsError, FolderError, ClaimedTwice) as error:
            in_itself = isinstance(error, ConfigError | ClaimedTwice) and not isinstance(error, NotUsableHere)
            raise CannotStart(str(error), in_itself=in_itself) from error

    async def drain(self) -> None:
        """Stop accepting, say goodbye to everybody, keep what was promised, and end."""
        ends_at = self._loop.time() + self.config.server.drain
        self._draining = True
        self._net.stop_accepting()
        await end_faces(self._faces, "stop", ends_at)
        send_away(self.broker, self.config, self.now())
        for stream in list(self._net.streams.open):
            stream.close()  # those that have not said CONNECT yet
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at):
                await self._authority.settled()  # wills may wait for an answer
        await self.routing.stop(max(ends_at - self._loop.time(), 0.0))  # what the last ones had to say is in its queues
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at):
                await self.async_broker.safe()
        drained = self._net.drain(max(ends_at - self._loop.time(), 0.0))
        await asyncio.gather(drained, end_faces(self._faces, "finish", ends_at))
        await self._registries.close()
        await self._http.close()
        self._log_watcher.flush(self.now())
        self.close()

    def close(self) -> None:
        """End whatever is left, at once."""
        self._net.close()
        self._authority.stop()
        self._lag.stop()
        self._gates.close()
        if self._timer is not None:
            self._timer.cancel()
        self._registries.abandon()
        if self._store is not None:
            self._store.close()
        if self._folder is not None:
            if self.opened:
                self._folder.remove(LISTENERS_FILE)
            self._folder.close()

    def health(self) -> tuple[bool, dict[str, object]]:
        healthy = not self._draining and bool(self.opened) and len(self._net.opened) == len(self.opened)
        status = "draining" if self._draining else "ok" if healthy else "not all listeners are open"
        if healthy and self._store is not None and self._store.trouble:
            healthy, status = False, self._store.trouble
        return healthy, {"status": status, "listeners": self.urls}

    def banner(self) -> list[str]:
        """What the faces have to say to whoever has started the broker."""
        return [line for face in self._faces.values() for line in face.banner()]

    def reread(self) -> Reloaded:
        """Read the configuration again and take over what can change. Whatever is wrong with it is logged and said."""
        try:
            return self.reload(self._read_again())
        except (ConfigError, CannotStart) as error:
            problems = str(error).split("\n")
            for problem in problems:
                log.error("the configuration stays as it was: %s", problem)
            return Reloaded(problems=problems)

    def reload(self, loaded: Loaded) -> Reloaded:
        """Take over what can change while connections stay, and log what cannot. Raises CannotStart if it is wrong."""
        old, new = self.config, loaded.config
        go_back = self._gates.hold()
        try:
            settings = find_faces(self._known_faces, new.faces, loaded.source)
            rules = prepare(new.rules, loaded.source)
            self._prepare_routing(loaded)
            self._gates.configure(new.access.tables, loaded.source)
            self._listening.reload(new)
        except (ConfigError, TlsError) as error:
            go_back()
            self._prepare_routing(self._loaded)
            raise CannotStart(str(error)) from error
        self.config = new
        self._loaded = loaded
        self._authority.use(rules)
        self._tenant_limits.use(new)
        self._protect(new)
        self._log_watcher.connections = new.log.connections
        set_up_log(new)
        self._routing_changes = self._loop.create_task(self.routing.apply())
        done = compare(old, new, lambda name: self._gives(name, settings))
        log.info("configuration read again; in force: %s", ", ".join(done.in_force))
        if done.waiting:
            log.warning("changes that wait for a restart: %s", ", ".join(done.waiting))
        return done

    def _gives(self, name: str, settings: Mapping[str, tuple[type[Face], Any]]) -> bool:
        """A face its new settings: does it take them while it runs?"""
        face = self._faces.get(name)
        return face is not None and name in settings and face.reload(settings[name][1])

    # Parts

    def _prepare(self) -> list[net.Listener]:
        claims: dict[str, Claims] = {}
        faces = find_faces(self._known_faces, self.config.faces, self._loaded.source)
        for name, (kind, settings) in faces.items():
            face = kind(self._face_context(name), settings)
            self._faces[name] = face
            claims[name] = face.claims()
        for one in claims.values():
            for tenant, guard in one.guards:
                self.broker.guard(guard, tenant)
            for authenticator, judge in one.authenticators.items():
                self._gates.bring(authenticator, judge)
            for watcher in one.watchers:
                self._watchers.add(watcher)
        self._gates.configure(self.config.access.tables, self._loaded.source)
        self._authority.use(prepare(self.config.rules, self._loaded.source))
        self._prepare_routing(self._loaded)
        self._watchers.add(self.routing.client_events())
        self._watchers.add(self._gates.revocation)  # the last to hear of a new connection: it may end it at once
        texts = [self._listening.certificates.metrics, *(face.metrics for face in self._faces.values())]
        texts.append(self.routing.metrics)
        metrics = Metrics(self.broker, self._lag, texts, self.now)
        self.admin_token()  # it is made now, so that whoever looks after the broker finds it
        claims["routing"] = self._routing_claims()
        own = own_claims(
            claims,
            AdministratorsOnly(self.admin_token, self.broker, self.now),
            HealthPage(self.health),
            MetricsPage(metrics),
            metrics_open=lambda: self.config.development or self.config.administration.metrics == "open",
            own_listener=bool(self.config.admin),
        )
        self.claims = [*(("", one) for one in own), *claims.items()]
        return self._listening.make([one for _, one in self.claims])

    def _routing_claims(self) -> Claims:
        """Events that are fetched; and where the administration is, that of routing."""
        pull = PullApi(self.routing.pull_queues, self.async_broker, TENANT)
        own = RoutesApi(self.routing, self.async_broker).claims() if "admin" in self._faces else Claims()
        return replace(own, routes=pull.routes())

    def admin_token(self) -> str:
        """What opens /api/admin."""
        return self.config.administration.token or self._secret(ADMIN_TOKEN)

    def _prepare_routing(self, loaded: Loaded) -> None:
        """Event Grid's names hold for the events of its tenant."""
        settings = loaded.config.routing
        table = loaded.config.faces.get("eventgrid")
        values = {} if table is None else table.values
        if not settings.namespace:
            settings = msgspec.structs.replace(settings, namespace=str(values.get("name") or "myna"))
        self.routing.prepare(settings, loaded.source, str(values.get("tenant") or ""))

    def _connect(self, gate: Gate, outlet: Outlet, peer: Peer, now: float) -> Connection:
        return Connection(self.broker, gate, outlet, peer, now, self.config.network.connect_timeout)

    def _face_context(self, name: str) -> FaceContext:
        folder = self._folder
        return FaceContext(
            broker=self.async_broker,
            now=self.now,
            arm=self._net.clock.arm,
            development=self.config.development,
            default_tenant=TENANT,
            data=None if folder is None else folder.path,
            secret=lambda key: self._secret(f"{name}-{key}"),
            http=self._http,
            gate=self._gates.make,
            connect_mqtt=self._connect,
            text_frame=encode_text_frame,
            binary_frame=encode_binary_frame,
            limit_tenant=self._tenant_limits.provide,
            urls=self.urls,
            open_registry=self._registries.open,
            events=self.routing,
            process=self,
            callers=lambda names: self._gates.callers(("faces", name, "access"), names),
        )

    def _secret(self, name: str) -> str:
        if self._folder is None:
            return self._keys.setdefault(name, secrets.token_urlsafe(48))
        return self._folder.secret(name)

    def _describe_listeners(self) -> bytes:
        fields = ("name", "url", "scheme", "host", "port", "path")
        opened = [{field: getattr(one, field) for field in fields} for one in self.opened]
        return msgspec.json.format(msgspec.json.encode({"pid": os.getpid(), "listeners": opened})) + b"\n"

    # While it runs

    def _tick(self) -> None:
        """Once a second."""
        self._timer = self._loop.call_later(1.0, self._tick)
        now = self.now()
        self._log_watcher.flush(now)
        self._gates.tick(now)
        self._authority.tick(now)
        self._listening.certificates.tick(now)
        every = int(self.config.server.sys_topics)
        if every and self._seconds % every == 0:
            self._sys_topics.publish(now)
        if self._seconds % IDLE_TENANTS_EVERY == 0:
            self.broker.forget_idle_tenants(now)
        self._seconds += 1

    def _protect(self, config: Config) -> None:
        self.broker.packet_size = largest_packet(config)
        protect(config, self.broker, self._net, self._flapping)


def set_up_log(config: Config) -> None:
    lines.set_up(config.log.level, config.log.format)


def _make_store(config: Config, folder: DataFolder | None) -> EmbeddedStore | None:
    return None if folder is None else EmbeddedStore(folder.path, sync=config.server.sync)


def _make_broker(config: Config, store: Store, watcher: Watchers) -> Broker:
    return Broker(
        store,
        SoloPeers(),
        limits=core_limits(config.limits_of()),
        tenant_limits=tenant_limits(config),
        watcher=watcher,
        memory=OutputMemory(config.network.output_memory, config.network.output_high_water),
        name_seed=f"myna-{secrets.token_hex(6)}",  # names it gives to clients must not repeat after a restart
    )
