"""Paths to applications: as they were sent, the most literal first."""

import asyncio
import json

import pytest

from myna.faces.contract import (
    Asgi,
    PathParameters,
    Receive,
    Route,
    Scope,
    Send,
    UpgradeRequest,
    WebSocketConnection,
    WebSocketEndpoint,
    WebSocketRoute,
    answer,
)
from myna.faces.routes import ClaimedTwice, HttpRoutes, WebSocketRoutes, decode_segment
from myna.net.endpoint import UpgradeRequest as NetRequest
from tests.faces.exchanges import Reply, ask


def says(name: str) -> Asgi:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 200, json.dumps([name, scope.get("path_params", {})]).encode())

    return app


ROUTES = HttpRoutes(
    {("POST", "/pub"): says("pub")},
    [
        Route("/api/hubs/{hub}/:send", says("send"), ("POST",)),
        Route("/api/hubs/{hub}/groups/{group}/:send", says("group send"), ("POST",)),
        Route("/api/hubs/{hub}/groups/{group}", says("group"), ("HEAD",)),
        Route("/api/hubs/{hub}/groups/{group}", says("delete group"), ("DELETE",)),
        Route("/api/hubs/{hub}/groups/all", says("all groups"), ("GET",)),
        Route("/hubs/{hub}", says("put hub"), ("PUT",)),
        Route("/hubs/:keys", says("keys"), ("GET",)),
        Route("/api/*", says("the rest of the API")),
        Route("/console/*", says("console"), ("GET",)),
        Route("/", says("front page"), ("GET",)),
    ],
)


def reply_of(method: str, path: str, app: Asgi = ROUTES) -> Reply:
    return asyncio.run(ask(app, method, path))


@pytest.mark.parametrize(
    ("method", "path", "name", "values"),
    [
        ("POST", "/pub", "pub", {}),
        ("POST", "/api/hubs/chat/:send", "send", {"hub": "chat"}),
        ("POST", "/api/hubs/chat/groups/a%2Fb/:send", "group send", {"hub": "chat", "group": "a/b"}),
        ("POST", "/api/hubs/chat/groups//:send", "group send", {"hub": "chat", "group": ""}),
        ("DELETE", "/api/hubs/chat/groups/%C3%A4", "delete group", {"hub": "chat", "group": "ä"}),
        ("GET", "/api/hubs/chat/groups/all", "all groups", {"hub": "chat"}),
        ("DELETE", "/api/hubs/chat/groups/all", "delete group", {"hub": "chat", "group": "all"}),
        ("PATCH", "/api/hubs/chat/groups/x", "the rest of the API", {}),
        ("GET", "/api/what/ever", "the rest of the API", {}),
        ("PUT", "/hubs/chat", "put hub", {"hub": "chat"}),
        ("GET", "/hubs/:keys", "keys", {}),
        ("GET", "/console", "console", {}),
        ("GET", "/console/", "console", {}),
        ("HEAD", "/console/app.js", "console", {}),
        ("GET", "/", "front page", {}),
    ],
)
def test_the_best_claim_gets_the_request(method: str, path: str, name: str, values: dict[str, str]) -> None:
    assert json.loads(reply_of(method, path).body) == [name, values]


def test_what_nobody_claims_is_not_found() -> None:
    reply = reply_of("GET", "/nothing")
    assert reply.status == 404
    assert reply.headers[b"content-type"] == b"application/problem+json"
    assert json.loads(reply.body)["detail"] == "there is nothing at /nothing"


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("POST", "/", b"GET"), ("GET", "/pub", b"POST"), ("PUT", "/hubs/:keys", b"GET")]
)
def test_a_method_nobody_claims_is_answered_with_those_there_are(method: str, path: str, allowed: bytes) -> None:
    reply = reply_of(method, path)
    assert reply.status == 405
    assert reply.headers[b"allow"] == allowed


@pytest.mark.parametrize(("method", "path"), [("GET", "/pub"), ("GET", "/x")])
def test_a_port_of_its_own_has_its_own_last_word(method: str, path: str) -> None:
    routes = HttpRoutes({("POST", "/pub"): says("pub")}, [], says("400"))
    assert json.loads(reply_of(method, path, routes).body)[0] == "400"


def test_no_path_is_claimed_twice() -> None:
    with pytest.raises(ClaimedTwice, match="GET /x is claimed twice"):
        HttpRoutes({}, [Route("/x", says("a"), ("GET",)), Route("/x", says("b"), ("GET",))])


@pytest.mark.parametrize("pattern", ["x", "/{tenant}/x"])
def test_patterns_that_could_take_everything_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"path|placeholder"):
        HttpRoutes({}, [Route(pattern, says("a"))])


def test_bytes_that_are_not_utf_8_become_no_legal_name() -> None:
    assert decode_segment(b"a%ffb") == "a\udcffb"


class Endpoint(WebSocketEndpoint):
    def __init__(self, name: str, values: PathParameters) -> None:
        self.name = name
        self.values = values

    def opening(self, socket: WebSocketConnection) -> None:
        socket.accept()


def endpoint_of(path: str, *subprotocols: str) -> tuple[str, PathParameters] | None:
    def opens(name: str, request: UpgradeRequest, values: PathParameters) -> WebSocketEndpoint | None:
        return None if request.header(b"x-decline") == name.encode() else Endpoint(name, values)

    routes = WebSocketRoutes(
        [
            WebSocketRoute("/ws/{hub}", lambda request, values: opens("json", request, values), ("json.v1",)),
            WebSocketRoute("/ws/{hub}", lambda request, values: opens("plain", request, values)),
            WebSocketRoute("/no", lambda request, values: None),
        ]
    )
    request = NetRequest(path.encode(), b"", (), subprotocols, "", "", "ws")
    found = routes(request)
    return (found.name, found.values) if isinstance(found, Endpoint) else None


def test_a_websocket_goes_to_the_endpoint_of_its_path_and_subprotocol() -> None:
    assert endpoint_of("/ws/chat", "json.v1") == ("json", {"hub": "chat"})
    assert endpoint_of("/ws/chat", "other") == ("plain", {"hub": "chat"})
    assert endpoint_of("/ws/chat") == ("plain", {"hub": "chat"})


def test_an_endpoint_may_decline_and_unknown_paths_have_none() -> None:
    assert endpoint_of("/no") is None
    assert endpoint_of("/elsewhere") is None
