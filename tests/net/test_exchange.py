import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.net.harness import on_our_loop
from tests.net.test_http import read_answer, serve

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def answering(*messages: dict[str, Any]) -> Callable[..., Any]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def piece(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


@on_our_loop
async def test_an_answer_without_a_length_is_chunked() -> None:
    async with serve(answering(start(), piece(b"ab", more=True), piece(more=True), piece(b"c"))) as served:
        client = await served.client()
        await client.send(GET)
        assert b"transfer-encoding: chunked\r\n" in await client.read_until(b"\r\n\r\n")
        assert await client.read_until(b"0\r\n\r\n") == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        client.close()


@on_our_loop
async def test_a_client_of_http_1_0_gets_the_end_of_the_connection_instead() -> None:
    async with serve(answering(start(), piece(b"ab", more=True), piece(b"c"))) as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        answer = await client.read_all()
        assert b"connection: close\r\n" in answer
        assert answer.endswith(b"\r\n\r\nabc")
        client.close()


@pytest.mark.parametrize("status", [204, 304])
@on_our_loop
async def test_answers_that_have_no_body_say_nothing_of_one(status: int) -> None:
    async with serve(answering(start(status), piece())) as served:
        client = await served.client()
        for _ in range(2):
            await client.send(GET)
            answer = await client.read_until(b"\r\n\r\n")
            assert b"transfer-encoding" not in answer
        client.close()


@on_our_loop
async def test_an_application_may_end_the_connection() -> None:
    async with serve(
        answering(start(200, (b"content-length", b"1"), (b"connection", b"close")), piece(b"x"))
    ) as served:
        client = await served.client()
        await client.send(GET)
        status, headers, _ = await read_answer(client)
        assert (status, headers["connection"]) == (200, "close")
        assert await client.read_all() == b""
        client.close()


@pytest.mark.parametrize(
    "app",
    [
        answering(),
        answering(piece()),
        answering(start(), start()),
        answering(start()),
        answering(start(200, (b"bad name", b"x")), piece()),
        answering(start(200, (b"x", b"a\r\nb: c")), piece()),
        answering(start(200, (b"transfer-encoding", b"gzip")), piece()),
        answering(start(200, (b"content-length", b"1")), piece(b"too long")),
        answering(start(200, (b"content-length", b"9")), piece(b"short")),
    ],
)
@on_our_loop
async def test_a_broken_application_is_a_clean_500(app: Callable[..., Any]) -> None:
    async with serve(app) as served:
        client = await served.client()
        await client.send(GET)
        status, headers, body = await read_answer(client)
        assert (status, headers["connection"], body) == (500, "close", b"Internal Server Error")
        assert await client.read_all() == b""
        client.close()


@on_our_loop
async def test_an_answer_that_breaks_off_ends_the_connection() -> None:
    async with serve(answering(start(), piece(b"half", more=True))) as served:
        client = await served.client()
        await client.send(GET)
        try:
            assert not (await client.read_all()).endswith(b"0\r\n\r\n")
        except ConnectionResetError:
            pass
        client.close()


@on_our_loop
async def test_a_message_behind_the_answer_is_a_bug_that_the_client_does_not_see(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(answering(start(), piece(b"x"), piece(b"y"))) as served:
        client = await served.client()
        await client.send(GET)
        assert (await client.read_until(b"0\r\n\r\n")).endswith(b"1\r\nx\r\n0\r\n\r\n")
        await client.send(GET)
        await client.read_until(b"0\r\n\r\n")
        assert "behind a complete answer" in caplog.text
        client.close()


@on_our_loop
async def test_a_large_body_waits_at_the_client_until_it_is_fetched() -> None:
    proceed = asyncio.Event()
    sizes: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await proceed.wait()
        more = True
        while more:
            message = await receive()
            sizes.append(len(message["body"]))
            more = message["more_body"]
        await send(start(200, (b"content-length", b"0")))
        await send(piece())

    async with serve(app) as served:
        client = await served.client()
        total = 12_000_000
        sending = asyncio.ensure_future(
            client.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % total + b"x" * total)
        )
        while not served.listeners._ports[0].state.tasks:
            await asyncio.sleep(0)
        await asyncio.wait([sending], timeout=0.1)
        assert not sending.done(), "the kernel's buffers are full and we do not read"
        proceed.set()
        await sending
        assert (await read_answer(client))[0] == 200
        assert sum(sizes) == total
        assert max(sizes) < 1_000_000
        client.close()


@on_our_loop
async def test_a_reader_that_falls_behind_holds_up_the_application() -> None:
    written = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal written
        await send(start())
        for _ in range(80):
            await send(piece(b"x" * 100_000, more=True))
            written += 1
        await send(piece())

    async with serve(app) as served:
        client = await served.client()
        await client.send(GET)
        await client.read_until(b"\r\n\r\n")
        for _ in range(20):
            await asyncio.sleep(0)
        assert written < 80
        await client.read_until(b"\r\n0\r\n\r\n")
        assert written == 80
        client.close()
