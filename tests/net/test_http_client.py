"""The client for calls to others, against a real server on loopback that answers, stalls and breaks off as told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from myna.formats.outgoing import Answer, CallFailed, Cause, backoff
from myna.net.http_client import PATIENCE, PAUSE, HttpClient

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nX-One: a\r\nX-One: b\r\n\r\nhi"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def answering(*answers: bytes) -> Serve:
    """One answer for each connection; the last one for all that follow."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        writer.close()

    return serve


def run(serve: Serve, use: Callable[[HttpClient, str, Clock], Awaitable[None]]) -> None:
    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        clock = Clock()
        client = HttpClient(clock)
        try:
            await use(client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?secret=1", clock)
        finally:
            await client.close()
            server.close()

    asyncio.run(main())


async def failure(client: HttpClient, url: str, *, timeout: float = 60.0, largest: int = 100) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await client.call("POST", url, timeout=timeout, largest=largest)  # a GET may be tried twice
    assert "secret" not in str(caught.value)
    return caught.value


def test_an_answer_has_status_headers_and_body() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        headers = {"content-length": "2", "connection": "close", "x-one": "a, b"}
        assert await client.call("POST", url, body=b"x") == Answer(200, headers, b"hi")

    run(answering(OK), use)


def test_an_error_is_an_answer_too_and_holds_nobody_back() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        for _ in range(PATIENCE + 2):
            assert (await client.call("GET", url)).status == 503

    run(answering(b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), use)


def test_redirects_are_answers_unless_they_are_to_be_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        assert (await client.call("GET", url)).status == 302
        assert (await client.call("GET", url, redirects=3)).status == 200

    run(answering(moved, moved, OK), use)


def test_a_redirect_that_must_not_be_followed_is_the_answer_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    moved = b"HTTP/1.1 307 There\r\nLocation: http://other.example/?s=secret\r\nConnection: close\r\n\r\n"

    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        for _ in range(3):
            assert (await client.call("POST", url, body=b"password", redirects=3)).status == 307

    run(answering(moved), use)
    assert caplog.text.count("not followed") == 1
    assert "secret" not in caplog.text


def test_redirects_in_a_circle_end_with_the_last_of_them() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        assert (await client.call("GET", url, redirects=3)).status == 302

    run(answering(moved), use)


def test_silence_ends_at_the_timeout() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client has gone
        writer.close()
        gone.set()

    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        assert (await failure(client, url, timeout=0.05)).cause is Cause.TIMEOUT
        await gone.wait()

    run(serve, use)


def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        assert (await failure(client, url, largest=1)).cause is Cause.TOO_LARGE

    run(answering(OK), use)


def test_what_is_no_http_is_a_failed_connection() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        assert (await failure(client, url)).cause is Cause.CONNECTION
        for wrong in ("ftp://host/", "no url", "http://", "http://host:99999/"):
            assert (await failure(client, wrong)).cause is Cause.CONNECTION

    run(answering(b"SSH-2.0-server\r\n"), use)


def test_who_keeps_failing_is_left_alone_and_tried_again_later() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        for _ in range(PATIENCE):
            assert (await failure(client, url)).cause is Cause.CONNECTION
        assert (await failure(client, url)).cause is Cause.HELD_BACK
        clock.now = PAUSE + 0.1
        assert (await client.call("GET", url)).status == 200
        assert (await client.call("GET", url)).status == 200

    run(answering(*[b""] * PATIENCE, OK), use)


def test_many_that_fail_together_are_one_failure_more() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        causes = await asyncio.gather(*(failure(client, url) for _ in range(4 * PATIENCE)))
        assert {one.cause for one in causes} == {Cause.CONNECTION}
        clock.now = PAUSE + 0.1  # and not many times that
        assert (await client.call("GET", url)).status == 200

    run(answering(*[b""] * (4 * PATIENCE), OK), use)


def test_after_closing_nobody_is_called() -> None:
    async def use(client: HttpClient, url: str, clock: Clock) -> None:
        await client.close()
        assert (await failure(client, url)).cause is Cause.CLOSED

    run(answering(OK), use)


def test_waiting_doubles_up_to_a_bound_and_is_spread() -> None:
    for attempt, longest in ((0, 1.0), (1, 2.0), (2, 4.0), (9, 60.0)):
        waits = [backoff(attempt, first=1.0, longest=60.0) for _ in range(50)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1
