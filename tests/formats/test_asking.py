"""Asking a webhook: so many at once, so many in line, so much time."""

import asyncio
from typing import Any

import msgspec
import pytest

from myna.config.outgoing import WebhookSettings
from myna.formats.asking import Asking, Busy
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing.outgoing import ScriptedHttp

URL = "https://hook.example/auth"
GRANT = {"token_url": "https://login.example/token", "client_id": "a", "client_secret": "b"}


class SlowHttp(ScriptedHttp):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.most = self.present = 0
        self.timeouts: list[float] = []

    async def call(self, *arguments: Any, **options: Any) -> Answer:
        self.timeouts.append(options["timeout"])
        self.present += 1
        self.most = max(self.most, self.present)
        await self.may_answer.wait()
        self.present -= 1
        return await super().call(*arguments, **options) if self.answers else Answer(200, {}, b"yes")


def asking(http: ScriptedHttp, **settings: Any) -> Asking:
    return Asking(msgspec.convert({"url": URL, **settings}, WebhookSettings, dec_hook=_number), http, lambda: 1000.0)


def _number(kind: type, value: Any) -> Any:
    return kind(value)


async def until_asked(http: SlowHttp, count: int) -> None:
    async with asyncio.timeout(60):
        while http.present < count:
            await asyncio.sleep(0)


async def test_it_is_asked_with_our_credentials() -> None:
    http = ScriptedHttp(Answer(200, {}, b"yes"))
    answer = await asking(http, credentials={"bearer": "ours"}).post(URL, b"{}")
    assert answer.body == b"yes"
    asked = http.asked[0]
    assert (asked.method, asked.url, asked.body) == ("POST", URL, b"{}")
    assert asked.headers["authorization"] == "Bearer ours"
    assert asked.headers["content-type"] == "application/json"


async def test_credentials_that_are_refused_are_got_anew() -> None:
    tokens = [Answer(200, {}, b'{"access_token": "T%d", "expires_in": 600}' % number) for number in (1, 2)]
    http = ScriptedHttp(tokens[0], Answer(401, {}, b""), tokens[1], Answer(200, {}, b""))
    hook = asking(http, credentials=GRANT)
    assert [(await hook.post(URL, b"")).status for _ in range(2)] == [401, 200]
    assert http.asked[3].headers["authorization"] == "Bearer T2"


async def test_only_so_many_are_asked_at_once_and_the_others_wait_in_line() -> None:
    http = SlowHttp()
    hook = asking(http, concurrent=2, waiting=3)
    calls = [asyncio.ensure_future(hook.post(URL, b"")) for _ in range(5)]
    await until_asked(http, 2)
    with pytest.raises(Busy):
        await hook.post(URL, b"")
    http.may_answer.set()
    assert [answer.body for answer in await asyncio.gather(*calls)] == [b"yes"] * 5
    assert http.most == 2
    await hook.post(URL, b"")


async def test_who_has_waited_in_line_for_half_the_time_there_is_found_it_busy() -> None:
    http = SlowHttp()
    hook = asking(http, concurrent=1, timeout=0.05)
    first = asyncio.ensure_future(hook.post(URL, b""))
    await until_asked(http, 1)
    with pytest.raises(Busy, match="too slow"):
        await hook.post(URL, b"")
    http.may_answer.set()
    await first
    assert http.timeouts[0] <= 0.05


async def test_a_token_that_takes_all_the_time_leaves_none_for_the_call() -> None:
    http = SlowHttp()
    with pytest.raises(CallFailed, match="no time left") as caught:
        await asking(http, timeout=0.02, credentials=GRANT).post(URL, b"")
    assert caught.value.cause is Cause.TIMEOUT
    http.may_answer.set()


async def test_a_client_that_goes_leaves_its_place_to_the_next() -> None:
    http = SlowHttp()
    hook = asking(http, concurrent=1, waiting=0)
    first = asyncio.ensure_future(hook.post(URL, b""))
    await until_asked(http, 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    http.may_answer.set()
    assert (await hook.post(URL, b"")).status == 200


async def test_it_may_be_asked_where_no_task_runs_yet() -> None:
    hook = asking(ScriptedHttp(Answer(200, {}, b"yes")))
    coroutine = hook.post(URL, b"")
    waits_for: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: waits_for.set_result([coroutine.send(None)]))
    [inner] = await waits_for
    await asyncio.wait([inner])
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value.body == b"yes"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="begins with https"):
        msgspec.convert({"url": "ftp://hook.example"}, WebhookSettings)
