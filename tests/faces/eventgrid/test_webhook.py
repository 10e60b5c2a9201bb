"""Clients and callers that a webhook knows: one question and one answer, over MQTT and over HTTP."""

import asyncio
import base64
import json
from typing import Any

import pytest

from myna.config.outgoing import CredentialSettings, WebhookSettings
from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.namespace import Namespace
from myna.faces.eventgrid.settings import Settings
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing import Client, assert_closed, properties
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Auth, Connack, Connect
from tests.access.tickets import FakeTicket
from tests.faces.eventgrid.harness import ChainOfOne, Desk, token
from tests.faces.eventgrid.test_tokens import ISSUER, SENSORS
from tests.formats.test_asking import SlowHttp

HOOK = "https://hook.example/check"
DOWN = CallFailed(Cause.TIMEOUT, "https://hook.example did not answer within 5 s")
BASIC = (b"authorization", b"Basic " + base64.b64encode(b"alice:secret"))


def allow(**fields: Any) -> Answer:
    answer = {"decision": "allow", "clientAuthenticationName": "DEVICE-17", "attributes": {"type": "sensor"}, **fields}
    return Answer(200, {}, json.dumps(answer).encode())


DENY = Answer(200, {}, b'{"decision": "deny", "errorReason": "not today"}')


class House:
    def __init__(self, *answers: Answer | CallFailed, http: ScriptedHttp | None = None, **webhook: Any) -> None:
        self.http = ScriptedHttp(*answers) if http is None else http
        hook = WebhookSettings(url=HOOK, credentials=CredentialSettings(bearer="ours"), **webhook)
        self.desk = Desk(Settings(issuers=(ISSUER,), webhook=hook), development=False, http=self.http)
        self.desk.face._directory.replace(build_namespace(parse_document(SENSORS)))
        self.gate = ChainOfOne(self.desk.world, self.desk.face, "eventgrid-webhook")
        self.world = self.desk.world

    async def connect(self, level: int = 5, *, method: str = "", data: bytes = b"", client_id: str = "s1") -> Client:
        client = self.world.stranger(level, gate=self.gate)
        fields = properties(authentication_method=method, authentication_data=data) if method else None
        client.send(Connect(level, client_id, True, 0, "alice", b"secret", None, fields))
        await self.gate.settle()
        return client

    async def code(self, level: int = 5) -> int:
        answer = (await self.connect(level)).received()[0]
        assert isinstance(answer, Connack)
        return answer.code

    async def publish(self, token: bytes | None = b"opaque", *headers: tuple[bytes, bytes]) -> tuple[int, str]:
        answer = await self.desk.publish("topic=devices/Device-17/x", *headers, token=token)
        return answer.status, "" if answer.status == 204 else answer.code

    def told(self) -> Any:
        return json.loads(self.http.asked[-1].body)

    def metric(self, name: str) -> str:
        lines = self.desk.face.metrics().splitlines()
        return next((line for line in lines if line.startswith(f"mqtt_{name}_webhook")), "")


async def test_a_name_it_gives_has_the_rights_that_the_namespace_gives_the_name() -> None:
    house = House(allow())
    client = await house.connect()
    client.expect_connack()
    assert client.session.identity.user == "Device-17"  # as it is registered
    client.publish("devices/Device-17/x", b"", 1)
    client.publish("other/x", b"", 1)
    assert [getattr(packet, "code", None) for packet in client.received()] == [0x10, 0x87]
    assert house.told() == {"clientId": "s1", "userName": "alice", "password": base64.b64encode(b"secret").decode()}
    assert house.http.asked[0].headers["authorization"] == "Bearer ours"
    assert house.metric("successful").endswith('{decision="Allow"} 1')


@pytest.mark.parametrize(
    ("answer", "code", "code_3", "metric"),
    [
        (DENY, 0x87, 5, 'decision="Deny"'),
        (DOWN, 0x88, 3, 'error="ServiceError"'),
        (Answer(500, {}, b""), 0x88, 3, 'status_code="500",error="ServiceError"'),
        (Answer(401, {}, b""), 0x88, 3, 'status_code="401",error="AuthenticationError"'),
        (Answer(200, {}, b"yes"), 0x88, 3, 'status_code="200",error="ServiceError"'),
        (allow(clientAuthenticationName="x" * 200), 0x88, 3, 'status_code="200",error="ServiceError"'),
        (allow(expiration=1), 0x87, 5, 'decision="Allow"'),
    ],
)
async def test_a_no_and_what_is_no_answer(answer: Answer | CallFailed, code: int, code_3: int, metric: str) -> None:
    house = House(answer, answer)
    assert [await house.code(5), await house.code(4)] == [code, code_3]
    assert f"{{{metric}}} 2" in house.metric("successful") + house.metric("failed")


