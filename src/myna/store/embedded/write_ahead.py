"""SQLite's write-ahead log, as far as it takes to count what lies behind its readable part.

    header    magic (4)  version (4)  page size (4)  sequence (4)  salt (8)  checksum (8)
    frame     page (4)  size after a commit, else 0 (4)  salt (8)  checksum (8)  the page itself

What a newcomer gets wrong: the file is not cut when the log begins anew. Old frames stay behind the new ones, but their
salt is another.
"""

from pathlib import Path
from typing import Final

HEADER: Final = 32
FRAME: Final = 24


def commits_beyond(log: Path, accepted: int) -> int:
    """How many frames behind the `accepted` ones end a commit of the same log."""
    if accepted < 0 or not log.exists():
        return 0
    with log.open("rb") as file:
        header = file.read(HEADER)
        if len(header) < HEADER:
            return 0
        page_size = int.from_bytes(header[8:12], "big")
        salt = header[16:24]
        size = log.stat().st_size
        found = 0
        at = HEADER + accepted * (FRAME + page_size)
        while at + FRAME + page_size <= size:
            file.seek(at)
            frame = file.read(FRAME)
            if frame[8:16] != salt:
                return found
            found += frame[4:8] != b"\0\0\0\0"
            at += FRAME + page_size
        return found
