"""What one commit writes: journal rows, and the last word on every row of the other tables.

Filled on the loop's thread, then handed to the writer and not touched again. What a newcomer gets wrong: a thing that
changes ten times between two commits is written once.
"""

from dataclasses import dataclass, field

Body = bytes | None  # None removes the row


@dataclass(slots=True)
class Blob:
    """One journal row in the making. `size` counts its header."""

    id: int
    size: int
    chunks: list[bytes] = field(default_factory=list)

    def append(self, record: bytes) -> int:
        """Take a record; says where in the row it begins."""
        at = self.size
        self.chunks.append(record)
        self.size += len(record)
        return at


@dataclass(slots=True)
class Batch:
    sequence: int = 0
    time: float = 0.0  # the store's
    last_session: int = 0
    blobs: list[Blob] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    sessions: dict[int, bytes] = field(default_factory=dict)
    forgotten: list[int] = field(default_factory=list)
    subscriptions: dict[tuple[int, str], Body] = field(default_factory=dict)
    wills: dict[int, Body] = field(default_factory=dict)
    received: dict[tuple[int, int], bool] = field(default_factory=dict)
    retained: dict[tuple[str, str], Body] = field(default_factory=dict)
    kept: dict[tuple[str, str], Body] = field(default_factory=dict)

    def is_empty(self) -> bool:
        return self.sequence == 0 and not self.dropped
