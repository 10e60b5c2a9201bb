"""The data folder."""

import errno
import os
from pathlib import Path

import pytest

from myna.store.folder import DataFolder, FolderError, check_folder


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(str(tmp_path / "a/b"))
    folder.open()
    folder.write("x.json", b"{}")
    assert mode_of(folder.path) == 0o700
    assert mode_of(folder.path / "x.json") == 0o600
    assert (folder.path / "x.json").read_bytes() == b"{}"
    assert sorted(one.name for one in folder.path.iterdir()) == ["lock", "x.json"]
    folder.remove("x.json")
    folder.remove("x.json")
    folder.close()


def test_one_process_at_a_time_uses_it(tmp_path: Path) -> None:
    first, second = DataFolder(str(tmp_path)), DataFolder(str(tmp_path))
    first.open()
    with pytest.raises(FolderError, match=f"is in use by process {os.getpid()}"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_folder_that_cannot_be_made_says_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match=r"Not a directory. Choose another folder with --data"):
        DataFolder(str(tmp_path / "file/data")).open()


def test_a_file_in_its_place_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match=r"file: it is a file and not a folder. Choose"):
        DataFolder(str(tmp_path / "file")).open()


def test_a_full_disk_is_no_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = DataFolder(str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(FolderError, match="No space left on device"):
            folder.open()
    folder.open()  # it was not left locked
    folder.close()


def test_an_empty_key_is_none(tmp_path: Path) -> None:
    (tmp_path / "webpubsub.key").touch()
    with pytest.raises(FolderError, match=r"webpubsub.key is empty, and must hold a key"):
        DataFolder(str(tmp_path)).secret("webpubsub")


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = DataFolder(str(tmp_path))
    secret = folder.secret("webpubsub")
    assert len(secret) >= 32
    assert DataFolder(str(tmp_path)).secret("webpubsub") == secret
    assert folder.secret("devicehive") != secret
    assert mode_of(tmp_path / "webpubsub.key") == 0o600


def test_checking_a_folder_changes_nothing(tmp_path: Path) -> None:
    assert check_folder(str(tmp_path / "a/b")) == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert check_folder(str(tmp_path / "file/x")).endswith("is not a folder")
