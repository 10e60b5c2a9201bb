"""Bearer tokens, and what they let their bearer do."""

import asyncio

import pytest

from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.namespace import Namespace
from myna.faces.eventgrid.settings import ApiKeySettings, IssuerSettings, RoleSettings, Settings
from myna.formats.jwt import BadToken
from myna.formats.outgoing import Answer
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Connect, Disconnect
from tests.faces.eventgrid.harness import SECRET, Desk, token
from tests.formats import signers

ISSUER = IssuerSettings(issuer="https://issuer.example", secret=SECRET)

SENSORS = b"""{
  "clients": {"d17": {"properties": {"authenticationName": "Device-17", "attributes": {"type": "sensor"}}},
              "off": {"properties": {"state": "Disabled"}}},
  "clientGroups": {"sensors": {"properties": {"query": "attributes.type = 'sensor'"}}},
  "topicSpaces": {"own": {"properties": {"topicTemplates": ["devices/${client.authenticationName}/#"]}},
                  "other": {"properties": {"topicTemplates": ["other/#"]}}},
  "permissionBindings": {
    "p": {"properties": {"clientGroupName": "sensors", "topicSpaceName": "own", "permission": "Publisher"}}}
}"""


def desk(issuer: IssuerSettings = ISSUER) -> Desk:
    made = Desk(Settings(issuers=(issuer,), host="broker.example"), development=False)
    made.face._directory.replace(build_namespace(parse_document(SENSORS)))
    return made


async def status(made: Desk, topic: str, **claims: object) -> int:
    answer = await made.publish(f"topic={topic}", token=token(made.world, **claims).encode())
    return answer.status


async def test_a_registered_name_is_found_in_any_case_and_templates_see_the_registered_spelling() -> None:
    made = desk()
    assert await status(made, "devices/Device-17/x", sub="DEVICE-17") == 204
    assert await status(made, "devices/DEVICE-17/x", sub="DEVICE-17") == 403


async def test_claims_are_attributes_for_a_name_without_registration() -> None:
    made = desk()
    assert await status(made, "devices/new/x", sub="new", type="sensor") == 204
    assert await status(made, "devices/new/x", sub="new", type="actor") == 403
    assert await status(made, "devices/new/x", sub="new", type=["sensor", "x"]) == 204
    assert await status(made, "devices/new/x", sub="new", type=["sensor", 1]) == 403


async def test_a_disabled_registration_is_403() -> None:
    made = desk()
    answer = await made.publish("topic=devices/off/x", token=token(made.world, sub="off", type="sensor").encode())
    assert (answer.status, answer.code) == (403, "ClientDisabled")


@pytest.mark.parametrize(
    "audience",
    [
        "https://eventgrid.azure.net",
        "https://eventgrid.azure.net/",
        "https://broker.example",
        "broker.example",
        ["x", "broker.example"],
    ],
)
async def test_the_audiences_in_circulation_are_taken(audience: object) -> None:
    assert await status(desk(), "devices/Device-17/x", sub="device-17", aud=audience) == 204


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"nbf": 99_999},
        {"iss": "https://mallory.example"},
        {"iss": None},
        {"sub": None},
        {"sub": "x" * 200},
    ],
)
async def test_what_a_token_must_say(claims: dict[str, object]) -> None:
    made = desk()
    answer = await made.publish("topic=devices/Device-17/x", token=token(made.world, **claims).encode())
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.code == ("TokenExpired" if claims.get("exp") == 1 else "Unauthorized")


async def test_the_object_id_is_the_client_id_and_the_name() -> None:
    made = desk()
    caller = await made.face._service.doorman._tokens.check(token(made.world, oid="DEVICE-17", sub="pairwise").encode())
    assert (caller.client_id, caller.name, caller.principal) == ("DEVICE-17", "Device-17", "DEVICE-17")
    caller = await made.face._service.doorman._tokens.check(token(made.world, sub="device-17").encode())
    assert (caller.client_id, caller.name) == ("device-17", "Device-17")


@pytest.mark.parametrize("more", [{"methods": ("CUSTOM-JWT",)}, {"name_claims": ("sub",)}])
async def test_custom_tokens_are_named_by_their_subject(more: dict[str, tuple[str, ...]]) -> None:
    made = desk(IssuerSettings(issuer="https://issuer.example", secret=SECRET, **more))  # type: ignore[arg-type]
    caller = await made.face._service.doorman._tokens.check(token(made.world, oid="object-1", sub="device-17").encode())
    assert (caller.client_id, caller.name, caller.principal) == ("object-1", "Device-17", "object-1")


async def test_a_token_holds_for_as_long_as_clocks_may_differ() -> None:
    made = desk()
    shown = token(made.world, sub="device-17", exp=int(made.world.now) - 10).encode()
    caller = await made.face._service.doorman._tokens.check(shown)
    assert caller.expires_at == int(made.world.now) - 10 + 30
    made.world.pass_time(30)
    with pytest.raises(BadToken):
        await made.face._service.doorman._tokens.check(shown)


async def test_the_vendor_s_roles_hold_on_all_topic_spaces() -> None:
    made = desk()
    assert await status(made, "other/x", roles=["EventGrid TopicSpaces Publisher"]) == 204
    assert await status(made, "other/x", roles=["EventGrid TopicSpaces Subscriber"]) == 403
    assert await status(made, "nowhere/x", roles=["EventGrid TopicSpaces Publisher"]) == 403


