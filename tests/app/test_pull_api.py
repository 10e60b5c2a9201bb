"""Fetching events over HTTP: who may, what is answered, and what is wrong with a request."""

import asyncio
import json
from typing import Any

import pytest

from myna.app.pull_api import LARGEST, PullApi
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import Message
from myna.faces.routes import HttpRoutes
from tests.routing.destinations.test_pull import KEY, Shop, shop
from tests.routing.harness import until

EVENT = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "x", "data": {"n": 1}}
SUBSCRIPTION = "/topics/orders/eventsubscriptions/d"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json"


async def call(
    it: Shop,
    target: str,
    body: Any = b"",
    *,
    authorization: str = f"SharedAccessKey {KEY}",
    kind: str = "",
    gone: asyncio.Event | None = None,
) -> tuple[int, Any]:
    path, _, query = target.partition("?")
    broker = AsyncBroker(it.world.broker, lambda: it.world.now, lambda: None)
    app = HttpRoutes({}, PullApi(lambda: [it.queue], broker, "tenant").routes())
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    read = False

    async def receive() -> Message:
        nonlocal read
        if read:
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}
        read = True
        return {"type": "http.request", "body": content}

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "client": ("192.0.2.1", 4711),
        "headers": [(b"authorization", authorization.encode()), (b"content-type", kind.encode())],
    }
    work = asyncio.ensure_future(app(scope, receive, send))
    while not work.done():
        it.world.commit()
        await asyncio.sleep(0)
    await work
    if not sent:
        return 0, None
    return sent[0]["status"], json.loads(sent[1]["body"])


async def receive(it: Shop, most: int = 5) -> list[dict[str, Any]]:
    status, body = await call(it, f"{SUBSCRIPTION}:receive?maxEvents={most}&maxWaitTime=10")
    assert status == 200
    value: list[dict[str, Any]] = body["value"]
    return value


def test_what_is_published_to_a_topic_is_received_and_acknowledged() -> None:
    async def run() -> None:
        async with shop() as it:
            assert await call(it, "/topics/orders:publish", EVENT, kind=STRUCTURED) == (200, {})
            assert await call(it, "/topics/orders:publish", [EVENT, EVENT], kind=BATCH) == (200, {})
            found = await receive(it)
            assert [one["event"] for one in found] == [EVENT] * 3
            assert {one["brokerProperties"]["deliveryCount"] for one in found} == {1}
            tokens = [one["brokerProperties"]["lockToken"] for one in found]
            status, said = await call(it, f"{SUBSCRIPTION}:acknowledge", {"lockTokens": [*tokens, "lost"]})
            assert (status, said["succeededLockTokens"]) == (200, tokens)
            assert [(one["lockToken"], one["error"]["code"]) for one in said["failedLockTokens"]] == [
                ("lost", "TokenLost")
            ]

    asyncio.run(run())


def test_locks_are_renewed_released_and_rejected() -> None:
    async def run() -> None:
        async with shop() as it:
            await call(it, "/topics/orders:publish", [EVENT] * 3, kind=BATCH)
            for one, verb in zip(
                await receive(it), ("renewLock", "release?releaseDelayInSeconds=10", "reject"), strict=True
            ):
                token = one["brokerProperties"]["lockToken"]
                status, said = await call(it, f"{SUBSCRIPTION}:{verb}", {"lockTokens": [token]})
                assert (status, said) == (200, {"failedLockTokens": [], "succeededLockTokens": [token]})
            assert it.queue.state() == {"locked": 1, "delayed": 1, "receivers": 0}
            assert it.kept.count() == 1

    asyncio.run(run())


