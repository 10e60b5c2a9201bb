"""Messages leaving a session: the window, packet ids, what waits behind it, and what to send again.

Knows nothing of topics or subscriptions; by now the message has been chosen for us. A packet id stays taken until
PUBACK
or PUBCOMP, also across a reconnect [MQTT-4.4.0-1].

    QoS 1   PUBLISH ->  <- PUBACK                                  taken out of the window
    QoS 2   PUBLISH ->  <- PUBREC  PUBREL ->  <- PUBCOMP           RELEASED from PUBREC on: the message is no longer
    needed
"""

from collections import deque
from typing import Final, final

from myna.core.counters import (
    DROP_EXPIRED,
    DROP_QUEUE_FULL,
    DROP_SLOW_READER,
    DROP_TOO_LARGE,
    Counters,
)
from myna.core.journal import Journal
from myna.core.limits import DROP_OLDEST, Limits
from myna.core.link import Link
from myna.core.message import Message
from myna.core.receiver import SessionKey
from myna.core.records import Queued, Released, Sent, Settled
from myna.wire.encode_publish import encode_ack
from myna.wire.errors import ProtocolViolation
from myna.wire.fields import write_u16

PUBREL_HEADER: Final = 0x62
DUP: Final = 0x08
QOS_BITS: Final = 0x06
QOS_2_BITS: Final = 0x04


@final
class Delivery:
    """One message on its way to one client. `flags` is its first byte; `number` names it to the store."""

    __slots__ = ("flags", "identifiers", "message", "number", "released")

    def __init__(self, message: Message, flags: int, identifiers: list[int] | None, number: int) -> None:
        self.message: Message | None = message
        self.flags = flags
        self.identifiers = identifiers
        self.number = number
        self.released = False


