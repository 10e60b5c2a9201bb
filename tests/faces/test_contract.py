"""What faces are given, and that the network's WebSockets have the shapes that faces are promised."""

import asyncio
from collections.abc import Sequence

import pytest

from myna.faces import contract
from myna.faces.contract import BodyTooLarge, ClientGone, Receive, Scope, Send, answer, read_body
from myna.net import endpoint as net
from tests.faces.exchanges import Reply, ask


def see_request(request: net.UpgradeRequest) -> contract.UpgradeRequest:
    return request


def see_connection(connection: net.WebSocketConnection) -> contract.WebSocketConnection:
    return connection


def test_an_endpoint_of_a_face_has_all_that_the_network_calls() -> None:
    called = {name for name in vars(net.WebSocketEndpoint) if not name.startswith("_")}
    assert called == {name for name in vars(contract.WebSocketEndpoint) if not name.startswith("_")}


def read(body: Sequence[bytes], limit: int, *headers: tuple[bytes, bytes]) -> Reply:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, 200, await read_body(scope, receive, limit))

    return asyncio.run(ask(app, "POST", "/", body, headers))


def test_a_body_is_read_whole() -> None:
    assert read([b"one", b"two"], 6).body == b"onetwo"
    assert read([b""], 0).body == b""


def test_a_body_over_the_limit_is_not_read() -> None:
    with pytest.raises(BodyTooLarge):
        read([b"one", b"two"], 5)
    with pytest.raises(BodyTooLarge):
        read([b""], 5, (b"content-length", b"6"))


def test_a_client_that_leaves_is_noticed() -> None:
    with pytest.raises(ClientGone):
        read([], 5)
