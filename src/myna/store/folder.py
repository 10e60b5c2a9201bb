"""The data folder: made for its owner alone, used by one process at a time, with small files that are whole or not
there.

What a newcomer gets wrong: the lock is on an open file and goes with the process, however that ends; the file itself
stays.
"""

import contextlib
import errno
import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

LOCK: Final = "lock"


class FolderError(Exception):
    """The folder cannot be used; says why and what to do."""


class DataFolder:
    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()
        self._lock = -1

    def open(self) -> None:
        """Make the folder if need be, and keep every other process out of it."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderError(_explain(self.path, error)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            owner = os.pread(self._lock, 20, 0).decode(errors="replace").strip()
            self.close()
            raise FolderError(
                f"the data folder {self.path} is in use by process {owner or 'another'}."
                " Stop it, or choose another folder with --data, or keep nothing with --memory"
            ) from error
        except OSError as error:
            self.close()
            raise FolderError(_explain(self.path, error)) from error

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place whole, for the owner's eyes only."""
        target = self.path / name
        fresh = self.path / f".{name}.{os.getpid()}"
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise FolderError(_explain(target, error)) from error

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self.path / name).unlink(missing_ok=True)

    def secret(self, name: str) -> str:
        """A key made once, on first use, and kept from then on."""
        file = self.path / f"{name}.key"
        try:
            key = file.read_text().strip()
            if not key:
                raise FolderError(f"{file} is empty, and must hold a key. Remove it, and a new one is made")
            return key
        except FileNotFoundError:
            key = secrets.token_urlsafe(48)
            self.write(file.name, f"{key}\n".encode())
            return key
        except OSError as error:
            raise FolderError(_explain(file, error)) from error


def check_folder(path: str) -> str:
    """What is wrong with a folder that has not been made yet, or "". Changes nothing."""
    folder = Path(path).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable for this user"
    return ""


def _explain(path: Path, error: OSError) -> str:
    why = error.strerror or error
    if error.errno == errno.EEXIST:
        why = "it is a file and not a folder"
    return f"cannot use {path}: {why}. Choose another folder with --data, or keep nothing with --memory"
