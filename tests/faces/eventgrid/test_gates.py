"""MQTT clients with tokens: the same judgement as over HTTP."""

import asyncio

import pytest

from myna.faces.eventgrid import face
from myna.faces.eventgrid.certificates import Certificates, is_proved
from myna.faces.eventgrid.clients import Client as Registered
from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.namespace import Namespace
from myna.faces.eventgrid.rules import Directory
from myna.faces.eventgrid.settings import Settings
from myna.net.tls import Certificate
from myna.testing import Client, properties
from myna.wire.packets import Auth, Connack, Connect, Disconnect, Puback
from tests.faces.eventgrid.harness import Desk, token
from tests.faces.eventgrid.test_tokens import ISSUER, SENSORS, desk


async def connected(
    made: Desk,
    client_id: str,
    *,
    method: str | None = None,
    password: bool = False,
    level: int = 5,
    clean: bool = True,
    **claims: object,
) -> tuple[Client, int]:
    """A client with a token, and the code of its CONNACK."""
    client = made.world.stranger(level, gate=made.gate)
    shown = token(made.world, **claims).encode()
    fields = properties(authentication_method=method, authentication_data=shown) if method else None
    user = "somebody" if password else None
    client.send(Connect(level, client_id, clean, 0, user, shown if password else None, None, fields))
    await made.gate.settle()
    connack = client.received()[0]
    assert isinstance(connack, Connack)
    if method and connack.code == 0:
        assert connack.properties is not None
        assert connack.properties.authentication_method == method
    return client, connack.code


@pytest.mark.parametrize("method", ["OAUTH2-JWT", "CUSTOM-JWT"])
async def test_topic_spaces_decide_for_mqtt_clients_too(method: str) -> None:
    made = desk()
    client, code = await connected(made, "session-1", method=method, sub="device-17")
    assert code == 0
    client.publish("devices/Device-17/x", b"x", 1)
    client.publish("devices/other/x", b"x", 1)
    assert [packet.code for packet in client.received() if isinstance(packet, Puback)] == [16, 0x87]
    assert client.subscribe("devices/Device-17/x", 1) == 0x87


@pytest.mark.parametrize(("level", "refused"), [(5, 0x87), (4, 5)])
async def test_a_jwt_may_be_the_password(level: int, refused: int) -> None:
    made = desk()
    _, code = await connected(made, "s", password=True, level=level, sub="device-17")
    assert code == 0
    _, code = await connected(made, "t", password=True, level=level, sub="device-17", exp=1)
    assert code == refused


async def test_a_password_that_is_no_jwt_is_somebody_else_s_business() -> None:
    made = desk()
    client = made.world.stranger(5, gate=made.gate)
    client.send(Connect(5, "c", True, 0, "user", b"password", None, None))
    answer = client.received()[0]
    assert isinstance(answer, Connack)
    assert answer.code == 0x87


async def test_a_token_of_an_unknown_issuer_as_password_as_well() -> None:
    made = desk()
    _, code = await connected(made, "c", password=True, iss="https://other.example")
    assert code == 0x87
    _, code = await connected(made, "c", method="CUSTOM-JWT", iss="https://other.example")
    assert code == 0x87


async def test_an_issuer_may_be_for_one_method_only() -> None:
    only = ISSUER.__class__(issuer=ISSUER.issuer, secret=ISSUER.secret, methods=("CUSTOM-JWT",))
    made = desk(only)
    assert (await connected(made, "c", method="CUSTOM-JWT"))[1] == 0
    assert (await connected(made, "d", method="OAUTH2-JWT"))[1] == 0x87


async def test_a_token_is_refreshed_by_auth() -> None:
    made = desk()
    client, _ = await connected(made, "c", method="OAUTH2-JWT", sub="device-17", exp=int(made.world.now) + 60)
    fresh = token(made.world, sub="device-17", exp=int(made.world.now) + 6000).encode()
    client.send(Auth(0x19, properties(authentication_method="OAUTH2-JWT", authentication_data=fresh)))
    await made.gate.settle()
    answer = client.received()[0]
    assert isinstance(answer, Auth)
    assert answer.code == 0
    made.world.pass_time(600)
    assert not client.is_closed()


@pytest.mark.parametrize("claims", [{"sub": "device-18"}, {"exp": 1}])
async def test_a_refresh_that_fails_ends_the_connection(claims: dict[str, object]) -> None:
    made = desk()
    client, _ = await connected(made, "c", method="OAUTH2-JWT", sub="device-17")
    stale = token(made.world, **{"sub": "device-17", **claims}).encode()
    client.send(Auth(0x19, properties(authentication_method="OAUTH2-JWT", authentication_data=stale)))
    await made.gate.settle()
    farewell = client.received()[-1]
    assert isinstance(farewell, Disconnect)
    assert farewell.code == 0x87


