"""A file of secrets, changed whole: whoever reads it meanwhile finds the old one or the new one, and never a part.

What a newcomer gets wrong: two of us at once would each write what they have read. So the folder is locked from
reading to writing, by a lock that ends with the process.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def replace_file(path: Path, change: Callable[[bytes], bytes]) -> None:
    """`change` makes the new contents of the old, which are empty where there is no file. Raises OSError."""
    path = path.resolve()  # a link stays one
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            before: os.stat_result | None = path.stat()
            data = path.read_bytes()
        except FileNotFoundError:
            before, data = None, b""
        _write(path, change(data), before)
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, data: bytes, before: os.stat_result | None) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if before is not None and (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)  # the broker must still be able to read it
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        raise
