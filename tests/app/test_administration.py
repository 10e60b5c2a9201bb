"""Below /api/admin nobody gets without the administrator's token."""

import asyncio

import pytest

from myna.app.administration import AdministratorsOnly
from myna.faces.contract import Message, Receive, Route, Scope, Send, answer


async def secret_page(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, 200, b"secret")


def ask(*authorization: bytes) -> int:
    """The status of an answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing to read")

    route = AdministratorsOnly(lambda: "the-token").route(Route("/api/admin/x", secret_page))
    scope: Scope = {"headers": [(b"authorization", value) for value in authorization], "client": ("127.0.0.1", 1)}

    async def run() -> None:
        await route.app(scope, receive, send)

    asyncio.run(run())
    status: int = sent[0]["status"]
    return status


def test_the_token_opens() -> None:
    assert ask(b"Bearer the-token") == 200
    assert ask(b"bearer  the-token ") == 200


@pytest.mark.parametrize(
    "given", [(), (b"",), (b"Bearer",), (b"Bearer wrong",), (b"Basic the-token",), (b"Bearer the-token", b"Bearer x")]
)
def test_nothing_else_does(given: tuple[bytes, ...]) -> None:
    assert ask(*given) == 401


def test_only_what_is_below_its_root_can_be_guarded() -> None:
    with pytest.raises(AssertionError):
        AdministratorsOnly(str).route(Route("/api/administrators", secret_page))
