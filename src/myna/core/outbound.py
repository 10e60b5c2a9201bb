"""Messages leaving a session: the window, packet ids, what waits behind it, and what to send again.

Knows nothing of topics or subscriptions; by now the message has been chosen for us. A packet id stays taken until
PUBACK or PUBCOMP, also across a reconnect [MQTT-4.4.0-1].

    QoS 1   PUBLISH ->  <- PUBACK                             taken out of the window
    QoS 2   PUBLISH ->  <- PUBREC  PUBREL ->  <- PUBCOMP      RELEASED from PUBREC on: the message is no longer needed

At QoS 2 a PUBLISH that is stored leaves only when that is safe: its packet id must not stand for another message after
a restart, for the client would take that for the repetition and drop it. At QoS 1 it leaves at once.
"""

from typing import Final, final

from myna.core.counters import DROP_EXPIRED, DROP_MEMORY, DROP_QUEUE_FULL, DROP_SLOW_READER, DROP_TOO_LARGE, Counters
from myna.core.delivery import DUP, QOS_2_BITS, QOS_BITS, Delivery
from myna.core.held import HeldPackets
from myna.core.journal import Journal
from myna.core.limits import Limits
from myna.core.link import Link
from myna.core.message import Message
from myna.core.queue import Queue, QueueMemory
from myna.core.receiver import SessionKey
from myna.core.records import Queued, Released, Sent
from myna.core.repetition import Repetition
from myna.core.settlements import Settlements
from myna.core.special_form import special_form
from myna.wire.encode_publish import encode_ack
from myna.wire.errors import ProtocolViolation
from myna.wire.fields import write_u16

PUBREL_HEADER: Final = 0x62


