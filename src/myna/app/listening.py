"""What is listened on and what answers there: MQTT behind its gates, and on each HTTP port one application of what the
faces and the broker itself claim.

What a newcomer gets wrong: a gate belongs to an endpoint, not to a port. All MQTT listeners share one unless a
listener lists authenticators of its own, and MQTT over WebSocket is an endpoint by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from msgspec.structs import asdict

from myna.access.gates import Gates
from myna.config import Config, ConfigError, Listener, Tls
from myna.core.connection import Connection
from myna.core.ports import Gate, Outlet, Peer
from myna.faces.contract import Claims, UpgradeRequest, WebSocketEndpoint, WebSocketRoute
from myna.faces.routes import HttpRoutes, WebSocketRoutes
from myna.net import endpoint as websocket
from myna.net import listeners as net
from myna.net.http_port import HttpLimits
from myna.net.tls import TlsContexts, TlsName, TlsSettings
from myna.net.tls_watch import TlsWatch
from myna.net.websocket_stream import MqttEndpoint

HTTP_KINDS = ("http", "bifromq", "admin")

Connect = Callable[[Gate, Outlet, Peer, float], Connection]


class Listening:
    """`config` is the one the broker was started with: which ports there are cannot change while it runs."""

    def __init__(self, config: Config, gates: Gates, connect: Connect) -> None:
        self._config = config
        self._gates = gates
        self._connect = connect
        self._contexts: list[tuple[TlsContexts, Listener]] = []
        self.certificates = TlsWatch()

    def make(self, claims: Sequence[Claims]) -> list[net.Listener]:
        made: list[net.Listener] = []
        for index, settings in enumerate(self._config.mqtt):
            gate = self._gates.use(*self._mqtt_endpoint(index, self._config))
            made.append(
                net.MqttListener(
                    _name("mqtt", index),
                    self._behind(gate),
                    mode=settings.mode,
                    tls=self._tls(_name("mqtt", index), settings, ()),
                    proxied=settings.proxy_protocol,
                    **_address(settings),
                )
            )
        own = self._own_claims()
        for kind in HTTP_KINDS:
            if getattr(self._config, kind):
                theirs = [one for one in (own, *claims) if (one.own_listener or "http") == kind]
                if not theirs:
                    raise ConfigError([f"{kind}: no face answers there; this build does not have it"])
                made += self._http(kind, theirs)
        return made

    def reload(self, config: Config) -> None:
        """Authenticators and certificates anew. Raises TlsError or ConfigError; gates are the caller's to put back."""
        for index in range(len(self._config.mqtt)):
            self._gates.use(*self._mqtt_endpoint(index, config))
        self._gates.use("websocket", config.access.of_websocket())
        for contexts, listener in self._contexts:
            contexts.reload(_tls_settings(listener, config))

    def _mqtt_endpoint(self, index: int, config: Config) -> tuple[str, tuple[str, ...]]:
        """The name of a listener's gate, and its authenticators."""
        own = self._config.mqtt[index].access
        return ("mqtt", config.access.mqtt) if own is None else (_name("mqtt", index), own)

    def _own_claims(self) -> Claims:
        connect = self._behind(self._gates.use("websocket", self._config.access.of_websocket()))

        def open_mqtt(request: UpgradeRequest, _: Mapping[str, str]) -> WebSocketEndpoint:
            return cast(WebSocketEndpoint, MqttEndpoint(cast(websocket.UpgradeRequest, request), connect))

        return Claims(websockets=[WebSocketRoute("/mqtt", open_mqtt)])

    def _http(self, kind: str, claims: Sequence[Claims]) -> list[net.Listener]:
        """The listeners of one kind share an application."""
        hot = {key: app for one in claims for key, app in one.hot.items()}
        fallback = next((one.fallback for one in claims if one.own_listener and one.fallback is not None), None)
        app = HttpRoutes(hot, [route for one in claims for route in one.routes], fallback)
        route = WebSocketRoutes([route for one in claims for route in one.websockets])
        network = self._config.network
        limits = HttpLimits(
            head_bytes=network.header_block,
            head_seconds=network.request_timeout,
            body_seconds=network.body_timeout,
            idle_seconds=network.idle_timeout,
            stall_seconds=float(network.slow_reader) or float("inf"),
        )
        settings: Sequence[Listener] = getattr(self._config, kind)
        return [
            net.HttpListener(
                _name(kind, index),
                app,
                cast(websocket.Route, route),  # faces see the same shapes from their side
                app.find_hot,
                tls=self._tls(_name(kind, index), one, ("http/1.1",)),
                proxied=one.proxy_protocol,
                limits=limits,
                **_address(one),
            )
            for index, one in enumerate(settings)
        ]

    def _behind(self, gate: Gate) -> Callable[[Outlet, Peer, float], Connection]:
        return lambda outlet, peer, now: self._connect(gate, outlet, peer, now)

    def _tls(self, name: str, listener: Listener, protocols: tuple[str, ...]) -> TlsContexts | None:
        if not listener.tls:
            return None
        contexts = TlsContexts(_tls_settings(listener, self._config), protocols, self._gates.revocation.begin)
        self._contexts.append((contexts, listener))
        self.certificates.add(name, contexts)
        return contexts


def _name(kind: str, index: int) -> str:
    return kind if index == 0 else f"{kind}-{index + 1}"


def _address(listener: Listener) -> dict[str, Any]:
    address = listener.listen
    return {"host": address.host, "port": address.port, "path": address.path}


def _tls_settings(listener: Listener, config: Config) -> TlsSettings:
    tls = listener.tls if isinstance(listener.tls, Tls) else config.tls
    names = tuple(TlsName(one.certificate, one.key, one.hosts) for one in tls.names)
    return TlsSettings(**{**asdict(tls), "names": names})
