"""What let somebody in is taken back: the connection ends within a moment, and nobody else's does."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from myna.access.gates import Gates
from myna.access.revocation import AT_A_TIME
from myna.config import Source, Table
from myna.core.identity import Identity
from myna.core.ports import Gate, Ticket
from myna.formats.outgoing import Answer
from myna.formats.password_file import Entry, with_api_key, with_secret, write_password_file
from myna.net.tls import Certificate
from myna.testing import Client, World, properties
from myna.testing.outgoing import ScriptedHttp
from myna.wire.packets import Connack, Connect, Disconnect
from tests.access.contexts import access_context
from tests.formats.signers import OTHER_RSA, RSA, SECRET, jwks, token

SOURCE = Source("", {}, {})
NOT_AUTHORIZED = 0x87


class House:
    """A broker, its gates, and one endpoint."""

    def __init__(self, *names: str, http: ScriptedHttp | None = None, **tables: dict[str, Any]) -> None:
        self.world = World()
        self.gates = Gates(access_context(self.world, http))
        self.configure(**tables)
        self.use(*names)

    def configure(self, **tables: dict[str, Any]) -> None:
        named = {name.replace("_", "-"): values for name, values in tables.items()}
        self.gates.configure({name: Table(("access", name), values) for name, values in named.items()}, SOURCE)

    def use(self, *names: str) -> None:
        self.chain = self.gates.use("mqtt", names)

    async def enter(
        self, client_id: str, user: str | None = None, password: bytes | None = None, *, expiry: int = 0, **peer: Any
    ) -> Client:
        client = Client(self.world, client_id, 5, self.chain)
        client.connection._peer.certificate = peer.get("certificate")
        said = properties(session_expiry=expiry) if expiry else None
        client.send(Connect(5, client_id, True, 0, user, password, None, said))
        await self.pause()
        (answer,) = client.received()
        assert isinstance(answer, Connack)
        assert answer.code == 0
        return client

    async def pause(self) -> None:
        """Everything that is due has been done."""
        await asyncio.gather(*self.chain._pending)
        for _ in range(8):
            await asyncio.sleep(0)

    async def look(self, name: str) -> None:
        """The authenticator has seen that its file is another one, and read it."""
        authenticator = self.gates._made[name]
        authenticator.tick(self.world.now)
        authenticator.tick(self.world.now)
        await authenticator.settled()  # type: ignore[attr-defined]  # only asked of those who have it
        await self.pause()


def cause(client: Client) -> str:
    """Why a client was sent away; "" for one that is still there."""
    packets = client.received()
    if not packets:
        return ""
    (packet,) = packets
    assert isinstance(packet, Disconnect)
    assert packet.code == NOT_AUTHORIZED
    assert packet.properties is not None
    return packet.properties.reason_string or "without a word"


class SayingSo(Gate):
    """Admits everybody as this."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self._identity = identity

    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.admit(self._identity, now)


