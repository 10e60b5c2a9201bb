"""The authenticator `jwt`: clients with tokens, in memory."""

import asyncio
import base64
import hmac
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.access.chain import Chain
from myna.access.jwt import Jwt, Settings
from myna.access.open import Open
from myna.config import ConfigError
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.core.verdict import Unclaimed
from myna.formats.outgoing import Answer
from myna.testing import Client, World, assert_closed, properties
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Auth, Connack, Connect
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket
from tests.formats.signers import OTHER_RSA, RSA, SECRET, confused, jwks, pem, token, unsigned

ISSUER = {"issuer": "i", "secret": SECRET.decode(), "audiences": ["broker"]}


class House:
    """A broker behind the authenticator."""

    def __init__(self, *issuers: dict[str, Any], http: ScriptedHttp | None = None, **settings: Any) -> None:
        self.world = World()
        given = {"issuers": list(issuers) or [ISSUER], **settings}
        self.http = ScriptedHttp() if http is None else http
        self.jwt = Jwt(msgspec.convert(given, Settings), access_context(self.world, self.http))
        self.gate = Chain([self.jwt], lambda: self.world.now)

    def claims(self, **claims: Any) -> dict[str, Any]:
        return {"iss": "i", "sub": "alice", "aud": "broker", "exp": self.world.now + 600, **claims}

    def token(self, **claims: Any) -> str:
        return token(self.claims(**claims))

    async def connect(
        self, shown: str, *, method: str | None = None, level: int = 5, client_id: str = "c", user: str = "somebody"
    ) -> Client:
        """A client that has said CONNECT, with the token as password or in the authentication data."""
        client = self.world.stranger(level, gate=self.gate)
        fields = None
        if method is not None:
            fields = properties(authentication_method=method, authentication_data=shown.encode())
        password = None if method else shown.encode()
        client.send(Connect(level, client_id, True, 0, None if method else user, password, None, fields))
        await self.settle()
        return client

    async def code(self, shown: str, **more: Any) -> int:
        answer = (await self.connect(shown, **more)).received()[0]
        assert isinstance(answer, Connack)
        return answer.code

    async def renew(self, client: Client, shown: str, method: str = "CUSTOM-JWT") -> None:
        client.send(Auth(0x19, properties(authentication_method=method, authentication_data=shown.encode())))
        await self.settle()

    async def settle(self) -> None:
        await asyncio.gather(*self.gate._pending)

    async def judge(self, ticket: Ticket) -> object:
        answer = self.jwt.judge(ticket, self.world.now)
        return await answer if isinstance(answer, Awaitable) else answer


def ticket(password: str, *, level: int = 5, client_id: str = "c", user_name: str | None = None) -> FakeTicket:
    made = FakeTicket(user_name=user_name, password=password.encode())
    made.level, made.client_id = level, client_id
    return made


@pytest.mark.parametrize("method", [None, "OAUTH2-JWT", "CUSTOM-JWT"])
async def test_a_token_is_shown_as_password_or_by_a_method(method: str | None) -> None:
    house = House()
    client = await house.connect(house.token(), method=method)
    connack = client.received()[0]
    assert isinstance(connack, Connack)
    assert connack.code == 0
    assert (client.session.key, client.session.identity.user) == (("DevOnly", "alice", "c"), "alice")
    if method:
        assert connack.properties is not None
        assert connack.properties.authentication_method == method


@pytest.mark.parametrize("level", [3, 4])
async def test_older_versions_show_it_as_password_and_learn_no_more_than_no(level: int) -> None:
    house = House()
    assert await house.code(house.token(), level=level) == 0
    assert await house.code(house.token(exp=1), level=level) == 5


