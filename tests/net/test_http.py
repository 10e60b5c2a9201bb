import asyncio
import json
import re
from typing import Any

import pytest

from myna.net.http import HttpProtocol
from myna.net.http_port import HttpLimits, format_date
from myna.net.listeners import HttpListener
from myna.net.target import split_target
from tests.net.harness import Client, Served, on_our_loop


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it was asked, as JSON."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    seen = {
        "method": scope["method"],
        "raw_path": scope["raw_path"].decode(),
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "size": len(body),
        "raw_headers": [[str(part, "latin-1") for part in pair] for pair in scope["extensions"]["myna.raw_headers"]],
        "version": scope["http_version"],
    }
    answer = json.dumps(seen).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


async def refuse_unread(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"3")]})
    await send({"type": "http.response.body", "body": b"no\n"})


def serve(app: Any = mirror, limits: HttpLimits | None = None) -> Served:
    return Served(HttpListener("http", app, host="127.0.0.1", port=0, limits=limits or HttpLimits()))


async def read_answer(client: Client) -> tuple[int, dict[str, str], bytes]:
    head = (await client.read_until(b"\r\n\r\n")).decode()
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), headers, await client.read(int(headers.get("content-length", "0")))


@on_our_loop
async def test_a_request_is_answered_and_the_connection_kept() -> None:
    async with serve() as served:
        client = await served.client()
        for _ in range(3):
            await client.send(
                b"POST /a%2Fb/c?x=%20 HTTP/1.1\r\nHost: h\r\nClient_Meta_Key: V\r\nContent-Length: 3\r\n\r\nabc"
            )
            status, headers, body = await read_answer(client)
            seen = json.loads(body)
            assert status == 200
            assert "connection" not in headers
            assert (seen["raw_path"], seen["path"], seen["query"]) == ("/a%2Fb/c", "/a/b/c", "x=%20")
            assert ["Client_Meta_Key", "V"] in seen["raw_headers"]
            assert seen["size"] == 3
        client.close()


@on_our_loop
async def test_the_answer_carries_a_date() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        _, headers, _ = await read_answer(client)
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers["date"])
        client.close()


@on_our_loop
async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(50)))
        for number in range(50):
            _, _, body = await read_answer(client)
            assert json.loads(body)["raw_path"] == f"/{number}"
        await client.send(b"GET /last HTTP/1.1\r\nHost: h\r\n\r\n")
        assert json.loads((await read_answer(client))[2])["raw_path"] == "/last"
        client.close()


@on_our_loop
async def test_one_byte_per_segment_makes_a_request() -> None:
    async with serve() as served:
        client = await served.client()
        for byte in b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab":
            await client.send(bytes((byte,)))
        assert json.loads((await read_answer(client))[2])["size"] == 2
        client.close()


@on_our_loop
async def test_head_has_no_body() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        head = await client.read_until(b"\r\n\r\n")
        assert b"content-length" in head
        assert (await read_answer(client))[0] == 200
        client.close()


@on_our_loop
async def test_http_1_0_keeps_alive_when_asked_and_says_so() -> None:
    async with serve() as served:
        client = await served.client()
        for _ in range(2):
            await client.send(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            _, headers, _ = await read_answer(client)
            assert headers["connection"] == "keep-alive"
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        _, headers, _ = await read_answer(client)
        assert headers["connection"] == "close"
        assert await client.read_all() == b""
        client.close()


@on_our_loop
async def test_100_continue_is_sent_when_the_body_is_wanted() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"ab")
        assert json.loads((await read_answer(client))[2])["size"] == 2
        client.close()


@on_our_loop
async def test_an_early_answer_arrives_although_the_body_is_still_coming() -> None:
    async with serve(refuse_unread) as served:
        client = await served.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n" + b"x" * 700_000)
        status, headers, body = await read_answer(client)
        assert (status, headers["connection"], body) == (413, "close", b"no\n")
        assert await client.read_all() == b""
        client.close()


