"""The authenticator `webhook`: what it asks, and what becomes of the answers."""

import asyncio
import base64
import json
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest

from myna.access.callers import Callers
from myna.access.chain import Chain
from myna.access.webhook import Settings, Webhook
from myna.config import ConfigError, Duration
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Peer, Ticket
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing import Client, World, assert_closed, properties
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Connack, Connect
from tests.access import calls
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket
from tests.formats.test_asking import SlowHttp

OK = {"ok": {"tenantId": "acme", "userId": "alice", "attrs": {"role": "meter"}}}
ALLOW = {"decision": "allow", "clientAuthenticationName": "alice", "attributes": {"floor": 3, "kinds": ["a", "b"]}}
DOWN = CallFailed(Cause.CONNECTION, "https://hook.example: refused")
SLOW = CallFailed(Cause.TIMEOUT, "https://hook.example did not answer within 5 s")


def said(answer: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps(answer).encode())


class House:
    def __init__(
        self, *answers: Answer | CallFailed, form: str = "bifromq", http: ScriptedHttp | None = None, **settings: Any
    ) -> None:
        self.world = World()
        self.http = ScriptedHttp(*answers) if http is None else http
        given = {"url": "https://hook.example/", "form": form, **settings}
        made = msgspec.convert(given, Settings, dec_hook=lambda kind, value: kind(value))
        self.webhook = Webhook(made, access_context(self.world, self.http))
        self.gate = Chain([self.webhook], lambda: self.world.now)

    async def connect(self, level: int = 5, client_id: str = "c") -> Client:
        client = self.world.stranger(level, gate=self.gate)
        client.send(Connect(level, client_id, True, 0, "alice", b"secret", None, None))
        await asyncio.gather(*self.gate._pending)
        return client

    async def code(self, level: int = 5) -> int:
        answer = (await self.connect(level)).received()[0]
        assert isinstance(answer, Connack)
        return answer.code

    async def judge(self, ticket: Ticket) -> object:
        answer = self.webhook.judge(ticket, self.world.now)
        return await answer if isinstance(answer, Awaitable) else answer

    def told(self) -> Any:
        return json.loads(self.http.asked[-1].body)


async def test_bifromq_s_yes_names_tenant_and_user() -> None:
    house = House(said(OK))
    client = await house.connect()
    client.expect_connack()
    assert client.session.key == ("acme", "alice", "c")
    assert client.session.identity.attributes == {"role": "meter"}
    assert house.http.asked[0].url == "https://hook.example/auth"
    assert house.told()["clientId"] == "c"
    assert house.told()["remoteAddr"] == "192.0.2.1"


@pytest.mark.parametrize(
    ("answer", "code", "code_3"),
    [
        (said({"reject": {"code": "BadPass"}}), 0x86, 4),
        (said({"reject": {}}), 0x86, 4),
        (said({"reject": {"code": "NotAuthorized"}}), 0x87, 5),
        (said({"ok": {"tenantId": "*", "userId": "alice"}}), 0x87, 5),
        (Answer(302, {"location": "http://elsewhere.example/"}, b""), 0x80, 3),
        (said({"reject": {"code": "Banned"}}), 0x8A, 5),
        (said({"reject": {"code": "BadAuthMethod"}}), 0x8C, 4),
        (said({"reject": {"code": "Error"}}), 0x80, 3),
        (said({"reject": {"code": "Whatever"}}), 0x80, 3),
        (said(OK, 201), 0x80, 3),
        (said(OK, 500), 0x80, 3),
        (Answer(200, {}, b"<html>"), 0x80, 3),
        (DOWN, 0x80, 3),
        (SLOW, 0x80, 3),
    ],
)
async def test_bifromq_s_no_and_what_is_no_answer(answer: Answer | CallFailed, code: int, code_3: int) -> None:
    house = House(answer, answer, answer)
    assert [await house.code(level) for level in (5, 4, 3)] == [code, code_3, code_3]


@pytest.mark.parametrize(
    ("answer", "code", "code_3"),
    [
        (said({"decision": "deny", "errorReason": "no"}), 0x87, 5),
        (said(ALLOW, 404), 0x88, 3),
        (said({"decision": "perhaps"}), 0x88, 3),
        (said({"decision": "allow"}), 0x88, 3),
        (DOWN, 0x88, 3),
        (SLOW, 0x88, 3),
        (said({**ALLOW, "expiration": 1}), 0x87, 5),
    ],
)
async def test_event_grid_s_no_and_what_is_no_answer(answer: Answer | CallFailed, code: int, code_3: int) -> None:
    house = House(answer, answer, form="eventgrid")
    assert [await house.code(level) for level in (5, 4)] == [code, code_3]


