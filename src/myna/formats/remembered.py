"""What has been checked before, by the digest of what was shown, until it expires: a bounded memory.

What a newcomer gets wrong: the digest is what is kept, so that secrets are neither stored nor compared character by
character.
"""

import hashlib
from typing import Final, Generic, TypeVar

MOST: Final = 10_000

T = TypeVar("T")


class Remembered(Generic[T]):
    """The oldest goes when there are too many."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: dict[bytes, tuple[T, float]] = {}

    def find(self, shown: bytes, now: float) -> T | None:
        """None for what is unknown or has expired."""
        digest = hashlib.sha256(shown).digest()
        held = self._held.get(digest)
        if held is None:
            return None
        value, until = held
        if until and now >= until:
            del self._held[digest]
            return None
        return value

    def keep(self, shown: bytes, value: T, until: float) -> None:
        """`until` is 0 for what never expires."""
        digest = hashlib.sha256(shown).digest()
        self._held.pop(digest, None)
        while len(self._held) >= self._most:
            del self._held[next(iter(self._held))]
        self._held[digest] = (value, until)

    def clear(self) -> None:
        self._held.clear()

    def __len__(self) -> int:
        return len(self._held)