async def test_a_token_that_expires_ends_the_connection() -> None:
    made = desk()
    client, _ = await connected(made, "c", method="OAUTH2-JWT", sub="device-17", exp=int(made.world.now) + 60)
    made.world.pass_time(91)  # leeway included
    farewell = client.received()[-1]
    assert isinstance(farewell, Disconnect)
    assert farewell.code == 0x87


async def test_a_client_id_belongs_to_the_name_that_opened_its_session() -> None:
    made = desk()
    first, _ = await connected(made, "session", method="OAUTH2-JWT", sub="device-17")
    _, code = await connected(made, "session", method="OAUTH2-JWT", sub="mallory")
    assert code == 0x87
    assert not first.is_closed()
    _, code = await connected(made, "session", method="OAUTH2-JWT", sub="DEVICE-17")
    assert code == 0
    assert first.is_closed()


async def test_a_name_has_only_so_many_sessions() -> None:
    made = Desk(Settings(issuers=(ISSUER,), sessions_per_name=1), development=False)
    assert (await connected(made, "one", method="OAUTH2-JWT", sub="c"))[1] == 0
    assert (await connected(made, "two", method="OAUTH2-JWT", sub="c"))[1] == 0x97
    assert (await connected(made, "two", method="OAUTH2-JWT", sub="d"))[1] == 0


async def test_a_disabled_client_is_not_let_in() -> None:
    assert (await connected(desk(), "c", method="OAUTH2-JWT", sub="off"))[1] == 0x87


async def test_a_changed_namespace_sends_away_whom_it_no_longer_grants() -> None:
    made = desk()
    text = SENSORS.replace(b'"Publisher"', b'"Subscriber"')
    made.face._directory.replace(build_namespace(parse_document(text)))
    client, _ = await connected(made, "c", method="OAUTH2-JWT", sub="device-17")
    other, _ = await connected(made, "d", method="OAUTH2-JWT", sub="device-18")
    assert client.subscribe("devices/Device-17/#", 1) == 1
    made.face._directory.replace(Namespace())
    made.face._end_unauthorized()
    assert client.is_closed()
    assert not other.is_closed()


async def test_many_sessions_are_looked_at_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face, "REVIEWED", 1)
    made = desk()
    text = SENSORS.replace(b'"Publisher"', b'"Subscriber"')
    made.face._directory.replace(build_namespace(parse_document(text)))
    clients = []
    for number in range(3):
        client, _ = await connected(made, f"c{number}", method="OAUTH2-JWT", sub="device-17")
        assert client.subscribe("devices/Device-17/#", 1) == 1
        clients.append(client)
    made.face._directory.replace(Namespace())
    made.face._end_unauthorized()
    assert [client.is_closed() for client in clients] == [True, False, False]
    while not clients[-1].is_closed():
        await asyncio.sleep(0)
    assert all(client.is_closed() for client in clients)


# Certificates

SHOWN = Certificate("device-17", (), {"DNS": ("d17.example",), "URI": ("urn:d17",)}, "AA" * 20, "bb" * 32)


@pytest.mark.parametrize(
    ("registered", "proved"),
    [
        (Registered("Device-17", scheme="SubjectMatchesAuthenticationName"), True),
        (Registered("D17.example", scheme="DnsMatchesAuthenticationName"), True),
        (Registered("urn:d17", scheme="UriMatchesAuthenticationName"), True),
        (Registered("device-17", scheme="DnsMatchesAuthenticationName"), False),
        (Registered("device-17", scheme="EmailMatchesAuthenticationName"), False),
        (Registered("any", scheme="ThumbprintMatch", thumbprints=("AA" * 20,)), True),
        (Registered("any", scheme="ThumbprintMatch", thumbprints=("BB" * 32,)), True),
        (Registered("any", scheme="ThumbprintMatch", thumbprints=("CC" * 20,)), False),
        (Registered("device-17"), False),
    ],
)
def test_a_registration_says_what_a_certificate_must_show(registered: Registered, proved: bool) -> None:
    assert is_proved(registered, SHOWN) == proved


def test_the_name_comes_from_the_user_name_or_from_the_fields_configured() -> None:
    client = Registered("d17.example", scheme="DnsMatchesAuthenticationName")
    directory = Directory(Namespace(clients={"d17.example": client}))
    by_dns = Certificates("t", directory, ("ClientCertificateEmail", "ClientCertificateDns"))
    by_subject = Certificates("t", directory, ())
    assert by_dns.identify(SHOWN, None) is not None
    assert by_subject.identify(SHOWN, None) is None
    assert by_subject.identify(SHOWN, "D17.EXAMPLE") is not None
    assert by_subject.identify(SHOWN, "somebody") is None
    assert by_dns.identify(None, "d17.example") is None