@on_our_loop
async def test_a_small_body_nobody_reads_does_not_cost_the_connection() -> None:
    async with serve(refuse_unread) as served:
        client = await served.client()
        for _ in range(2):
            await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n")
            assert (await read_answer(client))[0] == 413
            await client.send(b"late")
        client.close()


GARBAGE = [
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"\r\n" * 3 + b"\0\0\0\0",
    b"GET\r\n\r\n",
    b"GET http:// HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    bytes(range(256)) * 40,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
@on_our_loop
async def test_any_bytes_are_refused_cleanly_and_nobody_else_notices(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as served:
        good = await served.client()
        await good.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await read_answer(good))[0] == 200
        (known,) = served.http_connections()
        bad = await served.client()
        await bad.send(garbage)
        reading = asyncio.ensure_future(bad.read_all())
        while not reading.done():
            for it in served.http_connections():
                if it is not known and it._read_size and it._discarded < 0:
                    it.deadline = served.listeners.clock.now()  # it may be half a request, and no more will come
            await asyncio.sleep(0)
        answer = await reading
        assert answer == b"" or re.match(rb"HTTP/1\.1 (200|4\d\d|505) ", answer), answer
        await good.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await read_answer(good))[0] == 200
        assert "Traceback" not in caplog.text
        good.close()
        bad.close()


@on_our_loop
async def test_garbage_behind_a_good_request_does_not_spoil_its_answer() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"GET /good HTTP/1.1\r\nHost: h\r\n\r\n\0\0\0garbage")
        assert json.loads((await read_answer(client))[2])["raw_path"] == "/good"
        assert (await read_answer(client))[0] == 400
        assert await client.read_all() == b""
        client.close()


@on_our_loop
async def test_a_header_of_20_megabytes_is_cut_off_at_the_limit() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
        sending = asyncio.ensure_future(client.send(b"a" * 20_000_000))
        status, headers, _ = await read_answer(client)
        assert (status, headers["connection"]) == (431, "close")
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            await sending
        client.close()


@on_our_loop
async def test_the_limit_of_the_header_block_is_exact_when_it_comes_whole() -> None:
    async with serve(limits=HttpLimits(head_bytes=1000)) as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 900 + b"\r\n\r\n")
        assert (await read_answer(client))[0] == 200
        await client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 1000 + b"\r\n\r\n")
        assert (await read_answer(client))[0] == 431
        client.close()


@on_our_loop
async def test_a_request_target_that_is_too_long_is_414() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n")
        assert (await read_answer(client))[0] == 414
        client.close()


@pytest.mark.parametrize(
    "half",
    [b"GET / HTTP/1.1\r\nHos", b"G", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"],
    ids=["headers", "first byte", "body"],
)
@on_our_loop
async def test_half_a_request_is_408_in_the_end(half: bytes) -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(half)
        await served.overdue(lambda it: it._in_head or it._queue)
        assert (await read_answer(client))[0] == 408
        assert await client.read_all() == b""
        client.close()


@on_our_loop
async def test_headers_that_drip_do_not_extend_their_deadline() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\n")
        await served.overdue(lambda it: it._in_head)
        await client.send(b"X: y\r\n")
        assert b" 408 " in await client.read_all()
        client.close()


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["fresh", "kept alive"])
@on_our_loop
async def test_an_idle_connection_is_closed_without_a_word(first: bytes) -> None:
    async with serve() as served:
        client = await served.client()
        if first:
            await client.send(first)
            await read_answer(client)
        await served.overdue(lambda it: bool(it._read_size) == bool(first))
        assert await client.read_all() == b""
        client.close()


LARGE = bytes(48 * 1024 * 1024)  # more than kernels hold back


