"""The data folder."""

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
