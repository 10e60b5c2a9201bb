"""What waits to be carried elsewhere is there again after a crash, and holds the journal together like any queue."""

from pathlib import Path

import pytest

from myna.core.limits import Limits
from myna.core.message import Message, Origin
from myna.core.outbox import Outbox
from myna.store.embedded import inspection
from tests.store.harness import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def opened(machine: Machine, name: str = "d") -> Outbox:
    return machine.broker.outboxes.open(name, Limits(), machine.now)


def put(machine: Machine, outbox: Outbox, payload: bytes) -> None:
    outbox.put(Message("a", payload, 1, False, Origin("api", "t"), machine.now))
    machine.broker.journal.close()


def taken(outbox: Outbox) -> list[bytes]:
    found: list[bytes] = []
    while page := outbox.take(10_000, 1 << 30):
        found += [held.message.payload for held in page if held.message is not None]
    return found


def test_what_was_committed_and_not_settled_is_there_again_in_order(machine: Machine) -> None:
    outbox = opened(machine)
    for number in range(5):
        put(machine, outbox, b"%d" % number)
    machine.commit()
    outbox.settle(outbox.take(2, 10_000)[:1])
    machine.commit()
    put(machine, outbox, b"lost")
    machine.crash()
    assert machine.broker.outboxes.names() == ["d"]
    assert machine.broker.tenants == {}  # no session, no tenant
    outbox = opened(machine)
    assert taken(outbox) == [b"1", b"2", b"3", b"4"]
    put(machine, outbox, b"new")
    assert [held.number for held in outbox.take(1, 100)] == [6]


def test_a_removed_one_leaves_nothing(machine: Machine) -> None:
    outbox = opened(machine)
    put(machine, outbox, b"1")
    machine.commit()
    machine.broker.outboxes.remove("d")
    machine.commit()
    machine.crash()
    assert machine.broker.outboxes.names() == []
    assert machine.engine.ledger.rows == {}


def test_a_long_one_is_read_back_from_the_file_page_by_page(machine: Machine) -> None:
    outbox = opened(machine)
    expected = [b"%05d" % number for number in range(3000)]
    for payload in expected:
        put(machine, outbox, payload)
    machine.commit()
    assert taken(outbox) == expected
    machine.crash()
    assert taken(opened(machine)) == expected


def test_it_moves_with_the_cleaning_of_the_journal(machine: Machine) -> None:
    waiting, busy = opened(machine, "waiting"), opened(machine, "busy")
    for number in range(60):
        put(machine, waiting, b"%d" % number)
        for _ in range(10):
            put(machine, busy, b"." * 20_000)
        busy.settle(busy.take(100, 1 << 30))
        machine.commit()
    for _ in range(200):
        put(machine, busy, b".")
        busy.settle(busy.take(100, 1 << 30))
        machine.commit()
    assert machine.engine.ledger.size < 5 * 1024 * 1024
    machine.crash()
    assert taken(opened(machine, "waiting")) == [b"%d" % number for number in range(60)]
    assert taken(opened(machine, "busy")) == []
    assert inspection.check(machine.folder) == []


def test_a_tenant_of_such_a_name_is_not_let_in(machine: Machine) -> None:
    from myna.core.connection import Connection
    from myna.core.identity import Identity
    from myna.core.ports import Gate, Peer, Ticket
    from tests.store.harness import Client

    class Odd(Gate):
        def admit(self, ticket: Ticket, now: float) -> None:
            ticket.admit(Identity("\0outbox", "u"), now)

    client = Client(machine, "c")
    client.connection = Connection(machine.broker, Odd(), client.wire, Peer("127.0.0.1:1"), machine.now)
    assert client.connect().code == 0x87
