"""A walk through a fully configured broker as a stranger: every listener, every route and WebSocket that anybody
claims, every topic space, without credentials and with wrong ones. What is open is on a short list, with its reasons.

The routes come from the claims themselves, so one that is new is visited without anybody thinking of it. What a
newcomer gets wrong: a test that fails here is not mended by adding to the list, unless everybody may really do that.
"""

import asyncio
import json
import re
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import pytest

from myna.app import FACES, App
from myna.commands.certificates.authority import Authority
from myna.config import load_text
from myna.core.tenant import Tenant
from myna.faces.contract import Claims
from myna.faces.webpubsub.rest.operations import OPERATIONS
from myna.wire.encode import encode
from myna.wire.packets import Connack, Connect, Packet, Puback, Publish, Suback, Subscribe, SubscriptionRequest
from myna.wire.reader import FrameReader

CONFIGURATION = """
[server]
data = "{folder}/data"
[tls]
certificate = "{folder}/server.pem"
key = "{folder}/server.key"
[[mqtt]]
listen = "127.0.0.1:0"
[[mqtt]]
listen = "127.0.0.1:0"
tls = true
[[mqtt]]
listen = "127.0.0.1:0"
access = ["open"]
[[http]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
tls = true
[[bifromq]]
listen = "127.0.0.1:0"
[[bifromq]]
listen = "127.0.0.1:0"
tls = true
{admin}
[access]
mqtt = {authenticators}
[faces.bifromq]
tokens = ["0123456789abcdef0123456789abcdef"]
trust_loopback = false
[protection]
login_failures = 0
login_failures_per_name = 0
[log]
level = "error"
"""
OWN_LISTENER = """
[[admin]]
listen = "127.0.0.1:0"
[[admin]]
listen = "127.0.0.1:0"
tls = true
"""

# What a stranger is answered other than by a refusal, and why. A method that a path does not have is 405 anywhere.
NO_UPGRADE: Final = "a WebSocket is opened there, and to anything else is said just that"
OPEN: Final[dict[str, tuple[int, str]]] = {
    "/health": (200, "ok or unavailable, for load balancers; the details are the administrator's"),
    "/openapi.json": (200, "what the APIs take and answer, the same in every installation"),
    "/mqtt/*": (404, "what is no path of Event Grid's API"),
    "/mqtt/openapi.json": (200, "the same of Event Grid's API alone"),
    "/api/health": (200, "Web PubSub's own way of asking whether it is there; its answer is empty"),
    "/api/hubs/*": (404, "what is no operation of Web PubSub; its operations are below"),
    "/client": (400, NO_UPGRADE),
    "/client/*": (400, NO_UPGRADE),
    "/clients/*": (400, NO_UPGRADE),
}
# A route that ends in /* hides what it does; this is it.
BELOW: Final = {"/api/hubs/*": [(one.method, f"/api/hubs/x/{one.path}") for one in OPERATIONS]}
VERSION: Final = "?api-version=2024-12-01"
OPEN_LISTENER: Final = "mqtt-3"  # the configuration says so: access = ["open"]

CLOSED: Final = {401, 403, 429}
BOUND: Final = 60.0
WRONG: Final = (
    {"authorization": "Bearer wrong-wrong-wrong-wrong-wrong-wrong"},
    {"authorization": "Basic YWRtaW46YWRtaW4="},
    # A token in the right form, signed by nobody: {"alg":"none"}.{"sub":"admin","exp":9999999999}.
    {"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0."},
)
EVERY_METHOD: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class Visit:
    """What a stranger did, and what he was answered."""

    url: str
    method: str
    pattern: str
    status: int
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.pattern} at {self.url}: {self.status} {self.body[:200]!r}"

    def is_closed(self) -> bool:
        listed = self.pattern in OPEN and OPEN[self.pattern][0] == self.status
        return listed or self.status in CLOSED or self.status == 405


