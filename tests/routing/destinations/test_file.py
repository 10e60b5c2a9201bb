"""Events in a file: whole lines, on the disk before they are settled, in files of a bounded size."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from myna.config import Size
from myna.routing.destinations.file import FileDestination, FileSettings
from myna.routing.verdict import DELIVERED, Fate
from tests.routing.harness import Depot


def settings(**given: Any) -> FileSettings:
    return FileSettings(kind="file", **{"path": "events.jsonl", **given})


class Writing:
    def __init__(self, folder: Path, **given: Any) -> None:
        self.depot = Depot()
        self.folder = folder
        self.destination = FileDestination(self.depot.context(data=folder), settings(**given))

    async def write(self, *bodies: bytes) -> Any:
        self.depot.put(*bodies)
        return await self.destination.deliver(self.depot.line.take(100, 1 << 20))


async def test_each_event_is_a_line(tmp_path: Path) -> None:
    writing = Writing(tmp_path / "made" / "on demand")
    assert await writing.write(b'{"n":1}', b'{"n":2}') is DELIVERED
    assert await writing.write(b'{"n":3}') is DELIVERED
    file = writing.folder / "events.jsonl"
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [1, 2, 3]
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_line_that_a_crash_cut_off_is_ended_first(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"n":1}\n{"n"')
    await Writing(tmp_path).write(b'{"n":2}')
    assert (tmp_path / "events.jsonl").read_bytes() == b'{"n":1}\n{"n"\n{"n":2}\n'


async def test_a_file_that_has_grown_is_ended_and_old_ones_go(tmp_path: Path) -> None:
    writing = Writing(tmp_path, rotate_size=Size(5), keep=2)
    for number in range(5):
        await writing.write(b'{"n":%d}' % number)
        writing.depot.world.now += 1
    ended = sorted(tmp_path.glob("events.jsonl.*"))
    assert [json.loads(file.read_text())["n"] for file in ended] == [2, 3]
    assert json.loads((tmp_path / "events.jsonl").read_text()) == {"n": 4}


async def test_files_that_end_in_the_same_moment_have_names_of_their_own(tmp_path: Path) -> None:
    writing = Writing(tmp_path, rotate_size=Size(5))
    for number in range(4):
        await writing.write(b'{"n":%d}' % number)
    ended = sorted(tmp_path.glob("events.jsonl.*"))
    assert [json.loads(file.read_text())["n"] for file in ended] == [0, 1, 2]


async def test_a_disk_that_is_full_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = Writing(tmp_path)
    await writing.write(b'{"n":1}')

    def fill(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill)
    verdict = await writing.write(b'{"n":2}')
    assert (verdict.fate, "No space left" in verdict.cause) == (Fate.AGAIN, True)
    monkeypatch.undo()
    assert (tmp_path / "events.jsonl").read_bytes() == b'{"n":1}\n'


async def test_yesterdays_file_is_ended(tmp_path: Path) -> None:
    writing = Writing(tmp_path, rotate_daily=True)
    (tmp_path / "events.jsonl").write_bytes(b"{}\n")  # now, which is long after the test's own time
    await writing.write(b'{"n":2}')
    assert len(list(tmp_path.glob("events.jsonl.*"))) == 1


async def test_a_disk_that_does_not_take_it_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").mkdir()
    verdict = await Writing(tmp_path).write(b"{}")
    assert verdict.fate is Fate.AGAIN
    assert "events.jsonl" in verdict.cause


def test_without_a_data_folder_the_path_is_absolute(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        FileDestination(Depot().context(), settings())
    FileDestination(Depot().context(), settings(path=str(tmp_path / "x")))


def test_settings_are_decoded() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"kind": "file", "path": "x", "keep": -1}, FileSettings)
