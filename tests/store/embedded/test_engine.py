"""The file stays in bounds, whatever comes and goes; what nobody waits for leaves it."""

import asyncio
import os
from pathlib import Path

import pytest

from myna.core.limits import DROP_OLDEST, Limits
from myna.core.ports import Store
from myna.store.embedded import EmbeddedStore, cleaning, engine, inspection
from myna.wire.packets import Puback, Publish
from myna.wire.properties import Properties
from tests.store.contract import StoreContract
from tests.store.harness import Client, Machine


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of many small rows, cleaned all the time."""
    monkeypatch.setattr(cleaning, "WASTE_FROM", 50_000)
    monkeypatch.setattr(engine, "ROW_SIZE", 8_000)


def filled(machine: Machine, name: str, count: int, size: int = 100) -> Client:
    """A session with messages that wait for it; the publisher's connection."""
    sub = machine.client(name)
    sub.connect(expiry=3600)
    sub.subscribe(f"{name}/#")
    sub.lose()
    publisher = machine.client(f"to-{name}")
    publisher.connect(expiry=0)
    publish(machine, publisher, name, count, size)
    return publisher


def publish(machine: Machine, publisher: Client, name: str, count: int, size: int = 100, expiry: int = 0) -> None:
    properties = None
    if expiry:
        properties = Properties()
        properties.message_expiry = expiry
    for number in range(count):
        payload = b"%d" % number + b"." * size
        publisher.publish(f"{name}/x", payload, packet_id=number % 60_000 + 1, properties=properties)
        if number % 100 == 99:
            machine.commit()
    machine.commit()
    acks = [packet for packet in publisher.receive() if isinstance(packet, Puback)]
    assert len(acks) == count


def journal(machine: Machine) -> int:
    return machine.engine.ledger.size