class Walk:
    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self._tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))

    async def connect(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        secure = self._tls if parts.scheme.endswith("s") else None
        return await asyncio.open_connection(parts.hostname, parts.port, ssl=secure)

    async def ask(self, url: str, method: str, pattern: str, headers: dict[str, str]) -> Visit:
        reader, writer = await self.connect(url)
        body = b"{}" if method in ("POST", "PUT", "PATCH") else b""
        given = {"host": "x", "connection": "close", "tenant_id": "DevOnly", "content-type": "application/json"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**given, **headers}.items())
        target = fill(pattern) + VERSION
        writer.write(f"{method} {target} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.read()
        writer.transport.abort()
        head, _, content = answer.partition(b"\r\n\r\n")
        return Visit(url, method, pattern, int(head.split(b" ")[1]), content)

    def routes(self, claims: Claims) -> Iterator[tuple[str, str]]:
        """Method and pattern of everything that is claimed, HEAD included."""
        yield from claims.hot
        for route in claims.routes:
            for method in route.methods or EVERY_METHOD:
                yield method, route.pattern
            yield from BELOW.get(route.pattern, ())
        if claims.fallback is not None:
            yield "GET", "/a/path/nobody/claims"

    async def visits(self) -> AsyncIterator[Visit]:
        """Every route of every HTTP listener, as a stranger."""
        for _, claims in self.app.claims:
            for url in self.app.urls[claims.own_listener or "http"]:
                for method, pattern in self.routes(claims):
                    for headers in ({}, *WRONG):
                        yield await self.ask(url, method, pattern, headers)

    @asynccontextmanager
    async def mqtt(self, url: str, *packets: Packet) -> AsyncIterator["MqttTalk"]:
        reader, writer = await self.connect(url)
        talk = MqttTalk(reader, writer)
        talk.send(*packets)
        yield talk
        writer.transport.abort()


class MqttTalk:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = FrameReader(0x0FFF_FFFF, 5)

    def send(self, *packets: Packet) -> None:
        self._writer.write(b"".join(encode(packet, 5) for packet in packets))

    async def next(self) -> Packet | None:
        """None at the end of the connection."""
        while (packet := self._frames.next_packet(5)) is None:
            data = await self._reader.read(65536)
            if not data:
                return None
            self._frames.feed(data)
        return packet


def fill(pattern: str) -> str:
    return re.sub(r"\{\w+\}", "x", pattern).replace("/*", "/x")


def run(tmp_path: Path, scenario: Callable[[Walk], Awaitable[None]], admin: str = OWN_LISTENER) -> None:
    Authority(tmp_path).server(["localhost", "127.0.0.1"], 1)
    faces = "".join(f"[faces.{name}]\n" for name in FACES if f"[faces.{name}]" not in CONFIGURATION)

    async def inner() -> None:
        brought = brought_authenticators(faces)
        text = CONFIGURATION.format(folder=tmp_path, admin=admin, authenticators=json.dumps(brought)) + faces
        app = App(load_text(text.encode(), "myna.toml", {}))
        await app.start()
        try:
            await scenario(Walk(app, tmp_path))
        finally:
            await app.drain()

    asyncio.run(asyncio.wait_for(inner(), BOUND))


def brought_authenticators(faces: str) -> list[str]:
    """Every one that a face brings: nobody gets in by any of them without its credentials."""
    bare = f'[server]\nmemory = true\n[[http]]\nlisten = "127.0.0.1:0"\n[faces.bifromq]\n{faces}'
    app = App(load_text(bare.encode(), "myna.toml", {}), examining=True)
    app.prepare()
    names = {name for _, claims in app.claims for name in claims.authenticators}
    app.close()
    assert "devicehive" in names
    return sorted(names)


@pytest.mark.parametrize("admin", [OWN_LISTENER, ""], ids=["its own listener", "the common port"])
def test_over_http_strangers_get_only_what_is_on_the_list(tmp_path: Path, admin: str) -> None:
    async def scenario(walk: Walk) -> None:
        visited: set[tuple[str, str]] = set()
        urls: set[str] = set()
        surprises: set[str] = set()
        async for visit in walk.visits():
            visited.add((visit.method, visit.pattern))
            urls.add(visit.url)
            if not visit.is_closed():
                surprises.add(str(visit))
        if surprises:
            pytest.fail("\n".join(["open to strangers:", *sorted(surprises)]), pytrace=False)
        assert urls == {one.url for one in walk.app.opened if not one.scheme.startswith("mqtt")}, (
            "a listener is left out"
        )
        patterns = {pattern for _, pattern in visited}
        assert set(OPEN) <= patterns, "the list names what is not there any more"
        hiding = {pattern for pattern in patterns if pattern.endswith("/*")}
        assert hiding <= {*BELOW, *OPEN}, "say in BELOW what such a route does"
        assert len(visited) > 100
        assert {("GET", "/metrics"), ("POST", "/api/admin/reload"), ("POST", "/pub")} <= visited

    run(tmp_path, scenario, admin)


def test_no_websocket_opens_and_mqtt_over_it_asks_who_is_there(tmp_path: Path) -> None:
    async def scenario(walk: Walk) -> None:
        visited = 0
        for _, claims in walk.app.claims:
            for route in claims.websockets:
                for url in walk.app.urls[claims.own_listener or "http"]:
                    for headers in ({}, *WRONG):
                        for subprotocol in (*route.subprotocols, "", "mqtt", "json.webpubsub.azure.v1"):
                            visited += 1
                            await assert_no_way_in(walk, url, route.pattern, headers, subprotocol)
        assert visited > 50

    run(tmp_path, scenario)


async def assert_no_way_in(walk: Walk, url: str, pattern: str, headers: dict[str, str], subprotocol: str) -> None:
    """Refused, or it is MQTT and a CONNECT is refused."""
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        **({"sec-websocket-protocol": subprotocol} if subprotocol else {}),
    }
    reader, writer = await walk.connect(url)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": "x", **upgrade, **headers}.items())
    writer.write(f"GET {fill(pattern)} HTTP/1.1\r\n{lines}\r\n".encode())
    status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1])
    where = f"{pattern} at {url} as {subprotocol!r} with {headers}"
    if status == 101:
        assert subprotocol == "mqtt", where
        connect = encode(STRANGER, 5)
        writer.write(bytes([0x82, 0x80 | len(connect)]) + bytes(4) + connect)  # one masked frame; the mask is 0
        answer = await reader.read(4096)
        assert answer[:1] == b"\x82", where
        assert answer[2] == 0x20, where
        assert answer[5] >= 0x80, where  # CONNACK: no
    else:
        assert status in (*CLOSED, 400, 404), where
    writer.transport.abort()


