"""SCRAM-SHA-256 by AUTH packets, through a real connection of the core."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from myna.access.chain import Chain
from myna.access.passwords import Passwords, Settings
from myna.formats.password_file import Entry, with_password, with_secret, write_password_file
from myna.testing import Client, World, properties
from myna.wire.packets import Auth, Connack, Connect, Disconnect
from tests.access.contexts import access_context
from tests.formats.scram_client import ScramClient

METHOD = "SCRAM-SHA-256"


class Bench:
    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.path = folder / "users.jsonl"
        self.write(
            with_password(Entry("alice"), b"pencil", 4096),
            with_password(Entry("locked", disabled=True), b"pencil", 4096),
            with_secret(Entry("device"), b"s3cret"),
        )
        self.path.chmod(0o600)
        self.passwords = Passwords(Settings(str(self.path)), access_context(self.world))
        self.gate = Chain([self.passwords], lambda: self.world.now)

    def write(self, *entries: Entry) -> None:
        self.path.write_bytes(write_password_file(entries))

    def connect(self, data: bytes | None, method: str = METHOD, client_id: str = "c") -> Client:
        client = self.world.stranger(gate=self.gate)
        fields = properties(authentication_method=method, authentication_data=data)
        client.send(Connect(5, client_id, True, 0, None, None, None, fields))
        return client

    def prove(self, name: str, password: str, client_id: str = "c") -> tuple[Client, Any, ScramClient]:
        """A client that has answered the question, and what it was told."""
        scram = ScramClient(name, password)
        client = self.connect(scram.first(), client_id=client_id)
        client.send(auth(0x18, scram.final(question(client))))
        return client, client.received()[-1], scram


def auth(code: int, data: bytes | None) -> Auth:
    return Auth(code, properties(authentication_method=METHOD, authentication_data=data))


def question(client: Client) -> bytes:
    (asked,) = client.received()
    assert isinstance(asked, Auth)
    assert asked.code == 0x18
    assert asked.properties is not None
    assert asked.properties.authentication_method == METHOD
    return asked.properties.authentication_data or b""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.passwords.close()


def test_who_proves_the_password_is_let_in_and_the_server_proves_it_too(bench: Bench) -> None:
    _, connack, scram = bench.prove("alice", "pencil")
    assert isinstance(connack, Connack)
    assert connack.code == 0
    assert connack.properties is not None
    assert connack.properties.authentication_method == METHOD
    assert scram.is_server(connack.properties.authentication_data or b"")
    (session,) = bench.world.broker.sessions("DevOnly", user="alice")
    assert session.key == ("DevOnly", "alice", "c")


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [("alice", "wrong", 0x86), ("nobody", "pencil", 0x86), ("device", "s3cret", 0x86), ("locked", "pencil", 0x8A),
     ("locked", "wrong", 0x86)],
)  # fmt: skip
def test_who_does_not_is_refused_in_the_same_words(bench: Bench, name: str, password: str, code: int) -> None:
    client, connack, _ = bench.prove(name, password)
    assert isinstance(connack, Connack)
    assert connack.code == code
    assert client.is_closed()


def test_a_name_that_does_not_exist_is_asked_as_others_are(bench: Bench) -> None:
    def salt_of(name: str) -> tuple[str, str]:
        said = dict(
            part.split("=", 1) for part in question(bench.connect(ScramClient(name, "x").first())).decode().split(",")
        )
        return said["s"], said["i"]

    assert salt_of("nobody") == salt_of("nobody")
    assert salt_of("nobody")[1] == salt_of("alice")[1]
    assert len(salt_of("nobody")[0]) == len(salt_of("alice")[0])
    assert salt_of("nobody")[0] != salt_of("no one")[0]


def test_a_replayed_proof_does_not_fit_the_new_question(bench: Bench) -> None:
    scram = ScramClient("alice", "pencil")
    client = bench.connect(scram.first())
    proof = scram.final(question(client))
    client.send(auth(0x18, proof))
    client.expect_connack()
    thief = bench.connect(scram.first(), client_id="thief")
    question(thief)
    thief.send(auth(0x18, proof))
    assert thief.expect_connack(0x87).code == 0x87


@pytest.mark.parametrize(
    "data", [b"", b"p=tls-unique,,n=alice,r=abc", b"n,,n=alice", b"n,a=bob,n=alice,r=abc", b"\xff"]
)
def test_a_first_message_that_breaks_the_rules_is_refused(bench: Bench, data: bytes) -> None:
    bench.connect(data).expect_connack(0x87)


def test_who_waits_to_be_asked_is_asked(bench: Bench) -> None:
    client = bench.connect(None)
    assert question(client) == b""
    scram = ScramClient("alice", "pencil")
    client.send(auth(0x18, scram.first()))
    client.send(auth(0x18, scram.final(question(client))))
    client.expect_connack()


def test_guesses_are_counted_by_the_name_that_is_guessed_whatever_else_the_client_calls_itself(bench: Bench) -> None:
    logins = bench.world.broker.logins
    logins.failures = 3
    for number in range(3):
        assert bench.prove("alice", "guess", f"c{number}")[1].code == 0x86
    bench.connect(ScramClient("alice", "pencil").first(), client_id="c4").expect_connack(0x9F)
    assert bench.prove("locked", "pencil", "c5")[1].code == 0x8A  # another name, from the same address
    bench.world.pass_time(2)
    assert bench.prove("alice", "pencil", "c6")[1].code == 0


async def test_a_name_that_is_guessed_from_everywhere_is_asked_late(bench: Bench) -> None:
    logins = bench.world.broker.logins
    logins.failures_per_name = 1
    logins.failed("198.51.100.1:1", "alice", bench.world.now)
    late: list[float] = []

    async def note(seconds: float) -> None:
        late.append(seconds)

    bench.passwords._scram._sleep = note
    client = bench.connect(ScramClient("alice", "pencil").first())
    await asyncio.gather(*bench.gate._pending)
    question(client)
    assert late == [0.5]


def test_a_client_id_is_no_name_that_has_got_in(bench: Bench) -> None:
    """Or whoever has an account could make every name known where he is, and guess at it unhindered."""
    logins = bench.world.broker.logins
    logins.failures = 2
    assert bench.prove("alice", "pencil", "locked")[1].code == 0
    for name in ("x", "y"):
        bench.prove(name, "guess")
    assert logins.wait("192.0.2.1:4711", "locked", bench.world.now) > 0.0
    assert logins.wait("192.0.2.1:4711", "alice", bench.world.now) == 0.0


def test_another_method_is_not_known(bench: Bench) -> None:
    bench.connect(b"n,,n=alice,r=abc", "SCRAM-SHA-1").expect_connack(0x8C)


async def test_an_entry_that_changes_between_question_and_proof_is_not_believed(bench: Bench) -> None:
    scram = ScramClient("alice", "pencil")
    client = bench.connect(scram.first())
    asked = question(client)
    bench.write(with_password(Entry("alice"), b"brush", 4096))
    bench.passwords.tick(0.0)
    bench.passwords.tick(1.0)
    await bench.passwords.settled()
    client.send(auth(0x18, scram.final(asked)))
    client.expect_connack(0x86)


def test_a_client_proves_itself_again_while_it_is_connected(bench: Bench) -> None:
    client, _, _ = bench.prove("alice", "pencil")
    scram = ScramClient("alice", "pencil")
    client.send(auth(0x19, scram.first()))
    client.send(auth(0x18, scram.final(question(client))))
    (done,) = client.received()
    assert isinstance(done, Auth)
    assert done.code == 0
    assert done.properties is not None
    assert scram.is_server(done.properties.authentication_data or b"")


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", "x")])
def test_who_cannot_do_so_again_is_sent_away(bench: Bench, name: str, password: str) -> None:
    client, _, _ = bench.prove("alice", "pencil")
    scram = ScramClient(name, password)
    client.send(auth(0x19, scram.first()))
    client.send(auth(0x18, scram.final(question(client))))
    (farewell,) = client.received()
    assert isinstance(farewell, Disconnect)
    assert farewell.code == 0x87


def test_switched_off_it_is_an_unknown_method(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    passwords = Passwords(Settings(str(bench.path), scram=False), access_context())
    bench.gate.use([passwords])
    bench.connect(b"n,,n=alice,r=abc").expect_connack(0x8C)
    passwords.close()
    bench.passwords.close()


@pytest.fixture
def guessed(bench: Bench) -> Bench:
    """Where three failures are too many, and six on one name."""
    bench.world.broker.logins.failures = 3
    bench.world.broker.logins.failures_per_name = 6
    return bench


def test_an_address_that_tries_many_names_waits_with_those_that_never_got_in(guessed: Bench) -> None:
    assert guessed.prove("alice", "pencil")[1].code == 0
    for name in ("a", "b", "d"):
        assert guessed.prove(name, "wrong")[1].code == 0x86
    (refused,) = guessed.connect(ScramClient("locked", "pencil").first()).received()
    assert isinstance(refused, Connack)
    assert refused.code == 0x9F
    assert guessed.prove("alice", "pencil")[1].code == 0