class TestContract(StoreContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = tmp_path

    def make_store(self) -> Store:
        store = EmbeddedStore(self.path, sync="off")
        store.open()
        return store

    def commit(self, store: Store) -> None:
        assert isinstance(store, EmbeddedStore)
        store.commit()


def test_filling_and_emptying_a_queue_many_times_leaves_a_small_file(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    publisher = filled(machine, "s", 500)
    sizes = []
    for _ in range(30):
        sub = machine.client("s")
        sub.connect()
        assert len(sub.messages()) == 500
        sub.lose()
        machine.commit()
        publish(machine, publisher, "s", 500)
        sizes.append((tmp_path / "messages.db").stat().st_size + (tmp_path / "messages.db-wal").stat().st_size)
        machine.engine.copy_log()
    assert max(sizes[15:]) <= max(sizes[5:15])
    assert max(sizes) < 1_500_000  # what is queued at any time is a tenth of that, the log the rest


@pytest.mark.usefixtures("hurried")
def test_a_few_messages_that_stay_do_not_keep_the_rest_alive(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    busy = filled(machine, "busy", 10)
    for round_number in range(40):
        if round_number < 20:
            filled(machine, f"slow{round_number}", 1)
        publish(machine, busy, "busy", 300)
        sub = machine.client("busy")
        sub.connect()
        assert len(sub.messages()) >= 300
        sub.lose()
        machine.commit()
    live = machine.engine.ledger.live
    assert live == 20
    assert journal(machine) < 150_000
    machine.crash()
    for number in range(20):
        slow = machine.client(f"slow{number}")
        slow.connect()
        assert len(slow.messages()) == 1
    machine.commit()
    assert machine.engine.ledger.live == 0


@pytest.mark.usefixtures("hurried")
def test_the_oldest_that_make_way_leave_the_file(tmp_path: Path) -> None:
    limits = Limits()
    limits.queue_messages = 200
    limits.queue_policy = DROP_OLDEST
    machine = Machine(tmp_path, limits=limits)
    filled(machine, "s", 5000)
    assert machine.engine.ledger.live == 200
    assert journal(machine) < 200_000
    machine.crash()
    sub = machine.client("s")
    sub.connect()
    assert [int(payload.partition(b".")[0]) for payload in sub.messages()] == list(range(4800, 5000))


def test_messages_that_expire_leave_the_file_though_nobody_comes_for_them(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    publisher = filled(machine, "s", 5)
    publish(machine, publisher, "s", 2000, expiry=60)
    assert machine.engine.ledger.live == 2005
    machine.now += 70
    machine.tick()
    machine.commit()
    assert machine.engine.ledger.live == 5
    machine.crash()
    assert machine.engine.ledger.live == 5


def test_what_was_stored_for_a_session_leaves_the_file_with_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    filled(machine, "s", 2000)
    machine.now += 3601
    machine.tick()
    machine.commit()
    assert journal(machine) == 0
    assert inspection.stats(tmp_path).rows == {
        **dict.fromkeys(("journal", "sessions", "subscriptions", "wills", "received", "retained", "kept"), 0),
        "meta": 2,
    }


def test_a_message_for_many_is_stored_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for number in range(50):
        sub = machine.client(f"s{number}")
        sub.connect()
        sub.subscribe("all")
        sub.lose()
    publisher = machine.client("p")
    publisher.connect(expiry=0)
    publisher.publish("all", b"x" * 10_000)
    machine.commit()
    assert journal(machine) < 11_000
    assert machine.engine.ledger.live == 50
    for number in range(50):
        sub = machine.client(f"s{number}")
        sub.connect()
        assert len(sub.messages()) == 1
    machine.commit()
    assert journal(machine) == 0


def test_a_message_that_is_answered_before_it_is_written_need_not_be(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    sub = machine.client("s")
    sub.connect()
    sub.subscribe("a")
    publisher = machine.client("p")
    publisher.connect(expiry=0)
    publisher.publish("a", b"x")
    (sent,) = (packet for packet in sub.receive() if isinstance(packet, Publish))
    sub.send(Puback(sent.packet_id))
    machine.commit()
    assert not machine.engine.ledger.rows
    assert len(publisher.receive()) == 1


def test_a_live_store_is_checked_measured_copied_and_compacted(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "live")
    publisher = filled(machine, "s", 3000)
    publisher.publish("r", b"kept", packet_id=9, retain=True)
    machine.broker.kept.keep("bans", "x", b"1")
    machine.commit()
    assert inspection.check(tmp_path / "live") == []
    found = inspection.stats(tmp_path / "live")
    assert (found.waiting, found.rows["sessions"], found.rows["retained"], found.rows["kept"]) == (3000, 1, 1, 1)
    copy = tmp_path / "copy"
    copy.mkdir()
    inspection.backup(tmp_path / "live", copy / "messages.db")
    sub = machine.client("s")
    sub.connect()
    assert len(sub.messages()) == 3000
    machine.commit()
    machine.engine.copy_log()
    assert inspection.compact(tmp_path / "live") > 100_000
    assert inspection.check(tmp_path / "live") == []
    other = Machine(copy)
    again = other.client("s")
    again.connect()
    assert len(again.messages()) == 3000
    other.engine.close()


def test_on_a_loop_a_batch_takes_all_that_came_while_the_one_before_was_written(tmp_path: Path) -> None:
    async def story() -> int:
        machine = Machine(tmp_path)
        machine.engine.start(asyncio.get_running_loop())
        commits = 0
        machine.commit = lambda: None  # type: ignore[method-assign]
        sub = machine.client("s")
        sub.connect()
        sub.start_subscribing("a")
        publisher = machine.client("p")
        publisher.connect(expiry=0)
        for number in range(1000):
            publisher.publish("a", b"%d" % number, packet_id=number + 1)
            if number % 100 == 99:
                await asyncio.sleep(0)
        before = -1
        while machine.store.committed < machine.store.sequence:
            commits += machine.store.committed != before
            before = machine.store.committed
            await asyncio.sleep(0)
        assert machine.engine.close()
        return commits

    assert asyncio.run(story()) <= 12


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    Machine(tmp_path).engine.close()
    assert os.stat(tmp_path / "messages.db").st_mode & 0o777 == 0o600


def test_a_batch_that_grows_too_large_stops_those_who_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CROWDED", 10_000)
    machine = Machine(tmp_path)
    publisher = filled(machine, "s", 1)
    for number in range(9):
        publisher.publish("s/x", b"." * 2000, packet_id=number + 10)
    paused = [publisher.wire.paused]
    machine.commit()
    paused.append(publisher.wire.paused)
    assert paused == [True, False]
    assert len(publisher.receive()) == 9
