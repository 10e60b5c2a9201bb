"""Users of a password file."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from myna.access import passwords
from myna.access.authenticator import NoSettings
from myna.access.chain import Chain
from myna.access.open import Open
from myna.access.passwords import Passwords, Settings
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Peer
from myna.formats import password_file, password_hash
from myna.formats.password_file import Entry, with_api_key, with_password, with_secret, write_password_file
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket

PENCIL = with_password(Entry("alice"), b"pencil", 4096)
ENTRIES = [
    PENCIL,
    with_secret(Entry("acme/pump-7", "acme", "pump-7", {"floor": "3"}, client_ids="tenant"), b"s3cret"),
    with_password(Entry("locked", disabled=True), b"pencil", 0),
    with_secret(Entry("locked-device", disabled=True), b"s3cret"),
    Entry("proves-only", scram=PENCIL.scram),
    with_api_key(Entry("key"), b"pencil"),
]
WRONG = "refused 0x86 at 2: wrong user name or password"


class Bench:
    """The authenticator, its file, and how often something slow was done."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.path = folder / "users.jsonl"
        self.write(*ENTRIES)
        self.path.chmod(0o600)
        self.passwords = Passwords(Settings(str(self.path), **settings), access_context())
        self.hashed = 0

    def write(self, *entries: Entry) -> None:
        self.path.write_bytes(write_password_file(entries))

    async def look(self) -> None:
        self.passwords.tick(0.0)
        self.passwords.tick(1.0)
        await self.passwords.settled()

    async def ask(self, name: str | None, password: bytes | None, *others: Any, peer: str = "192.0.2.1:1") -> str:
        ticket = FakeTicket(user_name=name, password=password)
        ticket.peer = Peer(peer)
        chain = Chain([self.passwords, *others], lambda: 2.0)
        chain.admit(ticket, 2.0)
        while chain._pending:
            await asyncio.gather(*chain._pending)
        return ticket.answers[0]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(tmp_path)

    def counted(check: Callable[..., bool]) -> Callable[..., bool]:
        def count(*arguments: Any) -> bool:
            made.hashed += 1
            return check(*arguments)

        return count

    monkeypatch.setattr(passwords, "is_right", counted(password_file.is_right))
    monkeypatch.setattr(passwords, "is_password", counted(password_hash.is_password))
    yield made
    made.passwords.close()


OPEN = Open(NoSettings(), access_context())


@pytest.mark.parametrize(
    ("name", "password", "answer", "hashed"),
    [
        ("alice", b"pencil", "admitted alice at 2", 1),
        ("acme/pump-7", b"s3cret", "admitted pump-7 at 2", 0),
        ("proves-only", b"pencil", "admitted proves-only at 2", 1),
        ("alice", b"wrong", WRONG, 1),
        ("alice", b"", WRONG, 1),
        ("acme/pump-7", b"wrong", WRONG, 1),
        ("nobody", b"pencil", WRONG, 1),
        ("Alice", b"pencil", WRONG, 1),
        ("key", b"pencil", WRONG, 1),
        ("locked", b"pencil", "refused 0x8A at 2: this user is disabled", 1),
        ("locked", b"wrong", WRONG, 1),
        ("locked-device", b"s3cret", "refused 0x8A at 2: this user is disabled", 0),
        ("alice", None, WRONG, 0),
        ("nobody", None, WRONG, 0),
        (None, None, "refused 0x87 at 2: no authenticator knows this client", 0),
        ("", b"pencil", "refused 0x87 at 2: no authenticator knows this client", 0),
        (None, b"pencil", "refused 0x87 at 2: no authenticator knows this client", 0),
    ],
)
async def test_who_gets_in_and_what_the_others_are_told(
    bench: Bench, name: str | None, password: bytes | None, answer: str, hashed: int
) -> None:
    """A wrong password and an unknown name cost and say the same."""
    assert await bench.ask(name, password) == answer
    assert bench.hashed == hashed


async def test_an_unknown_name_is_somebody_else_s_business_first_and_costs_nothing(bench: Bench) -> None:
    assert await bench.ask("nobody", b"x", OPEN) == "admitted nobody at 2"
    assert await bench.ask("nobody", None, OPEN) == "admitted nobody at 2"
    assert await bench.ask("alice", b"wrong", OPEN) == WRONG
    assert await bench.ask("alice", None, OPEN) == WRONG
    assert bench.hashed == 1


