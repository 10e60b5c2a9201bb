"""Bearer tokens, and what they let their bearer do."""

import asyncio
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.keys import BadKey, KeySet, fetch_url, read_jwks, read_keys, read_pem
from myna.faces.eventgrid.namespace import Namespace
from myna.faces.eventgrid.rules import Directory
from myna.faces.eventgrid.settings import ApiKeySettings, IssuerSettings, RoleSettings, Settings
from myna.faces.eventgrid.tokens import Issuer, Tokens
from myna.formats.jwt import BadToken
from tests.faces.eventgrid.harness import SECRET, Desk, token

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


async def test_the_object_id_is_the_client_id() -> None:
    made = desk()
    caller = await made.face._service.doorman._tokens.check(token(made.world, oid="object-1", sub="device-17").encode())
    assert (caller.client_id, caller.name, caller.principal) == ("object-1", "Device-17", "object-1")


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
    made.world.pass_time(60)
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


async def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    from myna.faces.eventgrid import tokens as module

    monkeypatch.setattr(module, "REMEMBERED", 2)
    made = desk()
    tokens = made.face._service.doorman._tokens
    shown = [token(made.world, sub=f"d{number}").encode() for number in range(3)]
    for one in shown:
        await tokens.check(one)
    assert tokens.find(shown[0], made.world.now) is None
    assert tokens.find(shown[2], made.world.now) is not None


# Keys

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NEW = ec.generate_private_key(ec.SECP256R1())


def jwks(**keys: object) -> bytes:
    listed = []
    for kid, key in keys.items():
        kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        public = key.public_key()  # type: ignore[attr-defined]  # private keys both
        listed.append({**json.loads(kind.to_jwk(public)), "kid": kid, "use": "sig"})
    return json.dumps({"keys": [*listed, {"kty": "unheard-of"}, {"kty": "RSA", "use": "enc"}]}).encode()


class Server:
    """Where keys are fetched."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.asked = 0

    async def __call__(self, url: str) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.text:
            raise OSError("down")
        return self.text


def tokens_of(server: Server, now: list[float]) -> Tokens:
    settings = IssuerSettings(issuer="i", jwks="https://issuer.example/keys")
    return Tokens("t", Directory(Namespace()), [Issuer(settings, ["a"], fetch=server)], (), lambda: now[0])


def signed(key: object, kid: str, sub: str = "c") -> bytes:
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    claims = {"iss": "i", "sub": sub, "aud": "a", "exp": 10_000_000}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid}).encode()  # type: ignore[arg-type]


async def test_keys_are_fetched_once_and_again_when_one_is_unknown() -> None:
    now = [1000.0]
    server = Server(jwks(old=RSA))
    tokens = tokens_of(server, now)
    await asyncio.gather(*(tokens.check(signed(RSA, "old", f"c{number}")) for number in range(5)))
    assert server.asked == 1
    server.text = jwks(old=RSA, new=NEW)
    now[0] += 31
    assert (await tokens.check(signed(NEW, "new"))).client_id == "c"
    assert server.asked == 2


async def test_an_unknown_key_cannot_make_us_hammer_the_issuer() -> None:
    server = Server(jwks(old=RSA))
    tokens = tokens_of(server, [1000.0])
    for number in range(5):
        with pytest.raises(BadToken):
            await tokens.check(signed(NEW, f"k{number}"))
    assert server.asked == 1


async def test_an_issuer_that_is_down_leaves_the_keys_we_have(caplog: pytest.LogCaptureFixture) -> None:
    now = [1000.0]
    server = Server(jwks(old=RSA))
    tokens = tokens_of(server, now)
    await tokens.check(signed(RSA, "old", "one"))
    server.text = b""
    now[0] += 7200
    await tokens.check(signed(RSA, "old", "two"))
    assert server.asked == 2
    assert "failed: down" in caplog.text


async def test_a_jwks_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(jwks(a=RSA))
    assert len(read_jwks(await fetch_url(f"file://{file}"))) == 1
    made = Issuer(IssuerSettings(keys=(str(file),)), ["a"])
    assert len(made.keys.keys()) == 1


def test_keys_are_read_from_pem_and_know_their_algorithms() -> None:
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert "RS256" in read_keys(pem)[0].algorithms
    pinned = KeySet(read_keys(pem), algorithms=("PS256",)).keys()[0]
    assert pinned.algorithms == ("PS256",)


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"])
def test_what_is_no_key_is_refused(text: bytes) -> None:
    with pytest.raises(BadKey):
        read_pem(text)


@pytest.mark.parametrize("text", [b"{", b"{}", b"[]", b'{"keys":7}'])
def test_what_is_no_jwks_is_refused(text: bytes) -> None:
    with pytest.raises(BadKey):
        read_jwks(text)


@pytest.mark.parametrize(
    "settings", [IssuerSettings(), IssuerSettings(secret="short"), IssuerSettings(keys=('{"keys":[]}',))]
)
def test_an_issuer_without_usable_keys_is_refused(settings: IssuerSettings) -> None:
    with pytest.raises(BadKey):
        Issuer(settings, ["a"])


def test_a_registration_s_attributes_win_over_the_token_s() -> None:
    directory = Directory(build_namespace(parse_document(SENSORS)))
    merged = directory.registered(Client("device-17", {"type": "admin", "floor": 3}))
    assert merged.attributes == {"type": "sensor", "floor": 3}
