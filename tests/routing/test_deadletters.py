"""Where events go that are given up, and that they leave their queue only then."""

import json
from pathlib import Path

import pytest

from myna.core.message import Message
from myna.core.records import Enqueued, Settled
from myna.routing import deadletters
from myna.routing.deadletters import EXPIRED, Dropped, ToFolder, ToTopic
from tests.routing.harness import Depot


def test_kept_ones_are_stored_before_their_event_is_settled() -> None:
    depot = Depot()
    depot.put(b'{"id":"1"}')
    depot.world.records()
    depot.line.bury(depot.line.take(1, 1), EXPIRED)
    assert [type(record) for record in depot.world.records()] == [Enqueued, Settled]


async def test_kept_ones_are_shown_page_by_page_and_tried_again() -> None:
    depot = Depot(queue_messages=3)
    for name in "12345":
        depot.put(b'{"id":"%s"}' % name.encode())
        depot.line.bury(depot.line.take(1, 1), EXPIRED)
    shown = depot.kept.show(0, 2)
    assert [letter["number"] for letter in shown] == [1, 2]
    assert [bytes(letter["event"]) for letter in depot.kept.show(shown[-1]["number"], 2)] == [
        b'{"id":"3"}',
        b'{"id":"4"}',
    ]
    count = await depot.kept.replay(lambda message: depot.line.put(message, depot.world.now), lambda: depot.world.now)
    assert (count, depot.kept.count()) == (3, 2)  # there was no room for more
    assert [event.message.published_at for event in depot.line.take(9, 10_000)] == [depot.world.now] * 3


def test_dropped_ones_are_only_counted() -> None:
    depot = Depot(Dropped())
    depot.put(b"1")
    depot.line.bury(depot.line.take(1, 1), EXPIRED)
    assert (len(depot.outbox), depot.line.buried) == (0, {EXPIRED: 1})


def test_published_ones_reach_subscribers_as_the_contract_has_them() -> None:
    depot = Depot()
    depot.line.burial = ToTopic("dead/d", "tenant", depot.world.broker, lambda: depot.world.now, depot.kept)
    client = depot.world.connected("c")
    client.subscribe("dead/#")
    depot.put(b'{"id":"1"}')
    depot.line.bury(depot.line.take(1, 1), EXPIRED)
    (entry,) = [json.loads(payload) for payload in client.payloads()]
    assert entry["event"] == {"id": "1"}
    assert entry["deadLetterProperties"]["deadletterreason"] == EXPIRED
    assert entry["deadLetterProperties"]["publishutc"] == "1970-01-01T00:16:40.000000Z"
    assert len(depot.outbox) == 0


def test_what_cannot_be_published_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    depot = Depot()
    depot.line.burial = topic = ToTopic("dead/#", "tenant", depot.world.broker, lambda: depot.world.now, depot.kept)
    depot.put(b'{"id":"1"}')
    depot.line.bury(depot.line.take(1, 1), EXPIRED)
    assert (len(depot.outbox), topic.count(), topic.lost()) == (0, 1, 0)
    assert "dead letters cannot be published" in caplog.text


def test_kept_ones_that_make_way_are_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    depot = Depot()
    depot.kept.outbox.bounds.queue_messages = 1
    depot.put(b"1", b"2")
    depot.line.bury(depot.line.take(9, 10_000), EXPIRED)
    assert (depot.line.state()["deadLetters"], depot.line.state()["deadLettersLost"]) == (1, 1)
    assert "the oldest make way" in caplog.text


async def test_what_dies_again_while_dead_ones_are_replayed_stays_dead() -> None:
    depot = Depot()
    depot.put(b"1", b"2")
    depot.line.bury(depot.line.take(9, 10_000), EXPIRED)

    def put(message: Message) -> bool:
        depot.line.put(message, depot.world.now)
        depot.world.broker.journal.close()
        depot.line.bury(depot.line.take(1, 1), EXPIRED)
        return True

    assert await depot.kept.replay(put, lambda: depot.world.now) == 2
    assert depot.kept.count() == 2


async def test_events_are_given_up_no_faster_than_a_folder_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters, "BACKLOG", 2)
    depot = Depot()
    depot.line.burial = folder = ToFolder(tmp_path, depot.kept)
    depot.put(*(b"%d" % number for number in range(5)))
    depot.world.pass_time(8 * 86_400)
    taken = [depot.line.take(2, 1 << 20) for _ in range(3)]
    assert (taken, len(depot.outbox.queue)) == ([[], [], []], 3)
    depot.line.sweep()
    assert len(depot.outbox.queue) == 3
    await folder.finish()
    depot.line.sweep()
    await folder.finish()
    assert len(depot.outbox) == 0
    assert sum(len(json.loads(file.read_bytes())) for file in tmp_path.rglob("*.json")) == 5


async def test_those_for_a_folder_are_a_file_of_one_array_and_then_settled(tmp_path: Path) -> None:
    depot = Depot()
    depot.line.burial = folder = ToFolder(tmp_path, depot.kept)
    depot.put(b'{"id":"1"}', b'{"id":"2"}')
    depot.line.bury(depot.line.take(9, 10_000), EXPIRED)
    assert len(depot.outbox) == 2
    await folder.finish()
    assert len(depot.outbox) == 0
    (file,) = tmp_path.rglob("*.json")
    assert file.parent == tmp_path / "1970/01/01/00"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry["event"]["id"] for entry in json.loads(file.read_bytes())] == ["1", "2"]


async def test_a_folder_that_cannot_be_written_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    depot = Depot()
    file = tmp_path / "file"
    file.touch()
    depot.line.burial = folder = ToFolder(file, depot.kept)
    depot.put(b'{"id":"1"}')
    depot.line.bury(depot.line.take(9, 10_000), EXPIRED)
    await folder.finish()
    assert (len(depot.outbox), depot.kept.count()) == (0, 1)
    assert "cannot be written" in caplog.text
