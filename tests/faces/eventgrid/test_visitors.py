"""Users of the broker as callers and clients of this API, under its own rules."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from myna.access.authenticator import AccessContext
from myna.access.certificate import ByCertificate
from myna.access.gates import Gates
from myna.config import Source, Table
from myna.config.outgoing import CredentialSettings, WebhookSettings
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Challenge, Proved, Unclaimed, Verdict
from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.settings import Settings
from myna.formats.outgoing import Answer as HttpAnswer
from myna.formats.password_file import Entry, with_password, with_secret, write_password_file
from myna.net.tls import Certificate
from myna.testing import TENANT, Client, World, properties
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Auth, Connack, Connect, Puback
from tests.access.contexts import access_context
from tests.faces.eventgrid.harness import Answer, Desk
from tests.formats.scram_client import ScramClient

NAMESPACE = """[
 {"type": "x/clients", "name": "d17", "properties":
  {"authenticationName": "Device-17", "attributes": {"type": "sensor"}}},
 {"type": "x/clients", "name": "off", "properties": {"authenticationName": "off", "state": "Disabled"}},
 {"type": "x/clientGroups", "name": "sensors", "properties": {"query": "attributes.type IN ['sensor']"}},
 {"type": "x/topicSpaces", "name": "own", "properties": {"topicTemplates": ["devices/${client.authenticationName}/#"]}},
 {"type": "x/permissionBindings", "name": "b1", "properties":
  {"clientGroupName": "sensors", "topicSpaceName": "own", "permission": "Publisher"}}
]"""

KEY = "a key of sixteen characters"
ENTRIES = [
    with_password(Entry("device-17", TENANT), b"pencil", 4096),
    with_secret(Entry("attributed", TENANT, attributes={"type": "sensor", "not a key": "x"}), b"s3cret"),
    with_secret(Entry("plain", TENANT), b"s3cret"),
    with_secret(Entry("off", TENANT), b"s3cret"),
    with_secret(Entry("locked", TENANT, disabled=True), b"s3cret"),
    with_secret(Entry("foreign", "elsewhere"), b"s3cret"),
    with_secret(Entry("x" * 200, TENANT), b"s3cret"),
]


class Visited:
    """The face with a password file behind it."""

    def __init__(self, folder: Path, **more: Any) -> None:
        path = folder / "users.jsonl"
        path.write_bytes(write_password_file(ENTRIES))
        path.chmod(0o600)
        self.world = World()
        self.gates = Gates(
            AccessContext(lambda: self.world.now, None, ScriptedHttp(), self.world.broker, lambda name: name)
        )
        key = {"name": "attributed", "key": KEY, "tenant": "*", "attributes": {"type": "sensor"}}
        tables = {
            "passwords": Table(("access", "passwords"), {"file": str(path)}),
            "api-keys": Table(("access", "api-keys"), {"keys": [key]}),
        }
        self.http = ScriptedHttp(*more.pop("answers", ()))
        settings = Settings(access=("passwords", "api-keys"), **more)
        self.desk = Desk(settings, world=self.world, development=False, callers=self.gates, http=self.http)
        for name, judge in self.desk.face.claims().authenticators.items():
            self.gates.bring(name, judge)
        self.gates.configure(tables, Source("", {}, {}))
        self.desk.face._directory.replace(build_namespace(parse_document(NAMESPACE.encode())))
        self.gate = self.gates.make(["eventgrid-jwt", "eventgrid-certificate", "eventgrid"])

    async def call(self, name: str, password: str, topic: str = "devices%2FDevice-17%2Fx") -> Answer:
        shown = base64.b64encode(f"{name}:{password}".encode())
        header = (b"authorization", b"Basic " + shown)
        return await self.desk.publish(f"topic={topic}", header, body=b"x", token=None)

    async def connect(self, name: str, password: bytes, client_id: str = "c") -> tuple[Client, int]:
        client = self.world.stranger(gate=self.gate)
        client.send(Connect(5, client_id, True, 0, name, password))
        while self.gate._pending:
            await asyncio.gather(*self.gate._pending)
        connack = client.received()[0]
        assert isinstance(connack, Connack)
        return client, connack.code


@pytest.fixture
def visited(tmp_path: Path) -> Iterator[Visited]:
    made = Visited(tmp_path)
    yield made
    made.gates.close()


@pytest.mark.parametrize(
    ("name", "password", "topic", "status", "code"),
    [
        ("device-17", "pencil", "devices%2FDevice-17%2Fx", 204, ""),
        ("device-17", "pencil", "devices%2Fother%2Fx", 403, "TopicNotAuthorized"),
        ("attributed", "s3cret", "devices%2Fattributed%2Fx", 204, ""),
        ("attributed", "s3cret", "devices%2FDevice-17%2Fx", 403, "TopicNotAuthorized"),
        ("plain", "s3cret", "devices%2Fplain%2Fx", 403, "TopicNotAuthorized"),
        ("device-17", "pencils", "x", 401, "Unauthorized"),
        ("nobody", "pencil", "x", 401, "Unauthorized"),
        ("off", "s3cret", "x", 403, "ClientDisabled"),
        ("locked", "s3cret", "x", 403, "ClientDisabled"),
        ("foreign", "s3cret", "x", 401, "Unauthorized"),
        ("x" * 200, "s3cret", "x", 401, "Unauthorized"),
    ],
)
async def test_http_basic_is_against_the_password_file_and_the_namespace_says_the_rest(
    visited: Visited, name: str, password: str, topic: str, status: int, code: str
) -> None:
    answer = await visited.call(name, password, topic)
    assert (answer.status, answer.code if code else "") == (status, code)
    assert password not in answer.body.decode()


async def test_who_guesses_is_told_how_long_to_wait(visited: Visited) -> None:
    visited.world.broker.logins.failures = 1
    for wait in ("1", "2", "4"):
        assert (await visited.call("device-17", "guess")).status == 401
        answer = await visited.call("device-17", "guess")
        assert (answer.status, answer.headers["retry-after"]) == (429, wait)
        visited.world.now += float(wait)


async def test_an_api_key_may_come_as_bearer_or_by_itself(visited: Visited) -> None:
    key = KEY.encode()
    topic = "topic=devices%2Fattributed%2Fx"
    assert (await visited.desk.publish(topic, token=key)).status == 204
    assert (await visited.desk.publish(topic, (b"x-api-key", key), token=None)).status == 204
    assert (await visited.desk.publish(topic, (b"x-api-key", b"wrong"), token=None)).status == 401
    assert (await visited.desk.publish(topic, token=None)).status == 401
    assert (await visited.desk.call("GET", "/mqtt/retainedMessages?topicFilter=a", token=key)).status == 403


async def test_a_caller_who_comes_again_is_the_same_one_until_the_namespace_changes(visited: Visited) -> None:
    visitors = visited.desk.face._service.doorman._visitors
    assert visitors is not None
    judged = [Identity(TENANT, "attributed", attributes={"type": "sensor"}) for _ in range(2)]
    first = visitors.receive(judged[0])
    assert visitors.receive(judged[1]) is first
    assert visitors.receive(Identity(TENANT, "attributed")) is not first
    visited.desk.face._directory.replace(build_namespace(parse_document(NAMESPACE.encode())))
    assert visitors.receive(judged[0]) is not first


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("device-17", b"pencil", 0),
        ("attributed", b"s3cret", 0),
        ("device-17", b"wrong", 0x86),
        ("nobody", b"pencil", 0x86),
        ("off", b"s3cret", 0x87),
        ("locked", b"s3cret", 0x8A),
        ("foreign", b"s3cret", 0x87),
    ],
)
async def test_mqtt_clients_come_with_user_name_and_password(
    visited: Visited, name: str, password: bytes, code: int
) -> None:
    assert (await visited.connect(name, password))[1] == code


async def test_the_namespace_rules_mqtt_clients_who_came_that_way(visited: Visited) -> None:
    client, _ = await visited.connect("device-17", b"pencil")
    client.publish("devices/Device-17/x", b"x", 1)
    client.publish("devices/other/x", b"x", 1)
    assert [packet.code for packet in client.received() if isinstance(packet, Puback)] == [16, 0x87]
    assert client.subscribe("devices/Device-17/x", 1) == 0x87
    assert (await visited.connect("attributed", b"s3cret"))[1] == 0x87  # the client id is somebody else's


def scram(data: bytes) -> Any:
    return properties(authentication_method="SCRAM-SHA-256", authentication_data=data)


@pytest.mark.parametrize(("name", "code"), [("device-17", 0), ("nobody", 0x86)])
async def test_scram_goes_through_as_well(visited: Visited, name: str, code: int) -> None:
    proof = ScramClient(name, "pencil")
    client = visited.world.stranger(gate=visited.gate)
    client.send(Connect(5, "c", True, 0, None, None, None, scram(proof.first())))
    (asked,) = client.received()
    assert isinstance(asked, Auth)
    assert asked.properties is not None
    client.send(Auth(0x18, scram(proof.final(asked.properties.authentication_data or b""))))
    connack = client.expect_connack(code)
    if code == 0:
        assert connack.properties is not None
        assert proof.is_server(connack.properties.authentication_data or b"")
        client.publish("devices/other/x", b"x", 1)
        (refused,) = client.received()
        assert isinstance(refused, Puback)
        assert refused.code == 0x87


async def test_any_verdict_of_an_authenticator_is_passed_on(visited: Visited) -> None:
    """Whatever one says, at once or later, over MQTT."""

    class Says:
        def __init__(self, verdict: Verdict) -> None:
            self.verdict = verdict

        def judge(self, ticket: Ticket, now: float) -> Awaitable[Verdict]:
            async def later() -> Verdict:
                return self.verdict

            return later()

    known = Identity(TENANT, "attributed", attributes={"type": "sensor"})
    verdicts: list[tuple[Verdict, int]] = [
        (known, 0),
        (Proved(known, b"x"), 0),
        (Proved(Identity("elsewhere", "x"), b"x"), 0x87),
        (Challenge(b"?", lambda ticket, now: known), 0),
        (Unclaimed(lambda: Refusal(0x86)), 0x86),
        (None, 0x8C),
    ]
    for verdict, code in verdicts:
        visited.desk.face._service.doorman._visitors.callers.use([Says(verdict)])  # type: ignore[union-attr]  # Callers
        client = visited.world.stranger(gate=visited.gate)
        client.send(Connect(5, f"c{code}", True, 0, None, None, None, scram(b"x")))
        while visited.gate._pending:
            await asyncio.gather(*visited.gate._pending)
        answer = client.received()[0]
        if isinstance(answer, Auth):
            client.send(Auth(0x18, answer.properties))
            answer = client.received()[0]
        assert isinstance(answer, Connack)
        assert answer.code == code
        client.drop()


async def test_a_certificate_of_nobody_registered_may_be_a_visitor_s(visited: Visited) -> None:
    doorman = visited.desk.face._service.doorman
    shown = Certificate("attributed", (), {}, "aa" * 20, "bb" * 32)
    scope = {"headers": [], "raw_path": b"/", "extensions": {"tls": {"myna.certificate": shown}}}
    with pytest.raises(Fault, match="no authenticator knows this caller"):
        await doorman.identify(None, scope, 0.0)
    visitors = doorman._visitors
    assert visitors is not None
    settings = ByCertificate.SETTINGS(tenant=TENANT)
    visitors.callers.use([ByCertificate(settings, access_context(visited.world))])  # type: ignore[attr-defined]  # Callers
    caller = await doorman.identify(None, scope, 0.0)
    assert (caller.name, caller.client_id, caller.enabled) == ("attributed", "attributed", True)


async def test_the_webhook_is_asked_about_whom_no_user_of_the_broker_is(tmp_path: Path) -> None:
    said = {"decision": "allow", "clientAuthenticationName": "Device-17"}
    allowed = HttpAnswer(200, {}, json.dumps(said).encode())
    hook = WebhookSettings(url="https://hook.example/", credentials=CredentialSettings(bearer="ours"))
    visited = Visited(tmp_path, webhook=hook, answers=[allowed])
    try:
        assert (await visited.call("device-17", "pencil")).status == 204
        assert (await visited.call("device-17", "wrong")).status == 401
        assert visited.http.asked == []
        assert (await visited.call("of the webhook", "secret")).status == 204
        assert len(visited.http.asked) == 1
    finally:
        visited.gates.close()
