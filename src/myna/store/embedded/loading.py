"""Start-up: everything is read and checked first, and only then given to the broker.

Tables say which sessions there are and what they hold; the journal says what waits for them. What a newcomer gets
wrong: anything that does not check out ends the start. A broker that went on without it would lose what it had
acknowledged, and nobody would know.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from myna.core.broker import Broker
from myna.core.delivery import Delivery
from myna.core.identity import remembered
from myna.core.message import Message
from myna.core.outbox import OUTBOXES
from myna.core.record_codec import (
    DamagedRecord,
    SavedSession,
    decode_message,
    decode_session,
    decode_will,
    message_of_record,
    unseal,
)
from myna.core.records import WillSet
from myna.core.replay import Replay, Waiting
from myna.core.restoring import (
    restore_outbox,
    restore_queue,
    restore_received,
    restore_retained,
    restore_session,
    restore_subscriptions,
    restore_will,
)
from myna.core.session import Session
from myna.store.embedded.layout import JOURNAL_HEADER, RECORDS_VERSION, StoreError, damaged, explain
from myna.store.embedded.ledger import Ledger, Row
from myna.store.embedded.reading import Reader, is_sound

log = logging.getLogger("myna.store")


@dataclass(slots=True)
class FoundSession:
    number: int
    saved: SavedSession
    subscriptions: list[tuple[str, bytes]] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    will: WillSet | None = None
    waiting: Waiting | None = None


@dataclass(slots=True)
class Found:
    """All that a file holds."""

    sessions: list[FoundSession] = field(default_factory=list)
    retained: list[tuple[str, Message]] = field(default_factory=list)
    kept: list[tuple[str, str, bytes]] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    last_session: int = 0
    last_row: int = 0
    skew: float = 0.0


def load(path: Path, connection: sqlite3.Connection, clock: float) -> Found:
    """Read and check the whole file."""
    try:
        return _load(connection, clock)
    except DamagedRecord as error:
        raise StoreError(damaged(path, str(error))) from error
    except sqlite3.Error as error:
        raise StoreError(explain(path, error)) from error


def _load(connection: sqlite3.Connection, clock: float) -> Found:
    found = Found()
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    found.skew = max(0.0, float(meta.get("time", 0.0)) - clock)
    found.last_session = int(meta.get("session", 0))
    by_number: dict[int, FoundSession] = {}
    for number, body in connection.execute("SELECT id, body FROM sessions ORDER BY id"):
        with _naming("session", number):
            by_number[number] = FoundSession(number, decode_session(body, found.skew))
    found.sessions = list(by_number.values())
    for number, text, body in connection.execute("SELECT session, text, body FROM subscriptions"):
        owner = _owner(by_number, number, "subscriptions")
        with _naming("a subscription of session", number):
            owner.subscriptions.append((text, unseal(body)))
    for number, packet in connection.execute("SELECT session, packet FROM received"):
        _owner(by_number, number, "received").received.append(packet)
    for number, body in connection.execute("SELECT session, body FROM wills"):
        owner = _owner(by_number, number, "wills")
        with _naming("the will of session", number):
            owner.will = decode_will(owner.saved.key, body, found.skew)
    for tenant, topic, body in connection.execute("SELECT tenant, topic, body FROM retained"):
        with _naming("the retained message of", (tenant, topic)):
            plain = unseal(body)
            found.retained.append((tenant, decode_message(plain, 0, len(plain), found.skew, tenant)))
    for space, name, body in connection.execute("SELECT space, name, body FROM kept"):
        with _naming("the setting", (space, name)):
            found.kept.append((space, name, unseal(body)))
    _replay(connection, found, by_number)
    return found


@contextmanager
def _naming(what: str, which: object) -> Iterator[None]:
    """Damage in here is reported with the name of the thing."""
    try:
        yield
    except DamagedRecord as error:
        raise DamagedRecord(f"{what} {which!r}: {error}") from error


def _owner(by_number: dict[int, FoundSession], number: int, table: str) -> FoundSession:
    owner = by_number.get(number)
    if owner is None:
        raise DamagedRecord(f"{table} names session {number}, which is not there")
    return owner


def _replay(connection: sqlite3.Connection, found: Found, by_number: dict[int, FoundSession]) -> None:
    replay = Replay(found.skew)
    for number, session in by_number.items():
        waiting = Waiting(session.saved.key[0], session.saved.offline_since <= 0.0)
        session.waiting = waiting
        replay.sessions[number] = waiting
    sizes: dict[int, int] = {}
    for row, body in connection.execute("SELECT id, body FROM journal ORDER BY id"):
        if not is_sound(body) or body[0] != RECORDS_VERSION:
            raise DamagedRecord(f"the checksum of commit {row} is wrong")
        replay.blob(row, body, JOURNAL_HEADER)
        sizes[row] = len(body)
        found.last_row = row
    found.ledger = _account(replay, sizes)


def _account(replay: Replay, sizes: dict[int, int]) -> Ledger:
    """The ledger as it would be had it been kept all along."""
    ledger = Ledger()
    for row, size in sizes.items():
        ledger.rows[row] = Row(replay.parts[row], replay.live[row], size)
        ledger.size += size
        ledger.parts += replay.parts[row]
        ledger.live += replay.live[row]
    for row, others in replay.refers.items():
        ledger.refer(row, [other << 32 for other in others])
    for row in sizes:
        ledger.over_row(row)
    return ledger


def put_back(found: Found, broker: Broker, reader: Reader, now: float) -> None:
    """Give it all to the broker. Wills last: they are published to the sessions."""
    for space, name, value in found.kept:
        broker.kept.restore(space, name, value)
    broker.bans.restore(now)
    for tenant, message in found.retained:
        restore_retained(broker, tenant, message)
    restored: list[tuple[FoundSession, Session]] = []
    for held in found.sessions:
        if held.saved.key[0] == OUTBOXES:
            _put_back_outbox(held, broker)
        else:
            restored.append((held, _put_back_session(held, broker, reader, found.skew, now)))
    for held, session in restored:
        will = held.will
        if will is not None and will.message is not None:
            restore_will(broker, session, will.message, will.delay, will.due, will.lifetime, now)


def _put_back_session(held: FoundSession, broker: Broker, reader: Reader, skew: float, now: float) -> Session:
    saved = held.saved
    tenant, scope, client_id = saved.key
    identity = remembered(tenant, saved.user, scope, client_id, saved.attributes)
    session = restore_session(broker, saved.key, identity, saved.expiry, saved.offline_since, now)
    restore_subscriptions(broker, session, held.subscriptions, now)
    restore_received(session, held.received)
    waiting = held.waiting
    if waiting is not None and waiting.last_number:
        window = waiting.window()
        _warm(window, reader, skew, tenant)
        restore_queue(session, window, waiting.queue(), waiting.last_number, now)
    held.waiting = None
    return session


def _put_back_outbox(held: FoundSession, broker: Broker) -> None:
    """In the file it is a session without a client."""
    waiting = held.waiting
    assert waiting is not None  # every session that was found has one
    restore_outbox(broker, held.saved.key, waiting.queue(), waiting.last_number)
    held.waiting = None


def _warm(window: dict[int, Delivery], reader: Reader, skew: float, tenant: str) -> None:
    """What has been sent must be at hand, for it is repeated as soon as the client is back."""
    for delivery in window.values():
        if delivery.message is None and not delivery.released:
            record = reader.record(delivery.place)
            if record is None:
                raise StoreError("a message that was sent and not acknowledged cannot be read; see the log")
            delivery.message = message_of_record(record, skew, tenant)