BAD: dict[str, Callable[[House], str]] = {
    "bad signature": lambda house: house.token()[:-8] + "AAAAAAAA",
    "expired": lambda house: house.token(exp=house.world.now - 31),
    "without an end": lambda house: house.token(exp=None),
    "not yet valid": lambda house: house.token(nbf=house.world.now + 31),
    "wrong audience": lambda house: house.token(aud="elsewhere"),
    "wrong issuer": lambda house: house.token(iss="j"),
    "wrong key": lambda house: token(house.claims(), b"another-secret-of-good-length-for-an-hmac"),
    "other kind of key": lambda house: token(house.claims(), RSA),
    "no algorithm": lambda house: unsigned(house.claims()),
    "no user": lambda house: house.token(sub=None),
    "user that is no name": lambda house: house.token(sub="a\x00"),
    "garbage that looks like one": lambda house: "eyJ.eyJ.x",
    "not ASCII": lambda house: "eyJä.b.c",
}


def crafted(claims: str, header: str) -> str:
    """Signed with the right secret, whatever it says."""
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(SECRET, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


GOOD = '{"iss":"i","sub":"alice","aud":"broker","exp":4102444800}'
HS256 = '{"alg":"HS256"}'


def saying(claim: str, value: str) -> str:
    """The good claims, but for one, which may be what no encoder would write."""
    return json.dumps({**json.loads(GOOD), claim: "VALUE"}).replace('"VALUE"', value)


CRAFTED = {
    "an extension that must be understood": (GOOD, '{"alg":"HS256","crit":["b64"],"b64":true}'),
    "an unencoded payload": (GOOD, '{"alg":"HS256","b64":false}'),
    "an id of a key that is no text": (GOOD, '{"alg":"HS256","kid":7}'),
    "an algorithm that is no text": (GOOD, '{"alg":["HS256"]}'),
    "an algorithm in other letters": (GOOD, '{"alg":"hs256"}'),
    "no algorithm at all": (GOOD, '{"typ":"JWT"}'),
    "a header that is no object": (GOOD, '["HS256"]'),
    "a header without a bottom": (GOOD, '{"alg":"HS256","x":' + "[" * 3000 + "]" * 3000 + "}"),
    "claims without a bottom": (saying("x", "[" * 3000 + "]" * 3000), HS256),
    "claims that are no object": ("[1]", HS256),
    "claims that are no JSON": (GOOD[:-1], HS256),
    "an end that is a text": (saying("exp", '"4102444800"'), HS256),
    "an end that is a truth": (saying("exp", "true"), HS256),
    "an end that is no number": (saying("exp", "NaN"), HS256),
    "an end beyond all numbers": (saying("exp", "1e999"), HS256),
    "an end that no clock shows": (saying("exp", "99999999999999999999"), HS256),
    "a second end, which is over": (GOOD[:-1] + ',"exp":1}', HS256),
    "a user that is a number": (saying("sub", "7"), HS256),
    "a user that is a list": (saying("sub", '["alice"]'), HS256),
    "a user that is empty": (saying("sub", '""'), HS256),
    "a user of too many letters": (saying("sub", '"' + "x" * 1025 + '"'), HS256),
    "an audience that is an object": (saying("aud", '{"broker":1}'), HS256),
    "an audience that begins alike": (saying("aud", '"broker.else"'), HS256),
    "more than anybody needs": (saying("x", '"' + "x" * 20_000 + '"'), HS256),
}


@pytest.mark.parametrize("why", CRAFTED)
async def test_a_signature_alone_makes_no_good_token(why: str) -> None:
    house = House()
    assert await house.code(crafted(*CRAFTED[why])) == 0x87


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"HS256","jku":"https://evil.example/keys","x5u":"https://evil.example/chain"}',
        '{"alg":"HS256","kid":"../../../../dev/null"}',
        '{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"x5c":["AAAA"],"typ":"at+jwt"}',
    ],
)
async def test_keys_that_a_token_brings_or_points_to_are_never_looked_at(header: str) -> None:
    house = House()
    shown = crafted(GOOD, header)
    assert await house.code(shown) == 0
    assert await house.code(shown[:-8] + "AAAAAAAA") == 0x87
    assert house.http.asked == []