async def test_event_grid_s_yes_holds_until_it_expires() -> None:
    house = House(form="eventgrid", tenant="factory", client_ids_per_user=False)
    house.http.answers.append(said({**ALLOW, "expiration": house.world.now + 60}))
    client = await house.connect()
    client.expect_connack()
    assert client.session.key == ("factory", "", "c")
    assert client.session.identity.attributes == {"floor": "3", "kinds": "a,b"}
    assert house.http.asked[0].url == "https://hook.example/"
    (await house.connect()).expect_connack()
    assert len(house.http.asked) == 1  # the same client with the same credentials
    house.http.answers.append(said({"decision": "deny"}))
    assert isinstance(await house.judge(FakeTicket(user_name="alice", password=b"other")), Refusal)
    again = await house.connect(client_id="c")
    house.world.pass_time(61)
    assert_closed(again, 0x87)
    assert await house.code() == 0x88
    assert len(house.http.asked) == 3


async def test_a_yes_without_an_end_is_not_remembered_unless_settings_say_so() -> None:
    house = House(said(OK), said(OK))
    assert [await house.code(), await house.code()] == [0, 0]
    assert len(house.http.asked) == 2
    house = House(said(OK), said(OK), remember=30)
    assert [await house.code(), await house.code()] == [0, 0]
    assert len(house.http.asked) == 1
    house.world.pass_time(31)
    assert await house.code() == 0
    assert len(house.http.asked) == 2


async def test_methods_of_authentication_are_put_to_event_grid_s_form_alone() -> None:
    ticket = FakeTicket()
    ticket.method, ticket.data = "MINE", b"\x00\x01"
    assert await House(said(OK)).judge(ticket) is None
    house = House(said(ALLOW), form="eventgrid")
    assert isinstance(await house.judge(ticket), Identity)
    assert house.told() == {"clientId": "", "authenticationMethod": "MINE", "authenticationData": "AAE="}


async def test_an_http_caller_s_token_is_the_data_or_the_password() -> None:
    for form, member in (("eventgrid", "authenticationData"), ("bifromq", "password")):
        house = House(said(ALLOW if form == "eventgrid" else OK), form=form)
        callers = Callers(house.world.broker, lambda house=house: house.world.now)  # type: ignore[misc]
        callers.use([house.webhook])
        judged = callers.call(calls.scope(calls.bearer("opaque")), house.world.now)
        assert isinstance(judged, Awaitable)
        assert isinstance(await judged, Identity)
        told = house.told()
        assert base64.b64decode(told.pop(member)) == b"opaque"
        assert set(told) <= {"clientId", "remoteAddr", "remotePort"}


async def test_a_certificate_is_shown_to_it() -> None:
    class Certificate:
        der = b"DER"

    ticket = FakeTicket()
    ticket.peer = Peer("192.0.2.1:1", certificate=Certificate())
    house = House(said(OK))
    await house.judge(ticket)
    assert base64.b64decode(house.told()["cert"]) == b"DER"


async def test_too_many_at_once_find_the_server_busy() -> None:
    slow = SlowHttp()
    house = House(concurrent=1, waiting=0, http=slow)
    waiting = asyncio.ensure_future(house.judge(FakeTicket(user_name="first")))
    await asyncio.sleep(0)
    for _ in range(2):
        verdict = await house.judge(FakeTicket(user_name="next"))
        assert isinstance(verdict, Refusal)
        assert verdict.reason == 0x89
    assert house.world.refused("webhook:busy") == 2
    slow.may_answer.set()
    await waiting


async def test_failures_are_counted_each_and_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    house = House(*[DOWN] * 5, SLOW, said([]))
    for _ in range(7):
        await house.judge(FakeTicket(user_name="alice", password=b"secret"))
    assert [house.world.refused(f"webhook:{cause}") for cause in ("connection", "timeout", "bad_answer")] == [5, 1, 1]
    assert caplog.text.count("refused") == 1
    assert "secret" not in caplog.text


def test_somebody_must_be_asked() -> None:
    with pytest.raises(ConfigError, match="`url` is missing"):
        Webhook(Settings(remember=Duration(1)), access_context())


@pytest.mark.parametrize("method", ["", "SCRAM-X"])
async def test_guesses_are_counted_whatever_the_method_is_called(method: str) -> None:
    house = House(*[said({"decision": "deny"})] * 12, form="eventgrid")
    house.world.broker.logins.failures = 3
    more = properties(authentication_method=method, authentication_data=b"x") if method else None
    for number in range(12):
        client = house.world.stranger(5, gate=house.gate)
        client.send(Connect(5, f"c{number}", True, 0, "alice", b"guess %d" % number, None, more))
        await asyncio.gather(*house.gate._pending)
    assert len(house.http.asked) == 3
