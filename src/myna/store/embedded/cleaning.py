"""Writing old journal rows anew, so that a few long-lived messages do not keep a large dead file alive.

Always the oldest row first: answers in it can only belong to rows that are gone, so nothing but its open deliveries
has to be carried over. Whose they are the core knows; a row is only read for the bytes of messages. What a newcomer
gets wrong: the new place and the removal of the old row are one commit, as all of this happens within one batch.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from myna.core.broker import Broker
from myna.core.delivery import Delivery
from myna.core.record_codec import DamagedRecord, encode_part, enqueued_of
from myna.core.records import SessionKey
from myna.core.replay import StoredMessage, stored_messages
from myna.core.restoring import stored_deliveries
from myna.store.embedded.layout import JOURNAL_HEADER
from myna.store.embedded.ledger import Ledger

log = logging.getLogger("myna.store")

WASTE_FROM: Final = 4 * 1024 * 1024  # a smaller journal is left alone
MANY_ROWS: Final = 20_000  # a trickle makes a row per message; from here on small ones are put together
SMALL_ROW: Final = 8 * 1024


class Cleaned(Protocol):
    """The store, as its cleaner sees it."""

    ledger: Ledger
    keys: dict[int, SessionKey]
    path: Path

    def row(self, row: int) -> bytes | None: ...
    def rewrite(self, record: bytes, parts: int) -> int: ...


Open = tuple[int, int, Delivery]  # session, packet id or 0, delivery


def is_wasteful(ledger: Ledger) -> bool:
    """Is most of the journal dead, or in too many pieces?"""
    if len(ledger.rows) > MANY_ROWS and ledger.size < len(ledger.rows) * SMALL_ROW:
        return True
    return ledger.size > WASTE_FROM and ledger.live * 2 < ledger.parts


def clean_oldest(store: Cleaned, broker: Broker) -> bool:
    """Carry over what is open in the oldest row, and drop it. False if there is none that could be read."""
    row = next(iter(store.ledger.rows), 0)
    if row == 0:
        return False
    if store.ledger.rows[row].live:
        body = store.row(row)
        if body is None:
            return False
        try:
            messages = stored_messages(body, JOURNAL_HEADER)
        except DamagedRecord as error:
            log.error("%s: commit %d cannot be cleaned: %s", store.path, row, error)
            return False
        found = open_deliveries(store, broker, row, messages)
        for message in messages:
            _carry_over(store, body, message, found.get(row << 32 | message.at))
    elif not store.ledger.rows[row].size:
        return False
    store.ledger.drop(row)
    return True


def open_deliveries(
    store: Cleaned, broker: Broker, row: int, messages: Iterable[StoredMessage]
) -> dict[int, list[Open]]:
    """By their places, the deliveries of a row that their sessions still wait with."""
    found: dict[int, list[Open]] = {}
    for number in {session for message in messages for session in message.sessions}:
        key = store.keys.get(number)
        if key is not None:
            for packet_id, delivery in stored_deliveries(broker, key, row):
                found.setdefault(delivery.place, []).append((number, packet_id, delivery))
    return found


def _carry_over(store: Cleaned, body: bytes, message: StoredMessage, waiting: list[Open] | None) -> None:
    if waiting is None:
        return
    parts = b"".join(
        [
            encode_part(session, held.number, held.flags, held.identifiers, packet_id, held.released)
            for session, packet_id, held in waiting
        ]
    )
    place = store.rewrite(enqueued_of(parts, body[message.message_at : message.end]), len(waiting))
    for _, _, delivery in waiting:
        delivery.place = place