async def test_an_end_may_have_a_fraction() -> None:
    house = House()
    assert await house.code(house.token(exp=house.world.now + 0.5)) == 0


@pytest.mark.parametrize("why", BAD)
@pytest.mark.parametrize("method", [None, "CUSTOM-JWT"])
async def test_a_token_that_proves_nothing_opens_nothing(why: str, method: str | None) -> None:
    house = House()
    assert await house.code(BAD[why](house), method=method) == 0x87
    assert house.world.refused("connect:not authorized") == 1


async def test_a_public_key_cannot_be_used_as_a_secret() -> None:
    house = House({"issuer": "i", "keys": [pem(RSA).decode()], "audiences": ["broker"]})
    assert await house.code(confused(house.claims(), RSA)) == 0x87
    assert await house.code(token(house.claims(), RSA)) == 0


async def test_whatever_is_no_token_is_somebody_else_s_business() -> None:
    house = House()
    for other in (ticket("hunter2"), FakeTicket(user_name="bob"), FakeTicket()):
        assert await house.judge(other) is None
    unknown = FakeTicket()
    unknown.method = "SCRAM-SHA-256"
    assert await house.judge(unknown) is None
    assert await house.code("", method="SCRAM-SHA-256") == 0x8C


async def test_a_token_of_an_unknown_issuer_may_be_known_to_the_next_and_is_refused_where_nobody_knows_it() -> None:
    house = House()
    verdict = await house.judge(ticket(house.token(iss="j")))
    assert isinstance(verdict, Unclaimed)
    house.gate.use([house.jwt, Open(None, None)])  # type: ignore[arg-type]  # it looks at neither
    assert await house.code(house.token(iss="j")) == 0


async def test_settings_say_by_which_ways_tokens_come() -> None:
    house = House(methods=["MY-JWT"], password=False)
    assert await house.judge(ticket(house.token())) is None
    assert await house.code(house.token(), method="MY-JWT") == 0
    assert await house.code(house.token(), method="CUSTOM-JWT") == 0x8C


async def test_several_issuers_each_with_its_meaning() -> None:
    other = {
        "issuer": "https://two.example",
        "keys": [pem(RSA).decode()],
        "audiences": ["*"],
        "tenant_claim": "org.name",
        "user_claims": ["preferred_username", "sub"],
        "client_ids_per_user": False,
        "attributes": {"role": "roles"},
        "required_claims": {"scope": ["mqtt", "all"]},
    }
    house = House({**ISSUER, "tenant": "factory"}, other)
    shown = house.claims(iss="https://two.example", org={"name": "acme"}, roles=["a", "b"], scope="x mqtt", aud=None)
    identity = await house.judge(ticket(token(shown, RSA)))
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user, identity.scope) == ("acme", "alice", "")
    assert identity.attributes == {"role": "a,b"}
    mine = await house.judge(ticket(house.token(preferred_username="bob")))
    assert isinstance(mine, Identity)
    assert (mine.tenant, mine.user, mine.scope) == ("factory", "alice", "alice")
    for missing in ({"org": None}, {"scope": "x"}, {"org": {"name": "*"}}):
        assert isinstance(await house.judge(ticket(token({**shown, **missing}, RSA))), Refusal)


@pytest.mark.parametrize(
    ("claims", "client_id", "user", "code"),
    [
        ({"cid": "c", "name": "bob"}, "c", "bob", 0),
        ({"cid": "c", "name": "bob"}, "d", "bob", 0x87),
        ({"cid": "c", "name": "bob"}, "", "bob", 0x87),
        ({"cid": "c", "name": "bob"}, "c", "eve", 0x87),
        ({"name": "bob"}, "c", "bob", 0x87),
        ({"cid": "c"}, "c", "bob", 0x87),
    ],
)
async def test_a_token_may_be_bound_to_a_client_id_and_a_user_name(
    claims: dict[str, str], client_id: str, user: str, code: int
) -> None:
    house = House({**ISSUER, "client_id_claim": "cid", "user_name_claim": "name"})
    shown = house.token(**claims)
    for _ in range(2):  # also when the token is known
        assert await house.code(shown, client_id=client_id, user=user) == code


