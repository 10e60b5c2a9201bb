"""QoS 2 arriving: which packet ids a client has used and not yet released.

A repeated PUBLISH gets its PUBREC and is routed once [MQTT-4.3.3-10]; PUBREL frees the id [MQTT-4.3.3-12]. Belongs to
the session, so
it outlives connections. QoS 1 needs no memory: after PUBACK the same id is a new message [MQTT-4.3.2-5].
"""

from typing import final

from myna.core.journal import Journal
from myna.core.receiver import SessionKey
from myna.core.records import Received


@final
class ReceivedIds:
    __slots__ = ("_journal", "_key", "_open")

    def __init__(self, key: SessionKey, journal: Journal) -> None:
        self._key = key
        self._journal = journal
        self._open: dict[int, None] | None = None

    def is_open(self, packet_id: int) -> bool:
        opened = self._open
        return opened is not None and packet_id in opened

    def count(self) -> int:
        opened = self._open
        return 0 if opened is None else len(opened)

    def begin(self, packet_id: int, durable: bool) -> int:
        """The message of this id has been taken; says what to await before PUBREC."""
        opened = self._open
        if opened is None:
            opened = {}
            self._open = opened
        opened[packet_id] = None
        return self._journal.note(Received(self._key, packet_id, True)) if durable else 0

    def release(self, packet_id: int, durable: bool) -> bool:
        """PUBREL: was the id in use?"""
        opened = self._open
        if opened is None or packet_id not in opened:
            return False
        del opened[packet_id]
        if durable:
            self._journal.note(Received(self._key, packet_id, False))
        return True

    def open_ids(self) -> list[int]:
        opened = self._open
        return [] if opened is None else list(opened)
