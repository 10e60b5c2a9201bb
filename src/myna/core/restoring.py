"""Putting back what a store remembers, before anybody connects: sessions, what waits for them, their wills, outboxes.

Nothing is judged or limited here: it was when it was accepted. What a newcomer gets wrong: nothing may be published
until all sessions are back, so wills that are due fire with the first tick.
"""

from collections import deque

from myna.core.broker import Broker
from myna.core.delivery import Delivery
from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.outbox import OUTBOXES
from myna.core.queue import Queue
from myna.core.receiver import SessionKey, Subscription
from myna.core.record_codec import decode_subscription
from myna.core.records import SessionSaved
from myna.core.session import Session
from myna.core.subscribing import restore
from myna.core.unfinished import stored
from myna.core.will import PendingWill


def restore_session(
    broker: Broker, key: SessionKey, identity: Identity, expiry: int, offline_since: float, now: float
) -> Session:
    """A session without its client. One that was connected when the broker ended has been left by it now."""
    tenant = broker.tenant(key[0])
    session = Session(broker, tenant, key, identity, now)
    session.created_at = 0.0  # nobody has written that down
    session.restored(expiry, abs(offline_since) if offline_since != 0.0 else now, now)
    tenant.enter(session)
    if offline_since == 0.0:  # or its time would begin again with each restart
        broker.journal.note(SessionSaved(key, identity.user, identity.remembrance(), expiry, -now))
    return session


def restore_subscriptions(broker: Broker, session: Session, rows: list[tuple[str, bytes]], now: float) -> None:
    """As they were granted; guards are asked anew."""
    for text, body in rows:
        saved = decode_subscription(session.key, text, body)
        subscription = Subscription(
            session,
            text,
            saved.filter,
            saved.qos,
            saved.no_local,
            saved.retain_as_published,
            saved.retain_handling,
            saved.identifiers,
        )
        subscription.dormant = saved.dormant
        restore(broker, session, subscription, now)


def restore_queue(
    session: Session, window: dict[int, Delivery], queue: deque[Delivery], last_number: int, now: float
) -> None:
    outbound = session.outbound
    outbound.last_number = last_number
    for packet_id, delivery in window.items():
        outbound.last_id = packet_id  # the newest comes last
        if delivery.message is not None:
            outbound.window_bytes += delivery.size
    if window:
        outbound.window = window
    if queue:
        outbound.queue = Queue(session.broker.queued)
        outbound.queue.restore(queue)
    session.queue_due(now)


def restore_outbox(broker: Broker, key: SessionKey, waiting: deque[Delivery], last_number: int) -> None:
    """What waits to be carried elsewhere; whoever carries it opens the outbox by its name."""
    broker.outboxes.restore(key[2], waiting, last_number)


def stored_deliveries(broker: Broker, key: SessionKey, row: int) -> list[tuple[int, Delivery]]:
    """What a session or an outbox has in this row of the store, with packet ids; 0 for what has not been sent."""
    if key[0] == OUTBOXES:
        outbox = broker.outboxes.find(key[2])
        return [] if outbox is None else [(0, held) for held in outbox.stored(row)]
    session = broker.session(key[0], key[1], key[2])
    if not isinstance(session, Session):
        return []
    return [(packet_id, held) for packet_id, held in stored(session.outbound) if held.place >> 32 == row]


def restore_received(session: Session, packet_ids: list[int]) -> None:
    """QoS 2 packet ids the client has used and not yet released."""
    for packet_id in packet_ids:
        session.received.begin(packet_id, False)


def restore_retained(broker: Broker, name: str, message: Message) -> None:
    """A topic's retained message; one that has expired meanwhile goes with the first tick."""
    broker.retaining.restore(broker.tenant(name), message)


def restore_will(
    broker: Broker, session: Session, message: Message, delay: int, due: float, lifetime: float, now: float
) -> None:
    """A will that waits goes on waiting; one whose client was connected begins to."""
    will = PendingWill(broker, session.key, message, delay, lifetime)
    session.will = will
    will.restored(due, now)