async def send_large(scope: Any, receive: Any, send: Any) -> None:
    """In one piece, or in many where the path says so."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(LARGE))]})
    pieces = 48 if scope["path"] == "/pieces" else 1
    size = len(LARGE) // pieces
    for _ in range(pieces):
        await send({"type": "http.response.body", "body": LARGE[:size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("path", ["/", "/pieces"])
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
@on_our_loop
async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(path: str, connection: str) -> None:
    async with serve(send_large, HttpLimits(idle_seconds=0.05, stall_seconds=0.05, linger_seconds=0.05)) as served:
        client = await served.client()
        await client.send(f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: {connection}\r\n\r\n".encode())
        connections = served.listeners._ports[0].state.connections
        while not connections:
            await asyncio.sleep(0)
        while connections:
            await asyncio.sleep(0.01)
        client.close()


@on_our_loop
async def test_asking_again_does_not_help_who_takes_nothing() -> None:
    async with serve(send_large, HttpLimits(idle_seconds=0.05, stall_seconds=0.05)) as served:
        client = await served.client()
        request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
        await client.send(request)
        connections = served.listeners._ports[0].state.connections
        while not any(isinstance(one, HttpProtocol) and one.flow.write_paused for one in connections):
            await asyncio.sleep(0)
        await client.send(request)
        while connections:
            await asyncio.sleep(0.01)
        client.close()


@pytest.mark.parametrize("path", ["/", "/pieces"])
@on_our_loop
async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(path: str) -> None:
    async with serve(send_large, HttpLimits(linger_seconds=0.05)) as served:
        client = await served.client()
        await client.send(f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".encode())
        assert await client.read_until(b"\r\n\r\n")
        got = len(await client.read(1024 * 1024))
        (connection,) = served.listeners._ports[0].state.connections
        while path == "/" and not getattr(connection, "_left", 0):  # the farewell's time has passed meanwhile
            await asyncio.sleep(0.01)
        assert got + len(await client.read_all()) == len(LARGE)
        client.close()


@on_our_loop
async def test_a_client_that_vanishes_is_told_to_the_application() -> None:
    gone = asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    async with serve(waits) as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.close()
        await gone.wait()


@on_our_loop
async def test_a_bug_in_the_application_is_a_clean_500(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a bug for the test")

    async with serve(broken) as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await read_answer(client))[0] == 500
        assert await client.read_all() == b""
        assert "a bug for the test" in caplog.text
        client.close()


@on_our_loop
async def test_draining_answers_what_was_asked_and_closes() -> None:
    release, begun = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await release.wait()
        await mirror(scope, receive, send)

    async with serve(slow, HttpLimits(linger_seconds=0.05)) as served:
        idle, busy = await served.client(), await served.client()
        await busy.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await begun.wait()
        draining = asyncio.ensure_future(served.listeners.drain(5.0))
        assert await idle.read_all() == b""
        release.set()
        assert (await read_answer(busy))[0] == 200
        await draining
        assert await busy.read_all() == b""
        idle.close()
        busy.close()


@on_our_loop
async def test_draining_is_bounded() -> None:
    async def forever(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async with serve(forever) as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        while not served.listeners._ports[0].state.tasks:
            await asyncio.sleep(0)
        await served.listeners.drain(0.05)
        client.close()


@on_our_loop
async def test_an_upgrade_we_do_not_speak_is_answered_as_a_request() -> None:
    async with serve() as served:
        client = await served.client()
        await client.send(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert json.loads((await read_answer(client))[2])["raw_path"] == "/x"
        client.close()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/a/b?c=d?e", (b"/a/b", "/a/b", b"c=d?e")),
        (b"/a%2Fb", (b"/a%2Fb", "/a/b", b"")),
        (b"http://host/a?b", (b"/a", "/a", b"b")),
        (b"/", (b"/", "/", b"")),
    ],
)
def test_targets_are_split(target: bytes, expected: tuple[bytes, str, bytes]) -> None:
    assert split_target(target) == expected


def test_dates_are_in_the_form_http_wants() -> None:
    assert format_date(784111777) == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


@on_our_loop
async def test_a_reset_just_before_the_answer_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    release, begun = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b"late"})

    async with serve(slow) as served:
        client = await served.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await begun.wait()
        client.reset()
        release.set()
        while served.listeners._ports[0].state.connections:
            await asyncio.sleep(0)
        assert not caplog.records