STRANGER = Connect(5, "stranger", True, 0)


def test_over_mqtt_nobody_unknown_is_let_in(tmp_path: Path) -> None:
    async def scenario(walk: Walk) -> None:
        wrong = [
            STRANGER,
            Connect(5, "stranger", True, 0, "dhadmin", b"wrong"),
            Connect(5, "stranger", True, 0, "DevOnly/admin", b"x"),
            Connect(5, "stranger", True, 0, "x", b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."),
        ]
        listeners = [one for one in walk.app.opened if one.scheme.startswith("mqtt") and one.name != OPEN_LISTENER]
        assert {one.scheme for one in listeners} == {"mqtt", "mqtts"}
        for opened in listeners:
            for connect in wrong:
                async with walk.mqtt(opened.url, connect) as talk:
                    answer = await talk.next()
                    assert isinstance(answer, Connack)
                    assert answer.code >= 0x80, f"{connect.user_name} at {opened.url}"
                    assert await talk.next() is None
            async with walk.mqtt(opened.url, Subscribe(1, [SubscriptionRequest("#", 0)])) as talk:
                assert await talk.next() is None  # no CONNECT, no word

    run(tmp_path, scenario)


def test_whoever_is_let_in_does_not_get_into_the_spaces_of_the_apis(tmp_path: Path) -> None:
    """By a listener that lets everybody in. Of what is published to a space nothing arrives in it."""

    async def scenario(walk: Walk) -> None:
        guarded = {(tenant, guard.first_level) for _, one in walk.app.claims for tenant, guard in one.guards}
        spaces = {*guarded, ("", "$SYS")}
        assert {first for _, first in spaces} >= {"$SYS", "dh", "$webpubsub"}
        (url,) = [one.url for one in walk.app.opened if one.name == OPEN_LISTENER]
        for tenant in ("DevOnly", "acme"):
            everything = [f"{first}{rest}" for _, first in spaces for rest in ("/#", "/+/x", "/request/+/x")]
            asked = [SubscriptionRequest(filter, 1) for filter in [*everything, "#", "+/#"]]
            connect = Connect(5, "listener", True, 0, f"{tenant}/listener", b"x")
            async with walk.mqtt(url, connect, Subscribe(1, asked)) as listener:
                assert isinstance(await listener.next(), Connack)
                assert isinstance(await of_kind(listener, Suback), Suback)
                for first in sorted(first for owner, first in spaces if owner in ("", tenant)):
                    await assert_nothing_arrives(walk, url, tenant, first)
                publisher = Connect(5, "control", True, 0, f"{tenant}/control", b"x")
                async with walk.mqtt(url, publisher, Publish("ordinary", b"x", 1, packet_id=1)) as talk:
                    assert isinstance(await of_kind(talk, Puback), Puback)
                heard = await of_kind(listener, Publish)
                while heard.topic.startswith("$SYS/broker/"):  # the broker's own
                    heard = await of_kind(listener, Publish)
                assert heard.topic == "ordinary"  # the first that came: nothing of what was published before

    run(tmp_path, scenario)


async def assert_nothing_arrives(walk: Walk, url: str, tenant: str, first: str) -> None:
    for index, rest in enumerate(("/x", "/request/x/x", "/notification/x", "/server/messages")):
        for retain in (False, True):
            publisher = Connect(5, f"intruder-{index}", True, 0, f"{tenant}/intruder", b"x")
            message = Publish(f"{first}{rest}", b"{}", 1, retain, packet_id=1)
            async with walk.mqtt(url, publisher, message) as talk:
                assert isinstance(await talk.next(), Connack)
                answer = await talk.next()
                assert answer is None or not isinstance(answer, Publish)
    held = walk.app.broker.tenant(tenant)
    assert [
        one for one in held.retained.topics() if one.split("/")[0] == first and payload_of(held, one) == b"{}"
    ] == []


def payload_of(tenant: Tenant, topic: str) -> bytes:
    message = tenant.retained.get(topic)
    return b"" if message is None else message.payload


P = TypeVar("P", bound=Packet)


async def of_kind(talk: MqttTalk, kind: type[P]) -> P:
    while True:
        packet = await talk.next()
        assert packet is not None, f"ended before a {kind.__name__}"
        if isinstance(packet, kind):
            return packet


def test_no_file_of_the_data_folder_is_for_others(tmp_path: Path) -> None:
    async def scenario(walk: Walk) -> None:
        for file in (tmp_path / "data").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file

    run(tmp_path, scenario)
