"""Bearer tokens and client certificates, where a configuration asks for them."""

import asyncio
from dataclasses import dataclass

import pytest

from myna.config import ConfigError, Table, decode_table
from myna.faces.bifromq.face import Settings
from myna.faces.bifromq.protection import Protection
from myna.testing import World
from tests.faces.bifromq.test_subscription_rules import face_on
from tests.faces.exchanges import ask

TOKEN = "0123456789abcdef"
OTHER = "fedcba9876543210"


def protection_of(
    tokens: tuple[str, ...], certificates: tuple[str, ...], trust_loopback: bool, world: World | None = None
) -> Protection:
    inhabited = World() if world is None else world
    return Protection(inhabited.broker, tokens, certificates, trust_loopback, now=lambda: inhabited.now)


@dataclass(frozen=True)
class Certificate:
    common_name: str = "billing"
    sha256: str = "ab" * 32


def scope(host: str | None = "192.0.2.1", certificate: Certificate | None = None) -> dict[str, object]:
    tls = {} if certificate is None else {"tls": {"myna.certificate": certificate}}
    return {"client": None if host is None else (host, 4711), "extensions": tls}


def shown(token: str) -> dict[bytes, bytes]:
    return {b"authorization": token.encode()}


def test_it_is_off_unless_something_is_asked_for() -> None:
    assert not protection_of((), (), True).is_on
    assert protection_of((TOKEN,), (), True).is_on
    assert protection_of((), ("*",), True).is_on


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        (f"Bearer {TOKEN}", True), (f"bearer  {OTHER} ", True), (TOKEN, False), ("Bearer ", False), ("", False),
        (f"Bearer {TOKEN}x", False), (f"Basic {TOKEN}", False), (f"Bearer {TOKEN.upper()}", False),
    ],
)  # fmt: skip
def test_a_token_must_be_one_of_those_listed(header: str, admitted: bool) -> None:
    assert protection_of((TOKEN, OTHER), (), True).admits(scope(), shown(header)) == admitted


@pytest.mark.parametrize("names", [("billing",), ("ab" * 32,), ("*",), ("x", "billing")])
def test_a_certificate_is_known_by_name_or_fingerprint(names: tuple[str, ...]) -> None:
    protection = protection_of((), names, True)
    assert protection.admits(scope(certificate=Certificate()), {})
    assert not protection.admits(scope(), {})
    stranger = Certificate("stranger", "cd" * 32)
    assert protection.admits(scope(certificate=stranger), {}) == ("*" in names)


def test_whoever_shows_many_wrong_tokens_has_to_wait_even_with_the_right_one() -> None:
    world = World()
    world.broker.logins.failures = 3
    protection = protection_of((TOKEN,), (), True, world=world)

    def call(token: str, host: str = "192.0.2.1") -> int:
        said = protection.wait(scope(host), shown(f"Bearer {token}"))
        if said is None and not protection.admits(scope(host), shown(f"Bearer {token}")):
            said = asyncio.run(protection.judge(scope(host), shown(f"Bearer {token}")))
        return 200 if said is None else said.status

    assert [call(f"{TOKEN}{number}") for number in range(4)] == [401, 401, 401, 429]
    assert call(TOKEN) == 429
    assert call(TOKEN, "192.0.2.2") == 200
    assert call(TOKEN, "127.0.0.1") == 200  # trusted without any
    assert world.refused("bifromq:stranger") == 3
    world.pass_time(1.1)
    assert call(TOKEN) == 200


def test_a_certificate_without_a_name_is_nobody_s() -> None:
    assert not protection_of((TOKEN,), (), True).admits(scope(certificate=Certificate("", "")), {})


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), (None, True),
     ("192.0.2.1", False), ("::ffff:192.0.2.1", False), ("fe80::1%eth0", False)],
)  # fmt: skip
def test_this_machine_needs_neither_unless_it_is_said(host: str | None, local: bool) -> None:
    assert protection_of((TOKEN,), (), True).admits(scope(host), {}) == local
    assert not protection_of((TOKEN,), (), False).admits(scope(host), {})


def test_a_stranger_is_401_and_learns_nothing() -> None:
    face = face_on(World(), Settings(tokens=(TOKEN,)))
    for (method, path), app in face.claims().hot.items():
        refused = asyncio.run(ask(app, method, path, headers=[(b"req_id", b"3")]))
        assert (refused.status, refused.body) == (401, b"")
        assert refused.headers[b"www-authenticate"].startswith(b"Bearer")
        known = [(b"authorization", f"Bearer {TOKEN}".encode())]
        assert asyncio.run(ask(app, method, path, headers=known)).status != 401


@pytest.mark.parametrize(
    ("settings", "trusting"),
    [
        (Settings(), True), (Settings(tokens=(TOKEN,)), False), (Settings(certificates=("*",)), False),
        (Settings(access=("api-keys",)), False), (Settings(tokens=(TOKEN,), trust_loopback=True), True),
        (Settings(trust_loopback=False), False),
    ],
)  # fmt: skip
def test_whoever_locks_the_api_locks_it_for_this_machine_too_unless_it_is_said(
    settings: Settings, trusting: bool
) -> None:
    assert settings.trusts_loopback() == trusting


def test_tokens_change_without_a_restart() -> None:
    face = face_on(World(), Settings(tokens=(TOKEN,)))
    app = face.claims().hot["GET", "/cluster"]
    assert face.reload(Settings(tokens=(OTHER,)))
    for token, status in ((TOKEN, 401), (OTHER, 200)):
        headers = [(b"authorization", f"Bearer {token}".encode())]
        assert asyncio.run(ask(app, "GET", "/cluster", headers=headers)).status == status


def test_a_short_token_is_refused_when_the_configuration_is_read() -> None:
    with pytest.raises(ConfigError) as caught:
        decode_table(Table(("faces", "bifromq"), {"tokens": ["secret"]}), Settings)
    assert "16 characters" in caught.value.problems[0]
    assert "secret" not in caught.value.problems[0]


def test_a_good_token_does_not_wait_for_what_others_try() -> None:
    world = World()
    world.broker.logins.failures = 3
    protection = protection_of((TOKEN,), (), True, world=world)

    def call(token: str) -> int:
        headers = shown(f"Bearer {token}")
        said = protection.wait(scope("192.0.2.1"), headers)
        if said is None and not protection.admits(scope("192.0.2.1"), headers):
            said = asyncio.run(protection.judge(scope("192.0.2.1"), headers))
        return 200 if said is None else said.status

    assert call(TOKEN) == 200
    assert [call(f"{TOKEN}{number}") for number in range(4)][-1] == 429
    assert call(TOKEN) == 200