def test_who_leaves_while_waiting_gets_nothing_that_another_could_have() -> None:
    async def run() -> None:
        async with shop() as it:
            gone = asyncio.Event()
            waiting = asyncio.ensure_future(call(it, f"{SUBSCRIPTION}:receive?maxWaitTime=120", gone=gone))
            await until(lambda: it.queue.state()["receivers"] == 1)
            gone.set()
            assert await waiting == (0, None)
            assert it.queue.state()["receivers"] == 0
            it.put(b"{}")
            assert [one["brokerProperties"]["deliveryCount"] for one in await receive(it)] == [1]

    asyncio.run(run())


@pytest.mark.parametrize("authorization", ["", KEY, f"Basic {KEY}", "SharedAccessKey wrong", "SharedAccessKey"])
@pytest.mark.parametrize("target", [f"{SUBSCRIPTION}:receive", "/topics/orders:publish"])
def test_without_the_key_nothing_is_answered(authorization: str, target: str) -> None:
    async def run() -> None:
        async with shop() as it:
            status, body = await call(it, target, authorization=authorization)
            assert (status, body["error"]["code"]) == (401, "Unauthorized")

    asyncio.run(run())


def test_what_does_not_exist_is_answered_as_a_wrong_key() -> None:
    async def run() -> None:
        async with shop() as it:
            assert (await call(it, "/topics/none/eventsubscriptions/d:receive"))[0] == 401
            assert (await call(it, "/topics/orders/eventsubscriptions/none:receive"))[0] == 401

    asyncio.run(run())


@pytest.mark.parametrize(
    ("target", "body", "kind", "status"),
    [
        (f"{SUBSCRIPTION}:receive?maxEvents=0", b"", "", 400),
        (f"{SUBSCRIPTION}:receive?maxEvents=101", b"", "", 400),
        (f"{SUBSCRIPTION}:receive?maxWaitTime=x", b"", "", 400),
        (f"{SUBSCRIPTION}:release?releaseDelayInSeconds=7", {"lockTokens": ["x"]}, "", 400),
        (f"{SUBSCRIPTION}:acknowledge", b"", "", 400),
        (f"{SUBSCRIPTION}:acknowledge", {"lockTokens": []}, "", 400),
        (f"{SUBSCRIPTION}:acknowledge", {"lockTokens": [1]}, "", 400),
        (f"{SUBSCRIPTION}:acknowledge", b" " * (LARGEST + 1), "", 413),
        (f"{SUBSCRIPTION}:forget", {"lockTokens": ["x"]}, "", 404),
        ("/topics/orders:forget", EVENT, STRUCTURED, 404),
        ("/topics/orders:publish", EVENT, "application/json", 415),
        ("/topics/orders:publish", b"{", STRUCTURED, 400),
        ("/topics/orders:publish", {"id": "1"}, STRUCTURED, 400),
        ("/topics/orders:publish", EVENT, BATCH, 400),
        ("/topics/orders:publish", b"[" * 100_000, BATCH, 400),
    ],
)
def test_a_request_that_is_wrong_says_what(target: str, body: Any, kind: str, status: int) -> None:
    async def run() -> None:
        async with shop() as it:
            answered, said = await call(it, target, body, kind=kind)
            assert answered == status
            assert said["error"]["message"]

    asyncio.run(run())


def test_a_full_queue_is_said() -> None:
    async def run() -> None:
        async with shop() as it:
            it.outbox.bounds.queue_messages = 1
            status, said = await call(it, "/topics/orders:publish", [EVENT] * 2, kind=BATCH)
            assert (status, said["error"]["code"]) == (429, "QuotaExceeded")

    asyncio.run(run())


def test_wrong_keys_are_counted_and_who_shows_many_has_to_wait() -> None:
    async def run() -> None:
        async with shop() as it:
            core = it.world.broker
            core.logins.failures = 3
            for _ in range(3):
                assert (await call(it, f"{SUBSCRIPTION}:receive", authorization="SharedAccessKey x"))[0] == 401
            assert (await call(it, f"{SUBSCRIPTION}:receive", authorization="SharedAccessKey x"))[0] == 429
            assert it.world.refused("topic_key") == 3

    asyncio.run(run())
