"""A file that is read again when it changes."""

import os
from pathlib import Path

import pytest

from myna.access.watched_file import WatchedFile
from myna.config import ConfigError


def number(data: bytes) -> int:
    return int(data)


async def look(file: WatchedFile[int]) -> int:
    file.tick()
    await file.settled()
    return file.value


async def test_a_change_is_noticed_and_read(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("1")
    path.chmod(0o600)
    told: list[int] = []
    file = WatchedFile(str(path), number, told.append)
    assert (file.value, await look(file), told) == (1, 1, [])
    path.write_text("22")
    assert (await look(file), told) == (1, [])  # there may be more to come
    assert (await look(file), told) == (22, [22])
    assert (await look(file), told) == (22, [22])
    file.close()


async def test_what_grows_is_read_when_it_has_stopped(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("1")
    file = WatchedFile(str(path), number, lambda _: None)
    for whole in ("12", "123", "1234"):
        path.write_text(whole)
        assert await look(file) == 1
    assert await look(file) == 1234


async def test_what_takes_the_place_of_another_is_whole_and_read_at_once(tmp_path: Path) -> None:
    path, other = tmp_path / "number", tmp_path / "other"
    path.write_text("1")
    file = WatchedFile(str(path), number, lambda _: None)
    other.write_text("2")
    os.replace(other, path)
    assert await look(file) == 2


async def test_a_broken_or_missing_one_leaves_what_there_was_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "number"
    path.write_text("1")
    path.chmod(0o600)
    file = WatchedFile(str(path), number, lambda _: None)
    path.write_text("one!")
    for _ in range(3):
        assert await look(file) == 1
    assert await look(file) == 1
    assert caplog.text.count("NOT taken over") == 1
    path.unlink()
    assert await look(file) == 1
    assert await look(file) == 1
    assert caplog.text.count("No such file") == 1
    path.write_text("3")
    assert await look(file) == 3


async def test_what_becomes_readable_at_last_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "number", tmp_path / "other"
    path.write_text("1")
    file = WatchedFile(str(path), number, lambda _: None)
    other.write_text("2")
    os.replace(other, path)

    def refuse() -> int:  # as to somebody whose file it is not
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(file, "_load", refuse)
        assert await look(file) == 1
    assert await look(file) == 1
    path.chmod(0o640)
    for _ in range(2):
        await look(file)
    assert file.value == 2


async def test_it_must_be_there_and_whole_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"number: no such file$"):
        WatchedFile(str(tmp_path / "number"), number, lambda _: None)
    with pytest.raises(ConfigError, match=r"number: no such file; count$"):
        WatchedFile(str(tmp_path / "number"), number, lambda _: None, "count")
    (tmp_path / "number").write_text("x")
    with pytest.raises(ConfigError, match="number: invalid literal"):
        WatchedFile(str(tmp_path / "number"), number, lambda _: None)


async def test_everybody_s_to_read_is_worth_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "number"
    path.write_text("1")
    os.chmod(path, 0o644)
    WatchedFile(str(path), number, lambda _: None)
    assert "chmod 600" in caplog.text