async def test_http_callers_have_no_client_id_to_be_bound_to() -> None:
    house = House({**ISSUER, "client_id_claim": "cid"})
    assert isinstance(await house.judge(ticket(house.token(cid="c"), level=0, client_id="")), Identity)


async def test_a_token_is_verified_once() -> None:
    house = House()
    shown = ticket(house.token())
    first = house.jwt.judge(shown, house.world.now)
    assert isinstance(first, Awaitable)
    await first
    again = house.jwt.judge(shown, house.world.now)
    assert isinstance(again, Identity)
    assert again.expires_at == house.world.now + 630
    house.world.pass_time(630)
    assert isinstance(await house.judge(shown), Refusal)


async def test_a_connection_ends_with_its_token() -> None:
    house = House()
    for level in (4, 5):
        client = await house.connect(house.token(exp=house.world.now + 60), level=level, client_id=f"c{level}")
        client.expect_connack()
        house.world.pass_time(89)
        assert not client.is_closed()
        house.world.pass_time(2)
        assert_closed(client, 0x87)
        assert house.world.broker.session("DevOnly", "alice", f"c{level}") is None


async def test_a_token_can_be_renewed_by_the_same_user() -> None:
    house = House()
    client = await house.connect(house.token(exp=house.world.now + 60), method="CUSTOM-JWT")
    client.expect_connack()
    await house.renew(client, house.token(exp=house.world.now + 6000))
    answer = client.received()[0]
    assert isinstance(answer, Auth)
    assert answer.code == 0
    house.world.pass_time(600)
    assert not client.is_closed()
    house.world.pass_time(6000)
    assert_closed(client, 0x87)


@pytest.mark.parametrize(
    "claims", [{"sub": "mallory"}, {"exp": 1}, {"iss": "j"}, {"aud": "elsewhere"}, {"cid": "another"}, {"tid": "b"}]
)
async def test_a_renewal_as_somebody_else_ends_the_connection(claims: dict[str, Any]) -> None:
    house = House({**ISSUER, "client_id_claim": "cid", "tenant_claim": "tid"})
    client = await house.connect(house.token(cid="c", tid="a"), method="CUSTOM-JWT")
    client.expect_connack()
    await house.renew(client, house.token(**{"cid": "c", "tid": "a", **claims}))
    assert_closed(client, 0x87)


async def test_another_user_s_good_token_does_not_renew_even_when_it_is_known() -> None:
    house = House()
    (await house.connect(house.token(sub="bob"), client_id="d")).expect_connack()
    client = await house.connect(house.token(), method="CUSTOM-JWT")
    client.expect_connack()
    await house.renew(client, house.token(sub="bob"))
    assert_closed(client, 0x87)


async def test_an_issuer_without_keys_yet_is_no_reason_to_distrust_the_client() -> None:
    house = House({"issuer": "i", "jwks": "https://issuer.example/keys", "audiences": ["broker"]})
    assert await house.code(token(house.claims(), RSA)) == 0x88


async def test_keys_that_are_no_longer_published_take_back_what_they_opened() -> None:
    answers = [Answer(200, {}, jwks(old=RSA)), Answer(200, {}, jwks(new=OTHER_RSA))]
    published = {"issuer": "i", "jwks": "https://issuer.example/keys", "audiences": ["broker"]}
    house = House(published, http=ScriptedHttp(*answers))
    old = token(house.claims(exp=house.world.now + 10_000), RSA, kid="old")
    assert await house.code(old) == 0
    house.world.pass_time(3600)
    house.jwt.tick(house.world.now)  # nobody waits for this
    assert await house.code(old) == 0
    await asyncio.gather(*(one for one in asyncio.all_tasks() if one is not asyncio.current_task()))
    house.jwt.tick(house.world.now)
    assert await house.code(old) == 0x87
    assert await house.code(token(house.claims(), OTHER_RSA, kid="new")) == 0
    assert len(house.http.asked) == 2