@final
class Outbound:
    __slots__ = (
        "_again",
        "_counters",
        "_held",
        "_journal",
        "_key",
        "_memory",
        "_settlements",
        "last_id",
        "last_number",
        "limits",
        "link",
        "queue",
        "window",
        "window_bytes",
    )

    def __init__(
        self, key: SessionKey, limits: Limits, journal: Journal, counters: Counters, memory: QueueMemory
    ) -> None:
        self._key = key
        self._memory = memory
        self._journal = journal
        self._counters = counters
        self.last_id = 0
        self.last_number = 0
        self._settlements = Settlements(key, journal)
        self._held: HeldPackets | None = None
        self._again: Repetition | None = None
        self.limits = limits
        self.link: Link | None = None
        self.window: dict[int, Delivery] | None = None
        self.queue: Queue | None = None
        self.window_bytes = 0

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
            link.delivered.sent(flags, 1)
        else:
            self._write_special(link, message, flags, identifiers, 0, 0, now)

    def send(self, message: Message, flags: int, identifiers: list[int] | None, durable: bool, now: float) -> bool:
        """QoS 1 or 2: into the window and out, or behind those that wait already. False if there was no room."""
        if message.expires_at != 0.0 and message.is_expired(now):
            self._counters.drop(DROP_EXPIRED)
            return True
        number = 0
        if durable:
            self.last_number += 1
            number = self.last_number
        delivery = Delivery(message, flags, identifiers, number)
        packet_id = 0
        link = self.link
        if link is not None and not self.has_waiting() and self._has_room(link):
            packet_id = self._dispatch(link, delivery, now)
            if packet_id == 0:
                return True  # nothing is left to remember
        elif not self.enqueue(delivery):
            return False
        if durable:
            part = Queued(self._key, number, flags, identifiers, packet_id)
            self._journal.queued(message, part, delivery)
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
        packet_id = self.last_id
        for index in range(count):
            message = messages[index]
            packet_id = packet_id + 1 if packet_id < 65_535 else 1
            while packet_id in window:
                packet_id = packet_id + 1 if packet_id < 65_535 else 1
            window[packet_id] = Delivery(message, flags, None, 0)
            self.window_bytes += message.size()
            output.write_parts(message.head(form, flags, now), write_u16(packet_id), message.tail(form, now))
        self.last_id = packet_id
        link.delivered.sent(flags, count)
        return count

    def enqueue(self, delivery: Delivery) -> bool:
        """Behind all that wait. False if the session's bounds left no place for it."""
        queue = self.queue
        if queue is None:
            queue = Queue(self._memory)
            self.queue = queue
        while not queue.has_room(delivery.size, self.limits) or queue.is_crowded_out(delivery):
            self._counters.drop(DROP_MEMORY if queue.is_crowded_out(delivery) else DROP_QUEUE_FULL)
            if not queue.makes_way(delivery, self.limits):
                if len(queue) == 0:
                    self.queue = None
                return False
            self._settlements.add(queue.take())
            self._settlements.flush_later()
        queue.add(delivery)
        return True

    def drop_expired(self, now: float) -> float:
        """Take out of the queue what has outlived its time; says when the next one will have, or 0."""
        queue = self.queue
        if queue is None:
            return 0.0
        gone = queue.take_expired(now)
        if gone:
            self._counters.drop(DROP_EXPIRED, len(gone))
            for delivery in gone:
                self._settlements.add(delivery)
            self.flush_settled()
        at = queue.next_expiry()
        if len(queue) == 0:
            self.queue = None
        return at

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
        self._journal.close()
        numbers: list[int] = []
        packet_ids: list[int] = []
        places: list[int] = []
        pages = 0
        while len(queue) and self._has_room(link):
            message = queue.first().message
            if message is None:
                if pages and numbers:
                    break  # these go first; once they are written the session is pumped again
                message = queue.fetch(self._journal.store)
                if message is None:
                    break  # the store has said why; it is tried again when the session is pumped
                pages += 1
            delivery = queue.take()
            if message.expires_at != 0.0 and message.is_expired(now):
                self._counters.drop(DROP_EXPIRED)
                self._settlements.add(delivery)
            elif delivery.flags & QOS_BITS == 0:
                self.send_now(message, delivery.flags, delivery.identifiers, now)
            else:
                packet_id = self._dispatch(link, delivery, now)
                if packet_id == 0:
                    self._settlements.add(delivery)
                elif delivery.number:
                    numbers.append(delivery.number)
                    packet_ids.append(packet_id)
                    places.append(delivery.place)
        if len(queue) == 0:
            self.queue = None
        if numbers:
            self._journal.note(Sent(self._key, numbers, packet_ids, places))
        self.flush_settled()

    def acknowledged(self, packet_id: int) -> None:
        """PUBACK. Unknown ids are ignored; an answer of the wrong kind to a known one is an error (§4.3)."""
        window = self.window
        if window is None:
            return
        delivery = window.get(packet_id)
        if delivery is not None:
            if delivery.flags & QOS_BITS == QOS_2_BITS:
                raise ProtocolViolation(f"PUBACK for packet {packet_id} at QoS 2")
            self._end(window, packet_id, delivery)

    def received(self, packet_id: int, code: int) -> int:
        """PUBREC: the code to answer with in PUBREL, or -1 for no answer."""
        window = self.window
        delivery = None if window is None else window.get(packet_id)
        if window is None or delivery is None:
            return -1 if code >= 0x80 else 0x92  # PACKET_IDENTIFIER_NOT_FOUND, §3.6.2.1
        if delivery.flags & QOS_BITS != QOS_2_BITS:
            raise ProtocolViolation(f"PUBREC for packet {packet_id} at QoS 1")
        if code >= 0x80:  # [MQTT-4.3.3-4]
            self._end(window, packet_id, delivery)
            return -1
        if not delivery.released:
            delivery.released = True
            if delivery.number:
                self._journal.close()
                self._journal.note(Released(self._key, delivery.number, delivery.place))
            self._let_go(delivery)
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
            self._end(window, packet_id, delivery)

    def flush_settled(self) -> None:
        """Tell the store of the deliveries that are done, all of a batch at once."""
        self._settlements.flush_settled()

    def settled(self, sequence: int) -> None:
        """What was stored up to here is safe: packets that waited for it leave."""
        link = self.link
        if link is not None and self._held is not None and self._held.settled(sequence, link.output):
            self._held = None

    def is_holding(self) -> bool:
        return self._held is not None

    def detach(self) -> None:
        """The connection is gone. What was held for it is in the window, and repeated from there."""
        self.link = None
        self._held = None
        self._again = None
        self.flush_settled()
        if self.queue is not None:
            self.queue.cool()

    def resume(self, link: Link, now: float) -> None:
        """A client is back: repeat what it has not answered, in order, with the ids it had [MQTT-4.4.0-1]."""
        self.link = link
        self._again = Repetition(self.window) if self.window else None
        if self._again is not None:
            self._repeat(link, now)

    def _repeat(self, link: Link, now: float) -> None:
        """As many as client and connection can take; the rest when there is room. New messages wait for them."""
        window = self.window
        again = self._again
        assert window is not None  # what is to be repeated is in it
        assert again is not None
        while len(again) and len(window) - len(again) < link.receive_maximum and not link.output.is_congested():
            packet_id = again.next()
            delivery = window[packet_id]
            message = delivery.message
            until = self._journal.store.sequence if delivery.leaves_stored() else 0
            if delivery.released or message is None:
                self._put(link, encode_ack(PUBREL_HEADER, packet_id), b"", b"", until)
            elif not self._write(link, message, delivery, DUP, packet_id, until, now):
                self._end(window, packet_id, delivery)
        if not len(again):
            self._again = None

    def has_waiting(self) -> bool:
        """Is there anything that new messages must stay behind?"""
        return self.queue is not None or self._again is not None

    def waiting(self) -> int:
        """Messages that have not been acknowledged or not even been sent."""
        return (0 if self.queue is None else len(self.queue)) + (0 if self.window is None else len(self.window))

    def abandon(self) -> None:
        """The session is over."""
        self.window = None
        self.window_bytes = 0
        if self.queue is not None:
            self.queue.abandon()
            self.queue = None
        self._held = self._again = None

    def _end(self, window: dict[int, Delivery], packet_id: int, delivery: Delivery) -> None:
        """The client has it, or will not have it."""
        del window[packet_id]
        if self._again is not None:
            self._again.answered(packet_id)
        self._let_go(delivery)
        self._settlements.add(delivery)

    def _has_room(self, link: Link) -> bool:
        window = self.window
        if self._again is not None or (window is not None and len(window) >= link.receive_maximum):
            return False
        bound = self.limits.queue_bytes  # who reads and never acknowledges must not make us keep it all
        return (self.window_bytes < bound or bound == 0) and not link.output.is_congested()

    def _dispatch(self, link: Link, delivery: Delivery, now: float) -> int:
        """Write it under a new packet id; 0 if this client cannot take it, which counts as done [MQTT-3.1.2-25]."""
        window = self.window
        if window is None:
            window = {}
            self.window = window
        packet_id = self.last_id % 65_535 + 1
        while packet_id in window:
            packet_id = packet_id % 65_535 + 1
        message = delivery.message
        assert message is not None
        until = self._journal.next_for(message) if delivery.leaves_stored() else 0
        if not self._write(link, message, delivery, 0, packet_id, until, now):
            return 0
        delivery.flags &= ~DUP  # a restored one bears it for its first repetition
        self.last_id = packet_id
        window[packet_id] = delivery
        self.window_bytes += message.size()
        return packet_id

    def _put(self, link: Link, head: bytes, middle: bytes, tail: bytes, until: int) -> None:
        """Write a packet, once everything up to `until` is safe."""
        held = self._held
        if held is None:
            if until <= self._journal.store.committed:
                link.output.write_parts(head, middle, tail)
                return
            held = HeldPackets()
            self._held = held
        held.hold(head + middle + tail, until)

    def _write(
        self, link: Link, message: Message, delivery: Delivery, dup: int, packet_id: int, until: int, now: float
    ) -> bool:
        flags = delivery.flags | dup
        if not link.plain or delivery.identifiers is not None:
            return self._write_special(link, message, flags, delivery.identifiers, packet_id, until, now)
        form = link.form
        head = message.head(form, flags, now)
        if until == 0 and self._held is None:
            link.output.write_parts(head, write_u16(packet_id), message.tail(form, now))
        else:
            self._put(link, head, write_u16(packet_id), message.tail(form, now), until)
        link.delivered.sent(flags, 1)
        return True

    def _write_special(
        self, link: Link, message: Message, flags: int, ids: list[int] | None, packet_id: int, until: int, now: float
    ) -> bool:
        at_once = until == 0 and self._held is None
        parts = special_form(link, message, flags, ids, packet_id, at_once, now)
        if parts is None:
            self._counters.drop(DROP_TOO_LARGE)
            return False
        self._put(link, parts[0], parts[1], parts[2], until)
        link.delivered.sent(flags, 1)
        return True

    def _let_go(self, delivery: Delivery) -> None:
        """The message is not needed for a repetition any more."""
        if delivery.message is not None:
            self.window_bytes -= delivery.size
            delivery.message = None