@final
class Outbound:
    __slots__ = (
        "_again",
        "_counters",
        "_journal",
        "_key",
        "_last_id",
        "_last_number",
        "_settled",
        "limits",
        "link",
        "queue",
        "queue_bytes",
        "window",
        "window_bytes",
    )

    def __init__(self, key: SessionKey, limits: Limits, journal: Journal, counters: Counters) -> None:
        self._key = key
        self._journal = journal
        self._counters = counters
        self._last_id = 0
        self._last_number = 0
        self._settled: list[int] | None = None
        self._again: deque[int] | None = None  # ids still to be repeated on this connection
        self.limits = limits
        self.link: Link | None = None
        self.window: dict[int, Delivery] | None = None
        self.queue: deque[Delivery] | None = None
        self.queue_bytes = 0
        self.window_bytes = 0

    # New messages

    def send_now(self, message: Message, flags: int, identifiers: list[int] | None, now: float) -> None:
        """QoS 0 to a connected client: written, or dropped if it does not keep up."""
        link = self.link
        assert link is not None  # callers ask first
        if link.output.is_congested():
            self._counters.drop(DROP_SLOW_READER)
            return
        if message.expires_at != 0.0 and message.is_expired(now):
            self._counters.drop(DROP_EXPIRED)
            return
        if link.plain and identifiers is None:
            if flags == 0x30:
                link.output.write(message.frame(link.form, now))
            else:
                head = message.head(link.form, flags, now)
                link.output.write(head + message.tail(link.form, now))
            self._counters.messages_sent += 1
        else:
            self._write_special(link, message, flags, identifiers, 0, now)

    def send(self, message: Message, flags: int, identifiers: list[int] | None, durable: bool, now: float) -> bool:
        """QoS 1 or 2: into the window and out, or behind those that wait already. False if there was no room."""
        if message.expires_at != 0.0 and message.is_expired(now):
            self._counters.drop(DROP_EXPIRED)
            return True
        number = 0
        if durable:
            self._last_number += 1
            number = self._last_number
        delivery = Delivery(message, flags, identifiers, number)
        packet_id = 0
        link = self.link
        if link is not None and not self.has_waiting() and self._has_room(link):
            packet_id = self._dispatch(link, delivery, now)
        elif not self.enqueue(delivery):
            return False
        if durable:
            self._journal.queued(message, Queued(self._key, number, flags, identifiers, packet_id))
        return True

    def send_run(self, messages: list[Message], flags: int, now: float) -> int:
        """As `send` for messages that never expire, to a plain link and not for the store; says how many went out."""
        link = self.link
        if link is None or self.has_waiting() or not self._has_room(link):
            return 0
        window = self.window
        if window is None:
            window = {}
            self.window = window
        count = max(min(len(messages), link.receive_maximum - len(window)), 0)
        form = link.form
        output = link.output
        packet_id = self._last_id
        for index in range(count):
            message = messages[index]
            packet_id = packet_id + 1 if packet_id < 65_535 else 1
            while packet_id in window:
                packet_id = packet_id + 1 if packet_id < 65_535 else 1
            window[packet_id] = Delivery(message, flags, None, 0)
            self.window_bytes += message.size()
            output.write_parts(message.head(form, flags, now), write_u16(packet_id), message.tail(form, now))
        self._last_id = packet_id
        self._counters.messages_sent += count
        return count

    def enqueue(self, delivery: Delivery) -> bool:
        """Behind all that wait. False if the session's bounds left no place for it."""
        message = delivery.message
        assert message is not None  # only a released one has none, and that is in the window
        queue = self.queue
        if queue is None:
            queue = deque()
            self.queue = queue
        size = message.size()
        while self._is_full(queue, size):
            self._counters.drop(DROP_QUEUE_FULL)
            if not self._makes_way(queue, delivery, size):
                if not queue:
                    self.queue = None
                return False
            self._forget(queue.popleft())
        queue.append(delivery)
        self.queue_bytes += size
        self.flush_settled()  # of those that made way: nobody else may come by for long
        return True

    def refill(self, now: float) -> None:
        """Move what waits into the window, as far as client and connection allow."""
        link = self.link
        if link is None:
            return
        if self._again is not None:
            self._repeat(link, now)
        queue = self.queue
        if queue is None:
            return
        while queue and self._has_room(link):
            delivery = queue.popleft()
            message = delivery.message
            assert message is not None
            self.queue_bytes -= message.size()
            if message.expires_at != 0.0 and message.is_expired(now):
                self._counters.drop(DROP_EXPIRED)
                self._settle(delivery)
            elif delivery.flags & QOS_BITS == 0:
                self.send_now(message, delivery.flags, delivery.identifiers, now)
            else:
                packet_id = self._dispatch(link, delivery, now)
                if delivery.number and packet_id:
                    self._journal.note(Sent(self._key, delivery.number, packet_id))
        if not queue:
            self.queue = None
            self.queue_bytes = 0
        self.flush_settled()

    # Answers

    def acknowledged(self, packet_id: int) -> None:
        """PUBACK. Unknown ids are ignored; an answer of the wrong kind to a known one is an error (§4.3)."""
        window = self.window
        if window is None:
            return
        delivery = window.get(packet_id)
        if delivery is not None:
            if delivery.flags & QOS_BITS == QOS_2_BITS:
                raise ProtocolViolation(f"PUBACK for packet {packet_id} at QoS 2")
            del window[packet_id]
            self._let_go(delivery)
            self._settle(delivery)

    def received(self, packet_id: int, code: int) -> int:
        """PUBREC: the code to answer with in PUBREL, or -1 for no answer."""
        window = self.window
        delivery = None if window is None else window.get(packet_id)
        if window is None or delivery is None:
            return -1 if code >= 0x80 else 0x92  # PACKET_IDENTIFIER_NOT_FOUND, §3.6.2.1
        if delivery.flags & QOS_BITS != QOS_2_BITS:
            raise ProtocolViolation(f"PUBREC for packet {packet_id} at QoS 1")
        if code >= 0x80:  # [MQTT-4.3.3-4]
            del window[packet_id]
            self._let_go(delivery)
            self._settle(delivery)
            return -1
        if not delivery.released:
            delivery.released = True
            self._let_go(delivery)
            if delivery.number:
                self._journal.note(Released(self._key, delivery.number))
        return 0

    def completed(self, packet_id: int) -> None:
        """PUBCOMP. Before PUBREC it answers nothing we have said, which is an error."""
        window = self.window
        if window is None:
            return
        delivery = window.get(packet_id)
        if delivery is not None:
            if not delivery.released:
                raise ProtocolViolation(f"PUBCOMP for packet {packet_id} before PUBREC")
            del window[packet_id]
            self._settle(delivery)

    def flush_settled(self) -> None:
        """Tell the store of the deliveries that are done, all of a batch at once."""
        settled = self._settled
        if settled is not None:
            self._settled = None
            self._journal.note(Settled(self._key, settled))

    # Connections come and go

    def resume(self, link: Link, now: float) -> None:
        """A client is back: repeat what it has not answered, in order, with the ids it had [MQTT-4.4.0-1]."""
        self.link = link
        self._again = deque(self.window) if self.window else None
        if self._again is not None:
            self._repeat(link, now)

    def _repeat(self, link: Link, now: float) -> None:
        """As many as client and connection can take; the rest when there is room. New messages wait for them."""
        window = self.window
        again = self._again
        assert window is not None  # what is to be repeated is in it
        assert again is not None
        while again and len(window) - len(again) < link.receive_maximum and not link.output.is_congested():
            packet_id = again.popleft()
            delivery = window.get(packet_id)
            if delivery is None:
                continue  # acknowledged all the same
            message = delivery.message
            if message is None:
                link.output.write(encode_ack(PUBREL_HEADER, packet_id))  # [MQTT-4.3.3-6]
            elif not self._write(link, message, delivery.flags | DUP, delivery.identifiers, packet_id, now):
                del window[packet_id]
                self._let_go(delivery)
                self._settle(delivery)
        if not again:
            self._again = None

    def has_waiting(self) -> bool:
        """Is there anything that new messages must stay behind?"""
        return self.queue is not None or self._again is not None

    def waiting(self) -> int:
        """Messages that have not been acknowledged or not even been sent."""
        return (0 if self.queue is None else len(self.queue)) + (0 if self.window is None else len(self.window))

    def _has_room(self, link: Link) -> bool:
        window = self.window
        if self._again is not None or (window is not None and len(window) >= link.receive_maximum):
            return False
        bound = self.limits.queue_bytes  # who reads and never acknowledges must not make us keep it all
        return (self.window_bytes < bound or bound == 0) and not link.output.is_congested()

    def _is_full(self, queue: deque[Delivery], size: int) -> bool:
        limits = self.limits
        if limits.queue_messages and len(queue) >= limits.queue_messages:
            return True
        return bool(limits.queue_bytes) and self.queue_bytes + size > limits.queue_bytes

    def _makes_way(self, queue: deque[Delivery], newcomer: Delivery, size: int) -> bool:
        """May the oldest go for this one? At QoS 0 only for its like, and never in vain."""
        limits = self.limits
        if not queue or (limits.queue_bytes and size > limits.queue_bytes):
            return False
        if newcomer.flags & QOS_BITS == 0:
            return limits.queue_qos_0_drops_oldest and queue[0].flags & QOS_BITS == 0
        return limits.queue_policy == DROP_OLDEST

    def _dispatch(self, link: Link, delivery: Delivery, now: float) -> int:
        """Write it under a new packet id; 0 if this client cannot take it, which counts as done [MQTT-3.1.2-25]."""
        window = self.window
        if window is None:
            window = {}
            self.window = window
        packet_id = self._last_id + 1
        if packet_id > 65_535:
            packet_id = 1
        while packet_id in window:
            packet_id = 1 if packet_id == 65_535 else packet_id + 1
        message = delivery.message
        assert message is not None
        if not self._write(link, message, delivery.flags, delivery.identifiers, packet_id, now):
            self._settle(delivery)
            return 0
        self._last_id = packet_id
        window[packet_id] = delivery
        self.window_bytes += message.size()
        return packet_id

    def _write(
        self, link: Link, message: Message, flags: int, identifiers: list[int] | None, packet_id: int, now: float
    ) -> bool:
        if not link.plain or identifiers is not None:
            return self._write_special(link, message, flags, identifiers, packet_id, now)
        form = link.form
        head = message.head(form, flags, now)
        link.output.write_parts(head, write_u16(packet_id), message.tail(form, now))
        self._counters.messages_sent += 1
        return True

    def _write_special(
        self, link: Link, message: Message, flags: int, identifiers: list[int] | None, packet_id: int, now: float
    ) -> bool:
        """For one client alone: its subscription identifiers, its topic aliases, its maximum packet size."""
        aliases = link.aliases
        alias = 0 if aliases is None else aliases.known(message.topic)
        if (alias == 0 and identifiers is None and aliases is None) or link.level < 5:
            head, tail = message.head(link.form, flags, now), message.tail(link.form, now)
        else:
            known = alias != 0
            if aliases is not None and not known:
                alias = aliases.next_free()
            head, tail = message.special_form(flags, identifiers, alias, not known, now)
        middle = write_u16(packet_id) if flags & QOS_BITS else b""
        if len(head) + len(middle) + len(tail) > link.maximum_packet_size:
            self._counters.drop(DROP_TOO_LARGE)
            return False
        if aliases is not None and alias:
            aliases.bind(message.topic, alias)
        link.output.write_parts(head, middle, tail)
        self._counters.messages_sent += 1
        return True

    def _let_go(self, delivery: Delivery) -> None:
        """The message is not needed for a repetition any more."""
        message = delivery.message
        if message is not None:
            self.window_bytes -= message.size()
            delivery.message = None

    def _settle(self, delivery: Delivery) -> None:
        if delivery.number:
            settled = self._settled
            if settled is None:
                settled = []
                self._settled = settled
            settled.append(delivery.number)

    def _forget(self, delivery: Delivery) -> None:
        message = delivery.message
        assert message is not None  # as long as it waits
        self.queue_bytes -= message.size()
        self._settle(delivery)
