"""What let a client or a stream in is taken back: those end that came in by it, and no others."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from myna.access.revocation import Revocation
from myna.faces.eventgrid.settings import ApiKeySettings, IssuerSettings, Settings
from myna.formats.outgoing import Answer
from myna.net.tls import Certificate
from myna.testing import Client
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Connect, Disconnect
from tests.faces.eventgrid import harness
from tests.faces.eventgrid.harness import KEY, Desk, token
from tests.faces.eventgrid.test_importing import TEMPLATE, TYPE, certificate
from tests.faces.eventgrid.test_streams import begun
from tests.faces.eventgrid.test_tokens import ISSUER
from tests.formats import signers


async def turns() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def admitted(desk: Desk, shown: bytes, shows: Certificate | None = None, client_id: str = "c") -> Client:
    client = Client(desk.world, client_id, 5, desk.gate)
    client.connection._peer.certificate = shows
    client.send(Connect(5, client_id, True, 0, "somebody", shown))
    await desk.gate.settle()
    client.expect_connack()
    return client


async def has_been_sent_away(desk: Desk, client: Client) -> bool:
    for _ in range(3):
        desk.face.look_at_keys()
        await turns()
    return any(isinstance(packet, Disconnect) for packet in client.received())


def issuer(name: str) -> IssuerSettings:
    return IssuerSettings(issuer=name, jwks=f"https://{name}.example/keys")


async def test_a_withdrawn_key_ends_its_clients_whatever_is_known_of_other_issuers() -> None:
    published = signers.jwks(old=signers.RSA, other=signers.OTHER_RSA), signers.jwks(other=signers.OTHER_RSA)
    http = ScriptedHttp(*(Answer(200, {}, one) for one in published))
    desk = Desk(Settings(issuers=(issuer("used"), issuer("never"))), http=http)
    claims = {"iss": "used", "sub": "c", "aud": "https://eventgrid.azure.net", "exp": desk.world.now + 9999}
    client = await admitted(desk, signers.token(claims, signers.RSA, kid="old").encode())
    desk.world.pass_time(3601)
    assert await has_been_sent_away(desk, client)


async def test_so_does_a_key_that_the_namespace_has_no_more(tmp_path: Path) -> None:
    key, encoded = certificate()
    configuration = {
        "clientAuthentication": {
            "customJwtAuthentication": {
                "tokenIssuer": "https://custom.example",
                "encodedIssuerCertificates": [{"kid": "k1", "encodedCertificate": encoded}],
            }
        }
    }
    resource = {"type": TYPE, "name": "ns", "properties": {"topicSpacesConfiguration": configuration}}
    file = tmp_path / "namespace.json"
    file.write_text(json.dumps({"resources": [*TEMPLATE["resources"], resource]}))
    settings = Settings(namespace=str(file), host="broker.example", issuers=(issuer("another"),))
    http = ScriptedHttp(*(Answer(200, {}, signers.jwks(k=signers.RSA)) for _ in range(4)))
    desk = Desk(settings, development=False, http=http)
    claims = {"iss": "https://custom.example", "sub": "device-17", "aud": "broker.example", "exp": 10_000}
    client = await admitted(desk, jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"}).encode())
    file.write_text(json.dumps(TEMPLATE))
    desk.face.look_again()
    assert await has_been_sent_away(desk, client)


async def test_two_clients_with_one_token_keep_their_own_certificates() -> None:
    desk = Desk(Settings(issuers=(ISSUER,)))
    world, shown = desk.world, token(desk.world).encode()
    first, second = (Certificate(name, (("commonName", name),), {}, "", name) for name in ("first", "second"))
    leaving = await admitted(desk, shown, first, "a")
    staying = await admitted(desk, shown, second, "b")
    first.trusted = False
    Revocation(world.broker, lambda: world.now, lambda: None, lambda name: None).begin()
    await turns()
    assert [type(packet) for packet in leaving.received()] == [Disconnect]
    assert staying.received() == []


async def test_a_stream_ends_with_the_trust_in_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    shows = SimpleNamespace(trusted=True)
    plain = harness.scope_of

    def with_certificate(*given: Any) -> Any:
        return {**plain(*given), "extensions": {"tls": {"myna.certificate": shows}}}

    monkeypatch.setattr(harness, "scope_of", with_certificate)
    desk = Desk(Settings(api_keys=(ApiKeySettings(KEY, "backend"),)))
    stream = await begun(desk)
    monkeypatch.undo()
    await turns()
    shows.trusted = False
    await desk.publish("topic=a%2Fc", body=b"x")
    await turns()
    assert stream.ended