class Users:
    """A password file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "users.jsonl"
        self.entries = {name: with_secret(Entry(name), b"secret") for name in ("alice", "bob")}
        self.write()

    def write(self) -> None:
        before = self.path.stat().st_mtime_ns if self.path.exists() else 0
        self.path.write_bytes(write_password_file(self.entries.values()))
        os.chmod(self.path, 0o600)
        os.utime(self.path, ns=(before + 10**9, max(before + 10**9, time.time_ns())))


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path)


def disable(entry: Entry) -> Entry:
    return Entry(entry.name, secret=entry.secret, disabled=True)


def another_password(entry: Entry) -> Entry:
    return with_secret(Entry(entry.name), b"another")


def another_tenant(entry: Entry) -> Entry:
    return Entry(entry.name, "acme", secret=entry.secret)


def other_attributes(entry: Entry) -> Entry:
    return Entry(entry.name, secret=entry.secret, attributes={"floor": "4"})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (None, "this user is no longer known"),
        (disable, "this user is disabled"),
        (another_password, "the password has been changed: connect again with the new one"),
        (another_tenant, "what is known of this user has changed: connect again"),
        (other_attributes, "what is known of this user has changed: connect again"),
    ],
)
async def test_whose_entry_changes_has_to_leave_and_nobody_else(users: Users, change: Any, why: str) -> None:
    house = House("passwords", passwords={"file": str(users.path)})
    alice = await house.enter("a", "alice", b"secret", expiry=600)
    bob = await house.enter("b", "bob", b"secret")
    if change is None:
        del users.entries["alice"]
    else:
        users.entries["alice"] = change(users.entries["alice"])
    users.write()
    await house.look("passwords")
    assert (cause(alice), cause(bob)) == (why, "")
    assert house.world.refused("credentials:withdrawn") == 1
    assert house.world.watcher.refused_users == ["alice"]
    assert f"a refused to stay connected: {why}" in house.world.watcher.lines
    assert house.world.broker.session("DevOnly", "alice", "a") is not None  # a session outlives its connection


async def test_an_entry_that_stays_as_it_was_ends_nobodys_connection(users: Users) -> None:
    house = House("passwords", passwords={"file": str(users.path)})
    alice = await house.enter("a", "alice", b"secret")
    users.entries["carol"] = with_secret(Entry("carol"), b"secret")
    users.write()
    await house.look("passwords")
    assert cause(alice) == ""


async def test_a_broken_file_ends_nobodys_connection(users: Users) -> None:
    house = House("passwords", passwords={"file": str(users.path)})
    alice = await house.enter("a", "alice", b"secret")
    users.path.write_bytes(b"{}\n")
    await house.look("passwords")
    users.path.unlink()
    await house.look("passwords")
    assert cause(alice) == ""


async def test_a_key_that_is_gone_or_changed_takes_its_clients_along(tmp_path: Path) -> None:
    kept = {"name": "kept", "key": "k" * 20}
    house = House("api-keys", api_keys={"keys": [{"name": "reports", "key": "r" * 20}, kept]})
    gone = await house.enter("a", password=b"r" * 20)
    stays = await house.enter("b", password=b"k" * 20)
    house.configure(api_keys={"keys": [kept]})
    house.use("api-keys")
    await house.pause()
    assert (cause(gone), cause(stays)) == ("this key is no longer good", "")
    house.configure(api_keys={"keys": [{**kept, "attributes": {"role": "reader"}}]})
    house.use("api-keys")
    await house.pause()
    assert cause(stays) == "what is known of this user has changed: connect again"


async def test_a_key_for_every_tenant_stays_what_it_is_for_http(users: Users) -> None:
    users.entries = {"all": with_api_key(Entry("all", "*"), b"key of all tenants")}
    users.write()
    house = House("api-keys", api_keys={"file": str(users.path)})
    ticket = Client(house.world, "", 5, house.chain).connection._authentication._ticket_for("", 0)
    ticket.password = b"key of all tenants"
    identity = house.gates._made["api-keys"].judge(ticket, 0.0)
    assert isinstance(identity, Identity)
    assert house.gates.revocation.objection(identity) == ""


SHOWN = Certificate("pump-7", (("commonName", "pump-7"),), {}, "aa" * 20, "bb" * 32, der=b"x")
OTHER = Certificate("pump-8", (("commonName", "pump-8"),), {}, "cc" * 20, "dd" * 32, der=b"y")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"disabled": ["pump-7"]}, "this client is disabled"),
        ({"disabled": ["AA" * 20]}, "this client is disabled"),
        ({"allowed": ["pump-8"]}, "the certificate's name is not among those that are allowed"),
        ({"fingerprints": ["dd" * 32]}, "the certificate's fingerprint is not among those that are allowed"),
        ({"clients": {"pump-7": {"tenant": "acme"}}}, "what is known of this user has changed: connect again"),
    ],
)
async def test_a_certificate_is_judged_again_by_new_settings(settings: dict[str, Any], why: str) -> None:
    house = House("certificate")
    pump = await house.enter("a", certificate=SHOWN)
    other = await house.enter("b", certificate=OTHER)
    house.configure(certificate=settings)
    house.use("certificate")
    await house.pause()
    assert (cause(pump), cause(other)) == (why, "")


@pytest.mark.parametrize("names", [("certificate",), ("open",)])
async def test_a_certificate_that_tls_trusts_no_longer_ends_its_connection(names: tuple[str, ...]) -> None:
    """Whatever its bearer was known by: a listener that asks for certificates admits nobody without a good one."""
    certificate = Certificate("pump-7", (), {}, "aa" * 20, "bb" * 32)
    house = House(*names)
    pump, other = await house.enter("a", certificate=certificate), await house.enter("b", certificate=OTHER)
    certificate.trusted = False
    house.gates.revocation.begin()
    await house.pause()
    assert (cause(pump), cause(other)) == ("the certificate is no longer trusted", "")


ISSUER: dict[str, Any] = {"issuer": "i", "secret": SECRET.decode(), "audiences": ["broker"]}


def signed(house: House, key: Any = SECRET, **more: Any) -> bytes:
    claims = {"iss": "i", "sub": "alice", "aud": "broker", "exp": house.world.now + 9999}
    return token(claims, key, **more).encode()


@pytest.mark.parametrize(
    ("issuers", "why"),
    [
        ([{**ISSUER, "secret": "another secret, long enough"}], "the key that signed the token is no longer"),
        ([{**ISSUER, "audiences": ["else"]}], "the settings of the token's issuer have changed"),
        ([{**ISSUER, "issuer": "else"}], "the settings of the token's issuer have changed"),
        ([ISSUER, {**ISSUER, "issuer": "else"}], ""),
    ],
)
async def test_a_token_ends_with_its_issuers_key_and_settings(issuers: list[dict[str, Any]], why: str) -> None:
    house = House("jwt", jwt={"issuers": [ISSUER]})
    client = await house.enter("a", password=signed(house))
    house.configure(jwt={"issuers": issuers})
    house.use("jwt")
    await house.pause()
    assert cause(client).startswith(why) if why else cause(client) == ""


async def test_a_key_that_is_no_longer_published_takes_its_clients_along() -> None:
    answers = [Answer(200, {}, jwks(old=RSA, other=OTHER_RSA)), Answer(200, {}, jwks(other=OTHER_RSA))]
    published = {"issuer": "i", "jwks": "https://issuer.example/keys", "audiences": ["broker"]}
    house = House("jwt", http=ScriptedHttp(*answers), jwt={"issuers": [published]})
    old = await house.enter("a", password=signed(house, RSA, kid="old"))
    other = await house.enter("b", password=signed(house, OTHER_RSA, kid="other"))
    house.world.pass_time(3600)
    for _ in range(2):
        house.gates.tick(house.world.now)
        await house.pause()
    assert cause(old).startswith("the key that signed the token is no longer among")
    assert cause(other) == ""


async def test_keys_that_have_yet_to_be_fetched_take_nothing_back() -> None:
    answers = [Answer(200, {}, jwks(old=RSA)), Answer(200, {}, jwks(other=OTHER_RSA))]
    published = {"issuer": "i", "jwks": "https://issuer.example/keys", "audiences": ["broker"]}
    house = House("jwt", http=ScriptedHttp(*answers), jwt={"issuers": [published]})
    old = await house.enter("a", password=signed(house, RSA, kid="old"))
    house.configure(jwt={"issuers": [published], "password": True, "methods": ["CUSTOM-JWT"]})
    house.use("jwt")
    await house.pause()
    assert cause(old) == ""
    await house.enter("b", password=signed(house, OTHER_RSA, kid="other"))  # for whom they are fetched
    house.gates.tick(house.world.now)
    await house.pause()
    assert cause(old).startswith("the key that signed the token is no longer among")


async def test_an_authenticator_that_is_no_longer_listed_takes_its_clients_along(users: Users) -> None:
    house = House("passwords", "open", passwords={"file": str(users.path)})
    alice, anybody = await house.enter("a", "alice", b"secret"), await house.enter("b", "anybody")
    house.use("passwords")
    await house.pause()
    assert (cause(alice), cause(anybody)) == ("", "what let this client in is no longer listed for where it came in")


async def test_a_change_that_is_taken_back_ends_nobodys_connection() -> None:
    house = House("open")
    client = await house.enter("a", "anybody")
    go_back = house.gates.hold()
    house.use("certificate")
    go_back()
    await house.pause()
    assert cause(client) == ""


async def test_who_is_on_the_way_in_while_the_door_closes_does_not_stay(users: Users) -> None:
    house = House("passwords", passwords={"file": str(users.path)})
    house.world.broker.watcher = house.gates.revocation
    stale = await house.enter("a", "alice", b"secret")
    identity = stale.session.identity
    del users.entries["alice"]
    users.write()
    await house.look("passwords")
    cause(stale)
    late = Client(house.world, "late", 5, SayingSo(identity))
    late.send(Connect(5, "late", True, 0))
    connack, goodbye = late.received()
    assert isinstance(connack, Connack)
    assert isinstance(goodbye, Disconnect)
    assert goodbye.code == NOT_AUTHORIZED


async def test_many_are_looked_at_a_few_at_a_time(users: Users) -> None:
    house = House("passwords", passwords={"file": str(users.path)})
    clients = [await house.enter(f"a{number}", "alice", b"secret") for number in range(AT_A_TIME + 50)]
    users.entries["alice"] = disable(users.entries["alice"])
    users.write()
    await house.look("passwords")
    assert all(cause(client) for client in clients)