async def test_an_entry_says_who_it_is(bench: Bench) -> None:
    ticket = FakeTicket(user_name="acme/pump-7", password=b"s3cret")
    identity = bench.passwords.judge(ticket, 0.0)
    assert isinstance(identity, Identity)
    assert (identity.tenant, identity.user, identity.scope) == ("acme", "pump-7", "")
    assert identity.attributes == {"floor": "3"}
    await bench.ask("alice", b"pencil")
    person = bench.passwords.judge(FakeTicket(user_name="alice", password=b"pencil"), 0.0)
    assert isinstance(person, Identity)
    assert (person.tenant, person.user, person.scope) == ("DevOnly", "alice", "alice")


async def test_the_settings_hold_for_entries_that_say_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tenant="plant", client_ids_per_user=False)
    assert (await bench.ask("alice", b"pencil")).startswith("admitted")
    person = bench.passwords.judge(FakeTicket(user_name="alice", password=b"pencil"), 0.0)
    assert isinstance(person, Identity)
    assert (person.tenant, person.scope) == ("plant", "")
    bench.passwords.close()


async def test_what_was_right_is_remembered_until_the_entry_changes(bench: Bench) -> None:
    for _ in range(3):
        assert await bench.ask("alice", b"pencil") == "admitted alice at 2"
    assert bench.hashed == 1
    assert await bench.ask("alice", b"pencils") == WRONG
    bench.write(with_password(Entry("alice"), b"brush", 0))
    await bench.look()
    assert await bench.ask("alice", b"pencil") == WRONG
    assert await bench.ask("alice", b"brush") == "admitted alice at 2"
    assert await bench.ask("acme/pump-7", b"s3cret") == WRONG
    assert bench.hashed == 5


async def test_disabling_holds_at_once_for_who_is_remembered(bench: Bench) -> None:
    await bench.ask("alice", b"pencil")
    bench.write(Entry("alice", argon2=PENCIL.argon2, scram=PENCIL.scram, disabled=True))
    await bench.look()
    assert await bench.ask("alice", b"pencil") == "refused 0x8A at 2: this user is disabled"


async def test_an_entry_that_changes_while_it_is_checked_is_not_believed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = threading.Event()
    monkeypatch.setattr(passwords, "is_right", lambda entry, password: changed.wait(60))
    asked = asyncio.ensure_future(bench.ask("alice", b"pencil"))
    await asyncio.sleep(0)
    bench.write()
    await bench.look()
    changed.set()
    assert await asked == WRONG


async def test_a_broken_file_leaves_the_old_one_in_force(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.path.write_bytes(b'{"name":"alice"}\n')
    await bench.look()
    assert "line 1" in caplog.text
    assert await bench.ask("acme/pump-7", b"s3cret") == "admitted pump-7 at 2"


async def test_what_is_remembered_has_a_bound(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED", 1)
    await bench.ask("alice", b"pencil")
    await bench.ask("proves-only", b"pencil")
    await bench.ask("alice", b"pencil")
    assert bench.hashed == 3


async def test_a_flood_of_wrong_passwords_is_told_to_come_again_and_others_get_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path, hash_threads=1, hash_queue=3)
    await bench.ask("alice", b"pencil")
    flood = [asyncio.ensure_future(bench.ask("alice", b"wrong", peer=f"192.0.2.9:{port}")) for port in range(20)]
    await asyncio.sleep(0)
    known = [await bench.ask("alice", b"pencil"), await bench.ask("acme/pump-7", b"s3cret")]
    assert known == ["admitted alice at 2", "admitted pump-7 at 2"]
    assert await bench.ask("proves-only", b"pencil", peer="192.0.2.1:2") == "admitted proves-only at 2"
    said = await asyncio.gather(*flood)
    assert said.count(WRONG) == 2
    assert sum(answer.startswith("refused 0x89") for answer in said) == 18
    bench.passwords.close()


async def test_another_method_is_not_ours(bench: Bench) -> None:
    ticket = FakeTicket(user_name="alice", password=b"pencil")
    ticket.method = "OAUTH2-JWT"
    assert bench.passwords.judge(ticket, 0.0) is None


async def test_nobody_s_hash_takes_what_somebody_s_takes(bench: Bench) -> None:
    assert PENCIL.argon2.split("$")[:4] == password_hash.NOBODY.split("$")[:4]
    assert isinstance(passwords.WRONG, Refusal)