async def test_files_with_keys_are_read_again_when_they_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(RSA))
    house = House({"issuer": "i", "keys": [str(file)]})
    old, new = token(house.claims(), RSA), token(house.claims(), OTHER_RSA)
    assert await house.code(old) == 0
    file.write_bytes(b"half of a")
    house.jwt.tick(house.world.now)
    assert "left as they were" in caplog.text
    assert await house.code(old) == 0
    file.write_bytes(pem(OTHER_RSA))
    os.utime(file, ns=(1, 1))
    house.jwt.tick(house.world.now)
    assert (await house.code(old), await house.code(new)) == (0x87, 0)


@pytest.mark.parametrize(
    ("issuers", "cause"),
    [
        ([], "no issuers, so no token is ever good"),
        ([{"issuer": "i"}], "an issuer needs `keys`"),
        ([{"issuer": "i", "keys": ["/nowhere.pem"]}], "nowhere.pem"),
        ([{"issuer": "i", "secret": "short"}], "at least 16 bytes"),
        ([{"issuer": "https://i.example"}], "name `audiences`"),
    ],
)
def test_settings_that_cannot_work_are_named(issuers: list[dict[str, Any]], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        Jwt(msgspec.convert({"issuers": issuers}, Settings), access_context())


HOUSE = House({**ISSUER, "tenant_claim": "tid", "client_id_claim": "cid", "attributes": {"a": "tid", "b": "aud"}})
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["HS256", "none", "RS256", "i", "broker", "c", "\ud800", "", 10**400, -1, 1e308])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
header = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x"]), values, max_size=4)
payload = st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "tid", "cid"]), values, max_size=7)


def encoded(value: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


@given(
    st.binary(max_size=60)
    | st.tuples(header, payload, st.binary(max_size=8)).map(
        lambda parts: b".".join((encoded(parts[0]), encoded(parts[1]), base64.urlsafe_b64encode(parts[2])))
    ),
    st.sampled_from([None, "CUSTOM-JWT"]),
)
def test_any_bytes_are_refused_or_left_to_others(shown: bytes, method: str | None) -> None:
    made = FakeTicket(user_name="somebody", password=None if method else shown)
    made.method, made.data, made.level = method, shown if method else None, 5
    assert isinstance(asyncio.run(HOUSE.judge(made)), Refusal | Unclaimed | None)


@given(payload, st.sampled_from(["", "c"]))
def test_any_claims_that_are_signed_are_an_identity_or_a_refusal(claims: dict[str, Any], client_id: str) -> None:
    shown = token({"iss": "i", "aud": "broker", "exp": 5000, "sub": "a", **claims})
    verdict = asyncio.run(HOUSE.judge(ticket(shown, client_id=client_id)))
    assert isinstance(verdict, Identity | Refusal | Unclaimed)


async def test_forged_tokens_count_as_guesses_and_tokens_that_have_run_out_do_not() -> None:
    house = House()
    house.world.broker.logins.failures = 3
    for number in range(5):
        old = house.token(exp=house.world.now - 100 - number)
        assert await house.code(old, user="") == 0x87
    assert house.world.refused("login:failed") == 0
    for number in range(3):
        forged = token(house.claims(jti=str(number)), OTHER_RSA.private_numbers().p.to_bytes(256, "big"))
        assert await house.code(forged, user="", client_id=f"c{number}") == 0x87
    assert await house.code(house.token(), user="", client_id="d") == 0x9F


async def test_a_token_makes_its_bearer_known_here_and_not_the_name_beside_it() -> None:
    house = House()
    house.world.broker.logins.failures = 3
    good = house.token()
    assert await house.code(good, user="") == 0
    assert await house.code(good, user="admin") == 0
    for name in ("a", "b", "d"):
        house.world.broker.logins.failed("192.0.2.1:1", name, house.world.now)
    assert await house.code(good, user="admin") == 0x9F
    assert await house.code(good, user="") == 0
