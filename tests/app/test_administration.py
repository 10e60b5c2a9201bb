"""Below /api/admin and at /metrics nobody gets without the administrator's token, and guessing it takes for ever."""

import asyncio
import json
from typing import Any

import pytest

from myna.app.administration import AdministratorsOnly, own_claims
from myna.faces.contract import Asgi, Claims, Message, Receive, Route, Scope, Send, answer
from myna.testing import World
from myna.watch.log import find_hint

TOKEN = "the-token"
RIGHT = b"Bearer the-token"
WRONG = b"Bearer wrong"
GUESSES = 5


async def secret_page(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, 200, b"secret")


class Locked:
    def __init__(self) -> None:
        self.now = 1000.0
        self.world = World()
        self.world.broker.logins.failures = GUESSES
        self.counters = self.world.broker.counters
        self.guarded = AdministratorsOnly(lambda: TOKEN, self.world.broker, lambda: self.now)
        self.app = self.guarded.route(Route("/api/admin/x", secret_page)).app

    def ask(self, *authorization: bytes, address: tuple[str, int] | None = ("192.0.2.1", 1)) -> int:
        return show(self.app, *authorization, address=address)[0]


def show(app: Asgi, *authorization: bytes, address: tuple[str, int] | None = ("192.0.2.1", 1)) -> tuple[int, bytes]:
    """Status and body of an answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing to read")

    headers = [(b"authorization", value) for value in authorization]
    scope: Scope = {"path": "/api/admin/x", "headers": headers, "client": address}

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return sent[0]["status"], sent[1]["body"]


def test_the_token_opens() -> None:
    locked = Locked()
    assert locked.ask(RIGHT) == 200
    assert locked.ask(b"bearer  the-token ") == 200


@pytest.mark.parametrize(
    "given", [(), (b"",), (b"Bearer",), (b"Bearer ",), (WRONG,), (b"Basic the-token",), (RIGHT, b"Bearer x")]
)
def test_nothing_else_does(given: tuple[bytes, ...]) -> None:
    locked = Locked()
    assert locked.ask(*given) == 401
    assert locked.counters.refused["administrator_token"] == 1


def test_a_wrong_token_is_told_of_but_not_what_was_sent() -> None:
    locked = Locked()
    locked.ask(b"Bearer of-bad-news")
    assert locked.world.watcher.lines == ["somebody refused administration request: a wrong administrator's token"]
    assert "admin-token.key" in find_hint("a wrong administrator's token")


def test_an_address_that_guesses_has_to_wait_and_others_do_not() -> None:
    locked = Locked()
    assert [locked.ask(WRONG) for _ in range(GUESSES)] == [401] * GUESSES
    assert locked.ask(WRONG) == 429
    assert locked.ask(RIGHT) == 429  # or the answer would tell whether the guess was right
    assert locked.counters.refused["administrator_token"] == GUESSES
    assert locked.counters.refused["administrator_throttled"] == 2
    assert locked.ask(RIGHT, address=("192.0.2.2", 1)) == 200
    locked.now += 2.0
    assert locked.ask(WRONG) == 401
    locked.now += 1.0
    assert locked.ask(RIGHT) == 429  # the wait has doubled
    locked.now += 2.0
    assert locked.ask(RIGHT) == 200


def test_who_shows_no_token_guesses_nothing() -> None:
    locked = Locked()
    assert {locked.ask() for _ in range(3 * GUESSES)} == {401}
    assert locked.ask(RIGHT) == 200


def test_one_customer_s_ipv6_addresses_are_one() -> None:
    locked = Locked()
    for number in range(GUESSES):
        locked.ask(WRONG, address=(f"2001:db8::{number}", 1))
    assert locked.ask(WRONG, address=("2001:db8::ffff", 1)) == 429


def test_a_unix_socket_is_guarded_by_its_permissions() -> None:
    locked = Locked()
    assert {locked.ask(WRONG, address=None) for _ in range(2 * GUESSES)} == {401}


def test_only_what_is_below_its_root_can_be_guarded() -> None:
    with pytest.raises(AssertionError):
        Locked().guarded.route(Route("/api/administrators", secret_page))


def described(path: str) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "x"}, "paths": {path: {"get": {"responses": {}}}}}


def pages(claims: Claims) -> dict[str, Asgi]:
    return {route.pattern: route.app for route in claims.routes}


def make_claims(*, metrics_open: bool, own_listener: bool) -> list[Claims]:
    theirs = {
        "admin": Claims(
            administration=[Route("/api/admin/x", secret_page)],
            description={**described("/api/admin/x")},
        ),
        "birds": Claims(description=described("/birds")),
    }
    return own_claims(
        theirs,
        Locked().guarded,
        secret_page,
        secret_page,
        metrics_open=lambda: metrics_open,
        own_listener=own_listener,
    )


def test_metrics_are_the_administrator_s_unless_they_are_open() -> None:
    (closed,) = make_claims(metrics_open=False, own_listener=False)
    assert show(pages(closed)["/metrics"])[0] == 401
    assert show(pages(closed)["/metrics"], RIGHT)[0] == 200
    assert show(pages(closed)["/health"])[0] == 200
    (opened,) = make_claims(metrics_open=True, own_listener=False)
    assert show(pages(opened)["/metrics"])[0] == 200
    assert show(pages(opened)["/api/admin/x"])[0] == 401


def test_a_listener_of_its_own_takes_the_administration_off_the_common_port() -> None:
    common, own = make_claims(metrics_open=False, own_listener=True)
    assert set(pages(common)) == {"/health", "/openapi.json"}
    assert own.own_listener == "admin"
    assert set(pages(own)) == {"/health", "/metrics", "/api/admin/openapi.json", "/api/admin/x"}
    assert show(pages(own)["/api/admin/x"])[0] == 401


def test_descriptions_are_served_where_what_they_describe_is() -> None:
    (claims,) = make_claims(metrics_open=False, own_listener=False)
    status, body = show(pages(claims)["/openapi.json"])
    assert status == 200
    assert list(json.loads(body)["paths"]) == ["/birds"]
    assert show(pages(claims)["/api/admin/openapi.json"])[0] == 401
    status, body = show(pages(claims)["/api/admin/openapi.json"], RIGHT)
    assert list(json.loads(body)["paths"]) == ["/api/admin/x"]


def test_no_face_claims_what_is_the_administrator_s_for_everybody() -> None:
    theirs = {"birds": Claims(routes=[Route("/api/admin/birds", secret_page)])}
    with pytest.raises(AssertionError, match="birds claims /api/admin/birds for everybody"):
        own_claims(theirs, Locked().guarded, secret_page, secret_page, metrics_open=lambda: False, own_listener=False)
