"""Routing over HTTP: what is asked for and how, and what is said when it cannot be."""

import json
from typing import Any

import msgspec
import pytest

from myna.app.routes_api import LARGEST, PLACE, RoutesApi
from myna.faces.async_broker import AsyncBroker
from myna.routing.verdict import never
from myna.testing import KeepsNothing, World
from tests.faces.exchanges import Reply, ask
from tests.routing.harness import until
from tests.routing.test_routing import House


class Desk:
    def __init__(self) -> None:
        self.house = House(world=World(store=KeepsNothing()))
        world = self.house.world
        self.claims = RoutesApi(self.house.routing, AsyncBroker(world.broker, lambda: world.now, lambda: None)).claims()

    async def call(self, method: str, path: str, body: Any = None, query: str = "") -> Reply:
        pieces = path.strip("/").split("/") if path else []
        name = pieces[1] if len(pieces) > 1 else ""
        pattern = PLACE + "".join(f"/{'{name}' if index == 1 else piece}" for index, piece in enumerate(pieces))
        (route,) = [one for one in self.claims.administration if (one.pattern, one.methods) == (pattern, (method,))]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope |= {"path_params": {"name": name}, "query_string": query.encode()}
            await route.app(scope, receive, send)

        return await ask(app, method, PLACE + path, [data])


async def made() -> Desk:
    desk = Desk()
    await desk.house.start()
    assert (await desk.call("PUT", "/destinations/d", {"kind": "fake", "word": "x"})).status == 201
    assert (await desk.call("PUT", "/rules/r", {"destination": "d"})).status == 201
    return desk


async def test_what_is_made_is_listed_with_its_state() -> None:
    desk = await made()
    desk.house.publish()
    await until(lambda: desk.house.routing.station("d").line.delivered)
    found = json.loads((await desk.call("GET", "")).body)
    assert [(one["name"], one["origin"], one["state"]["delivered"]) for one in found["destinations"]] == [
        ("d", "api", 1)
    ]
    assert [(one["name"], one["state"]) for one in found["rules"]] == [("r", {"active": True, "matched": 1})]
    assert found["orphans"] == []
    assert json.loads((await desk.call("GET", "/rules/r")).body)["definition"] == {"destination": "d"}
    assert (await desk.call("PUT", "/rules/r", {"destination": "d"})).status == 200


async def test_pausing_and_clearing() -> None:
    desk = await made()
    assert json.loads((await desk.call("POST", "/destinations/d/pause")).body)["state"]["paused"]
    desk.house.publish()
    assert json.loads((await desk.call("DELETE", "/destinations/d/queue")).body) == {"forgotten": 1}
    assert not json.loads((await desk.call("POST", "/destinations/d/resume")).body)["state"]["paused"]


async def test_dead_letters_are_read_replayed_and_forgotten() -> None:
    desk = await made()
    desk.house.newest().verdicts += [never("http://me:pw@x/y?z refused"), never("no")]
    for _ in range(2):
        desk.house.publish()
    await until(lambda: desk.house.routing.station("d").kept.count() == 2)
    assert b"pw" not in (await desk.call("GET", "/destinations/d")).body
    page = json.loads((await desk.call("GET", "/destinations/d/dead-letters")).body)
    assert page["count"] == 2
    assert page["deadLetters"][0]["event"]["subject"] == "a"
    after = page["deadLetters"][0]["number"]
    rest = json.loads((await desk.call("GET", "/destinations/d/dead-letters", query=f"after={after}")).body)
    assert len(rest["deadLetters"]) == 1
    assert (await desk.call("GET", "/destinations/d/dead-letters", query="after=x")).status == 400
    assert json.loads((await desk.call("POST", "/destinations/d/dead-letters/replay")).body) == {"replayed": 2}
    assert json.loads((await desk.call("DELETE", "/destinations/d/dead-letters")).body) == {"forgotten": 0}


async def test_deleting() -> None:
    desk = await made()
    assert (await desk.call("DELETE", "/destinations/d")).status == 409
    assert (await desk.call("DELETE", "/rules/r")).status == 204
    assert (await desk.call("DELETE", "/rules/r")).status == 404
    assert (await desk.call("DELETE", "/destinations/d")).status == 200
    assert (await desk.call("GET", "/destinations/d")).status == 404
    assert (await desk.call("DELETE", "/destinations/d")).status == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/destinations/x", b"{", 400, "no JSON object"),
        ("/destinations/x", b"[]", 400, "no JSON object"),
        ("/destinations/x", b"\xff", 400, "no JSON object"),
        ("/destinations/x", b"[" * 100_000, 400, "no JSON object"),
        ("/destinations/x", b" " * (LARGEST + 1), 413, "at most"),
        ("/destinations/x", {"kind": "fake", "word": 5}, 400, "x.word: expected text in quotes, got 5"),
        ("/destinations/x", {"kind": "fake", "concurrency": 0}, 400, "a whole number from 1"),
        ("/rules/x", {"destination": "d", "topic_filters": "a"}, 400, "a list of text"),
        ("/rules/x", {"destination": "e"}, 409, "no destination 'e'"),
        ("/rules/-x", {"destination": "d"}, 400, "no name"),
        ("/destinations/-x", {"kind": "fake", "word": "x"}, 400, "no name"),
    ],
)
async def test_what_cannot_be_is_explained(path: str, body: Any, status: int, said: str) -> None:
    reply = await (await made()).call("PUT", path, body)
    problem = json.loads(reply.body)
    assert (reply.status, problem["status"]) == (status, status)
    assert reply.headers[b"content-type"] == b"application/problem+json"
    assert said in problem["detail"]


def test_the_description_is_of_the_routes() -> None:
    claims = Desk().claims
    document = claims.description
    assert document is not None
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.methods[0], route.pattern) for route in claims.administration}
    msgspec.json.encode(document)