async def test_a_yes_holds_until_it_expires_and_so_does_the_connection() -> None:
    house = House()
    house.http.answers.append(allow(expiration=house.world.now + 60))
    client = await house.connect()
    client.expect_connack()
    assert await house.code() == 0
    assert len(house.http.asked) == 1
    again = await house.connect(client_id="s1")
    house.world.pass_time(61)
    assert_closed(again, 0x87)
    assert await house.code() == 0x88
    assert len(house.http.asked) == 2


async def test_methods_are_put_to_it_and_may_be_renewed() -> None:
    house = House()
    until = house.world.now + 60
    house.http.answers += [allow(expiration=until), allow(expiration=until + 600)]
    client = await house.connect(method="MINE", data=b"\x01")
    client.expect_connack()
    assert house.told()["authenticationMethod"] == "MINE"
    client.send(Auth(0x19, properties(authentication_method="MINE", authentication_data=b"\x02")))
    await house.gate.settle()
    assert isinstance(client.received()[0], Auth)
    assert house.told()["authenticationData"] == "Ag=="
    house.world.pass_time(300)
    assert not client.is_closed()


async def test_a_bearer_token_that_no_issuer_here_has_signed_is_put_to_it_once() -> None:
    house = House()
    house.http.answers.append(allow(expiration=house.world.now + 60))
    assert [await house.publish() for _ in range(3)] == [(204, "")] * 3
    assert house.told() == {"clientId": "", "authenticationData": base64.b64encode(b"opaque").decode()}
    assert len(house.http.asked) == 1
    house.http.answers.append(DENY)
    assert await house.publish(b"another") == (401, "Unauthorized")
    house.world.pass_time(61)
    assert await house.publish() == (503, "ServerBusy")


async def test_http_basic_and_api_keys_are_put_to_it_as_well() -> None:
    house = House(allow(), allow(), allow())
    assert await house.publish(None, BASIC) == (204, "")
    assert house.told() == {"clientId": "", "userName": "alice", "password": base64.b64encode(b"secret").decode()}
    assert await house.publish(None, (b"x-api-key", b"key")) == (204, "")
    assert house.told()["authenticationData"] == base64.b64encode(b"key").decode()
    assert await house.publish(None) == (401, "Unauthorized")
    assert await house.publish(None, (b"authorization", b"Basic !!")) == (204, "")  # it may decide about that, too
    assert house.told() == {"clientId": ""}


async def test_a_token_of_an_issuer_here_is_never_shown_to_it() -> None:
    house = House()
    assert (await house.publish(token(house.world, sub="device-17", exp=1).encode()))[0] == 401
    assert house.http.asked == []


async def test_too_many_at_once_are_told_to_come_back() -> None:
    slow = SlowHttp()
    house = House(http=slow, concurrent=1, waiting=0)
    first = asyncio.ensure_future(house.publish())
    await asyncio.sleep(0)
    assert await house.publish(b"another") == (503, "ServerBusy")
    assert await house.code() == 0x89
    assert 'error="QuotaExceeded"} 2' in house.metric("failed")
    slow.may_answer.set()
    await first


async def test_a_disabled_registration_is_refused_whatever_it_says() -> None:
    house = House(allow(clientAuthenticationName="off"), allow(clientAuthenticationName="off"))
    assert await house.code() == 0x87
    assert await house.publish() == (403, "ClientDisabled")


async def test_another_namespace_may_name_another_address_or_none() -> None:
    desk = Desk(Settings(), development=False, http=ScriptedHttp(allow()))
    assert desk.face.claims().authenticators["eventgrid-webhook"].judge(FakeTicket(), desk.world.now) is None
    text = b"""{"topicSpacesConfiguration": {"clientAuthentication": {"webhookAuthentication":
        {"endpointUrl": "https://hook.example/of-the-namespace", "identity": {"type": "SystemAssigned"}}}}}"""
    desk.face._directory.replace(build_namespace(parse_document(text)))
    assert (await desk.publish("topic=a", token=b"opaque")).status == 403  # known, and nothing is granted
    desk.face._directory.replace(Namespace())
    assert (await desk.publish("topic=a", token=b"opaque")).status == 401
