"""One MQTT client, outliving its connections: its subscriptions, its queue and window, its will, its end.

Knows the connection only as a Link, and packets not at all. What a newcomer gets wrong: `end` closes the connection and
leaves the session to its expiry, unless it is told to discard it.
"""

from typing import Final, final

from mypy_extensions import i64

from myna.core.broker import Broker
from myna.core.counters import DROP_EXPIRED, DROP_OFFLINE, DROP_SLOW_READER
from myna.core.deadlines import Deadline, Timed
from myna.core.delivery import Delivery
from myna.core.identity import Identity
from myna.core.limits import DROP_SESSION, NEVER
from myna.core.link import Link
from myna.core.message import FORM_5, Message
from myna.core.outbound import Outbound
from myna.core.received import ReceivedIds
from myna.core.receiver import MISSED, TAKEN, Receiver, SessionKey, Subscription
from myna.core.records import SessionForgotten, SessionSaved
from myna.core.retained import Backlog
from myna.core.subscribing import leave
from myna.core.tenant import Tenant
from myna.core.unfinished import hand_over, stored
from myna.core.will import PendingWill
from myna.wire import reasons

FOREVER: Final = float("inf")
SWEEP: Final = 5.0  # seconds between two looks through a queue, and how late an expired message may leave it


@final
class QueueExpiry(Timed):
    """Messages that nobody came for in time leave memory and disk, though nobody asks for them."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def due(self, now: float) -> None:
        self._session.queue_due(now)


@final
class SessionExpiry(Timed):
    def __init__(self, session: "Session") -> None:
        self._session = session

    def due(self, now: float) -> None:
        self._session.expire(now)


@final
class Session(Receiver):
    def __init__(self, broker: Broker, tenant: Tenant, key: SessionKey, identity: Identity, now: float) -> None:
        super().__init__(key, identity)
        self.broker = broker
        self.tenant = tenant
        self.expiry = 0
        self.created_at = now
        self.offline_since = 0.0
        self.link: Link | None = None
        self.outbound = Outbound(key, tenant.limits, broker.journal, broker.counters, broker.queued)
        self.received = ReceivedIds(key, broker.journal)
        self.will: PendingWill | None = None
        self.ended = False
        self.is_known_to_store = False  # to be set by whoever restores it from there
        self._backlog: list[Backlog] | None = None
        self._deadline: Deadline | None = None
        self._queue_deadline: Deadline | None = None

    # As a receiver

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        if subscription.no_local and self._is_own(message):  # [MQTT-3.8.3-3]
            remote = subscription.without_local
            if remote is None:
                return MISSED
            subscription = remote
        qos = message.qos if message.qos < subscription.qos else subscription.qos  # [MQTT-3.8.4-8]
        retain = 1 if message.retain and subscription.retain_as_published else 0
        if qos > 0:
            self._send(message, 0x30 | qos << 1 | retain, subscription.identifiers, now)
        elif self.link is not None:
            self.outbound.send_now(message, 0x30 | retain, subscription.identifiers, now)
        else:
            self._keep_qos_0(message, 0x30 | retain, subscription.identifiers)
        return TAKEN

    def deliver_run(self, messages: list[Message], subscription: Subscription, now: float) -> int:
        qos = min(messages[0].qos, subscription.qos)
        if qos == 0 or not subscription.plain or self.form == 0 or self.is_durable():
            for message in messages:
                self.deliver(message, subscription, now)
            return TAKEN
        sent = self.outbound.send_run(messages, 0x30 | qos << 1, now)
        for message in messages[sent:]:
            self._send(message, 0x30 | qos << 1, None, now)
        return TAKEN

    def deliver_frames(self, frames: bytes, count: i64, now: float) -> None:
        link = self.link
        assert link is not None  # `form` is 0 without one
        if link.output.is_congested():
            self.broker.counters.drop(DROP_SLOW_READER, count)
            return
        link.delivered.sent(0x30, count)
        link.output.write(frames)

    def deliver_retained(self, messages: list[Message], subscription: Subscription, now: float) -> None:
        """What a new subscription must see, with RETAIN set (§3.3.1.3)."""
        # One that subscribes again and again must not pile them up.
        backlog = [part for part in self._backlog or () if part.subscription is not subscription]
        backlog.append(Backlog(messages, subscription))
        self._backlog = backlog
        self._send_backlog(now)

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        if discard:
            self.expiry = 0
        link = self.link
        if link is not None:
            link.disconnect(reason, now, reference=reference, text=text)
        if discard and not self.ended:
            self.discard(reason, now)

    def settled(self, sequence: int) -> None:
        outbound = self.outbound
        if outbound.is_holding():
            outbound.settled(sequence)
            if outbound.is_holding():
                self.broker.await_sequence(self, sequence)
        link = self.link
        if link is not None:
            link.settled(sequence)

    def is_online(self) -> bool:
        return self.link is not None

    def is_ready(self) -> bool:
        link = self.link
        return link is not None and not self.outbound.has_waiting() and not link.output.is_congested()

    def is_persistent(self) -> bool:
        return self.expiry > 0

    def peer_address(self) -> str:
        link = self.link
        return "" if link is None else link.address

    # Connections

    def attach(self, link: Link, now: float) -> None:
        """A connection serves this session from now on; CONNACK has been written."""
        self.cancel_expiry()
        link.delivered = self.tenant.delivered_to(link.form == FORM_5, link.websocket, self.broker.counters)
        self.link = link
        self.form = link.form if link.plain else 0
        self.offline_since = 0.0
        self.outbound.resume(link, now)
        self.pump(now)
        self._await_store()

    def detach(self, keep_will: bool, reason: int, now: float) -> None:
        """The connection is gone. The will is left to its rules, the session to its expiry."""
        self.form = 0
        self.link = None
        self.outbound.detach()
        self.offline_since = now
        self._keep_backlog(now)
        will = self.will
        if will is not None:
            lasts = 0.0 if self.expiry == 0 else FOREVER if self.expiry == NEVER else float(self.expiry)
            if not keep_will or will.connection_ended(lasts, self.is_durable(), now):
                self._forget_will()
        if self.expiry == 0:
            self.discard(reason, now)
            return
        self.save(now)
        if self.expiry != NEVER:
            self._deadline = self.broker.deadlines.add(now + self.expiry, SessionExpiry(self))

    def expire(self, now: float) -> None:
        """Its time has passed without the client [MQTT-4.1.0-2]."""
        self._deadline = None
        self.broker.counters.sessions_expired += 1
        self.discard(reasons.SUCCESS, now)

    def is_overdue(self, now: float) -> bool:
        """Its time has passed, though nobody has looked at the clock yet."""
        if self.link is not None or self.expiry == NEVER or not self.offline_since:
            return False
        return now >= self.offline_since + self.expiry

    def discard(self, reason: int, now: float) -> None:
        """End the session: nothing of it remains but what it has published. A will that waits is published now."""
        if self.ended:
            return
        self.ended = True
        self.expiry = 0  # nothing that still comes its way is kept
        self.cancel_expiry()
        will = self.will
        if will is not None:
            self.will = None
            will.publish(now)  # [MQTT-3.1.2-8]: the session ends before the delay has passed
        held = list(self.subscriptions.values())
        for subscription in held:
            leave(self.broker, self.tenant, subscription, now)
        self.subscriptions.clear()
        self.tenant.leave(self)
        hand_over(self.broker, self.tenant, self.outbound, held, reason, now)  # before the store forgets it
        self._note(now)
        self.outbound.abandon()
        if self._queue_deadline is not None:
            self._queue_deadline.cancel()
            self._queue_deadline = None
        self.broker.watcher.session_ended(self, reason, now)

    def set_will(self, will: PendingWill | None) -> None:
        """The will of a new connection. An old one that still waits is called off [MQTT-3.1.3-9]."""
        before = self.will
        if before is not None:
            before.cancel()
            if will is None:
                before.forget()
        self.will = will
        if will is not None and self.is_durable():
            will.store(0.0)

    def save(self, now: float) -> int:
        """Tell the store that the session exists and how long; what to await, or 0."""
        return self._note(now)

    def restored(self, expiry: int, offline_since: float, now: float) -> None:
        """It comes from the store: its expiry runs on from when its client was last there."""
        self.is_known_to_store = True
        self.expiry = expiry
        self.offline_since = offline_since
        if expiry != NEVER:
            self._deadline = self.broker.deadlines.add(offline_since + expiry, SessionExpiry(self))

    def expect_expiry(self, at: float, now: float) -> None:
        """Look through the queue then, but not all the time."""
        self._queue_deadline = self.broker.deadlines.add(max(at, now) + SWEEP, QueueExpiry(self))

    def queue_due(self, now: float) -> None:
        self._queue_deadline = None
        at = self.outbound.drop_expired(now)
        if at:
            self.expect_expiry(at, now)

    def cancel_expiry(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def is_durable(self) -> bool:
        return self.expiry > 0 and self.broker.journal.durable

    # Sending

    def has_waiting(self) -> bool:
        return self.outbound.has_waiting() or self._backlog is not None

    def pump(self, now: float) -> None:
        """After a batch from the client, or when it has caught up: move what waits."""
        outbound = self.outbound
        if outbound.has_waiting():
            outbound.refill(now)
        if self._backlog is not None:
            self._send_backlog(now)
        outbound.flush_settled()
        self._await_store()

    def _send(self, message: Message, flags: int, identifiers: list[int] | None, now: float) -> None:
        if self.ended:
            return  # while the message was being delivered to others
        kept = self.outbound.send(message, flags, identifiers, self.is_durable(), now)
        self._await_store()
        if self._queue_deadline is None and message.expires_at != 0.0:
            self.expect_expiry(message.expires_at, now)
        if not kept and self.tenant.limits.queue_policy == DROP_SESSION:
            self.end(reasons.QUOTA_EXCEEDED, now, discard=True, text="the session's queue is full")

    def _keep_qos_0(self, message: Message, flags: int, identifiers: list[int] | None) -> None:
        """QoS 0 for a client that is away: dropped and counted, or queued where the tenant asks for it."""
        limits = self.tenant.limits
        if not limits.queue_qos_0 or self.expiry == 0:
            self.broker.counters.drop(DROP_OFFLINE)
        else:
            self.outbound.enqueue(Delivery(message, flags, identifiers, 0))

    def _send_backlog(self, now: float) -> None:
        backlog = self._backlog
        while backlog:
            first = backlog[0]
            while first.position < len(first.messages) and first.subscription.text in self.subscriptions:
                link = self.link
                if link is None or link.output.is_congested() or self.outbound.has_waiting():
                    return
                message = first.messages[first.position]
                first.position += 1
                self._send_retained(message, first.subscription, now)
            backlog.pop(0)
        self._backlog = None

    def _send_retained(self, message: Message, subscription: Subscription, now: float) -> None:
        current = self.tenant.retained.get(message.topic)
        if current is not message:
            if current is None or self._is_queued_anyway(current, subscription, now):
                return
            message = current
        if message.is_expired(now):
            self.broker.counters.drop(DROP_EXPIRED)
            return
        qos = message.qos if message.qos < subscription.qos else subscription.qos
        if qos == 0:
            self.outbound.send_now(message, 0x31, subscription.identifiers, now)
            return
        self._send(message, 0x31 | qos << 1, subscription.identifiers, now)
        self.broker.journal.close()

    def _is_queued_anyway(self, current: Message, subscription: Subscription, now: float) -> bool:
        """Of a message that replaced a retained one meanwhile: has the client had it, or will have it, as a live one?

        At QoS 0 it may have been dropped, since a client that still waits for retained messages does not keep up.
        """
        if current.qos > 0 and subscription.qos > 0:
            return True
        guard = self.tenant.router.guard_of(current.topic)
        return guard is not None and not guard.delivering(current, self, subscription, now)

    def _keep_backlog(self, now: float) -> None:
        """Retained messages at QoS 1 and 2 that were not sent in time become part of the session's queue."""
        backlog = self._backlog
        self._backlog = None
        if backlog is None or self.expiry == 0:
            return
        for part in [held for held in backlog if held.subscription.text in self.subscriptions]:
            for message in part.messages[part.position :]:
                if message.qos > 0 and part.subscription.qos > 0:
                    self._send_retained(message, part.subscription, now)

    def _is_own(self, message: Message) -> bool:
        origin = message.origin
        if origin.sender is not None:
            return origin.sender is self
        tenant, scope, client_id = self.key  # an API's caller who names this client as itself
        return origin.client_id == client_id and origin.tenant == tenant and scope in ("", origin.user)

    def _await_store(self) -> None:
        if self.outbound.is_holding():
            self.broker.await_sequence(self, 0)

    def _forget_will(self) -> None:
        will = self.will
        self.will = None
        if will is not None:
            will.forget()

    def noted_so_far(self) -> int:
        """What to await before a client is told anything that this session's store must not contradict."""
        return self.broker.journal.store.sequence if self.is_durable() else 0

    def _places(self) -> list[int]:
        self.outbound.flush_settled()
        return [delivery.place for _, delivery in stored(self.outbound)]

    def _note(self, now: float) -> int:
        """What the store has to know: nothing of a session that ends with its connection."""
        journal = self.broker.journal
        if not self.is_durable():
            if not self.is_known_to_store:
                return 0
            self.is_known_to_store = False
            journal.close()
            return journal.note(SessionForgotten(self.key, self._places()))
        self.is_known_to_store = True
        identity = self.identity
        kept = identity.remembrance()
        return journal.note(SessionSaved(self.key, identity.user, kept, self.expiry, self.offline_since))