async def test_scopes_and_groups_are_mapped_to_single_topic_spaces() -> None:
    role = RoleSettings("send.other", "Publisher", ("other",))
    made = desk(IssuerSettings(issuer="https://issuer.example", secret=SECRET, roles=(role,)))
    assert await status(made, "other/x", scp="read send.other") == 204
    assert await status(made, "other/x", groups=["send.other"]) == 204
    assert await status(made, "devices/device-17/x", scp="send.other") == 403
    assert await status(made, "other/x", scp="send.otherwise") == 403


async def test_a_token_is_checked_once_until_it_expires() -> None:
    made = desk()
    shown = token(made.world, sub="device-17", exp=int(made.world.now) + 60).encode()
    tokens = made.face._service.doorman._tokens
    first = await tokens.check(shown)
    assert tokens.find(shown, made.world.now) is first
    made.world.pass_time(90)  # leeway included
    assert tokens.find(shown, made.world.now) is None
    made.world.pass_time(60)
    with pytest.raises(BadToken):
        await tokens.check(shown)


async def test_a_new_namespace_holds_for_callers_that_are_known() -> None:
    made = desk()
    shown = token(made.world, sub="device-17").encode()
    assert (await made.publish("topic=devices/Device-17/x", token=shown)).status == 204
    made.face._directory.replace(Namespace())
    made.world.broker.rules_changed()
    assert (await made.publish("topic=devices/Device-17/x", token=shown)).status == 403


async def test_an_api_key_is_a_name_with_roles() -> None:
    key = ApiKeySettings("another-key-of-good-length", "backend", ("Publisher",))
    made = Desk(Settings(api_keys=(key,)), development=False)
    made.face._directory.replace(build_namespace(parse_document(SENSORS)))
    answer = await made.publish("topic=other/x", token=b"another-key-of-good-length")
    assert answer.status == 204


async def test_published_keys_are_fetched_when_they_are_needed() -> None:
    http = ScriptedHttp(Answer(200, {}, signers.jwks(k=signers.RSA)))
    issuer = IssuerSettings(issuer="i", jwks="https://issuer.example/keys")
    made = Desk(Settings(issuers=(issuer,)), http=http)
    claims = {"iss": "i", "sub": "c", "aud": "https://eventgrid.azure.net", "exp": made.world.now + 60}
    assert http.asked == []
    shown = signers.token(claims, signers.RSA, kid="k").encode()
    assert (await made.publish("topic=a", token=shown)).status == 204
    assert len(http.asked) == 1


async def test_a_key_that_is_given_up_takes_its_tokens_and_their_clients_along() -> None:
    keys = signers.jwks(old=signers.RSA, other=signers.OTHER_RSA), signers.jwks(other=signers.OTHER_RSA)
    http = ScriptedHttp(*(Answer(200, {}, one) for one in keys))
    issuer = IssuerSettings(issuer="i", jwks="https://issuer.example/keys")
    made = Desk(Settings(issuers=(issuer,)), http=http)
    claims = {"iss": "i", "sub": "c", "aud": "https://eventgrid.azure.net", "exp": made.world.now + 9999}
    signed = {
        "old": signers.token(claims, signers.RSA, kid="old").encode(),
        "other": signers.token({**claims, "sub": "d"}, signers.OTHER_RSA, kid="other").encode(),
    }
    clients = {}
    for name, shown in signed.items():
        assert (await made.publish("topic=a", token=shown)).status == 204
        clients[name] = made.world.stranger(gate=made.gate)
        clients[name].send(Connect(5, name, True, 0, "somebody", shown))
        await made.gate.settle()
        clients[name].expect_connack()
    made.world.pass_time(3601)
    for _ in range(2):  # they are fetched beside the traffic
        made.face.look_at_keys()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    made.face.look_at_keys()
    (goodbye,) = clients["old"].received()
    assert isinstance(goodbye, Disconnect)
    assert goodbye.code == 0x87
    assert clients["other"].received() == []
    assert (await made.publish("topic=a", token=signed["old"])).status == 401
    assert (await made.publish("topic=a", token=signed["other"])).status == 204


async def test_an_issuer_that_cannot_be_asked_for_its_keys_is_503() -> None:
    issuer = IssuerSettings(issuer="i", jwks="https://issuer.example/keys")
    made = Desk(Settings(issuers=(issuer,)))
    answer = await made.publish("topic=a", token=signers.token({"iss": "i"}, signers.RSA).encode())
    assert (answer.status, answer.code) == (503, "ServerBusy")


async def test_whoever_shows_forged_tokens_has_to_wait_and_whoever_s_has_run_out_has_not() -> None:
    made = desk()
    world = made.world
    world.broker.logins.failures = 3
    good = token(world, sub="device-17").encode()

    async def status(shown: bytes) -> int:
        return (await made.publish("topic=devices/device-17/x", token=shown)).status

    first = await status(good)
    for number in range(5):
        assert await status(token(world, sub="device-17", exp=int(world.now) - 400 - number).encode()) == 401
    for number in range(3):
        head, claims, signature = token(world, sub="device-17", jti=str(number)).split(".")
        forged = ".".join((head, claims, "A" * len(signature))).encode()
        assert await status(forged) == 401
    answer = await made.publish("topic=a", token=token(world, sub="device-17", jti="new").encode())
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (429, True)
    assert await status(good) == first
    world.pass_time(301)
    assert await status(token(world, sub="device-17", jti="new").encode()) == first


async def test_keys_that_are_guessed_count_as_well() -> None:
    made = Desk()
    made.world.broker.logins.failures = 3
    assert [(await made.publish("topic=a", token=b"guess %d" % number)).status for number in range(4)] == [
        401,
        401,
        401,
        429,
    ]
