"""What a journal says waits for each session: its records are read from the oldest on, and what is left at the end
counts.

A blob is what one commit has written; `live` is how many of its deliveries are still open, `refers` which older blobs
its answers belong to. What a newcomer gets wrong: an answer to a delivery that is not there is no error. Its blob has
been dropped, and the answer has outlived it.
"""

from collections import deque
from typing import final

from myna.core.delivery import DUP, QOS_2_BITS, QOS_BITS, WARM_BYTES, WARM_MESSAGES, Delivery
from myna.core.record_codec import (
    ENQUEUED,
    HAS_EXPIRY,
    HEADER,
    PART_IDENTIFIERS,
    PART_RELEASED,
    RELEASED,
    SENT,
    SETTLED,
    DamagedRecord,
    decode_message,
    read_varint,
)


@final
class Waiting:
    """One session's deliveries by their numbers."""

    __slots__ = ("deliveries", "last_number", "packet_ids", "tenant", "was_online")

    def __init__(self, tenant: str, was_online: bool) -> None:
        self.tenant = tenant
        self.was_online = was_online
        self.deliveries: dict[int, Delivery] = {}
        self.packet_ids: dict[int, int] = {}
        self.last_number = 0

    def window(self) -> dict[int, Delivery]:
        """What has been sent and not been answered, by packet id, the oldest first."""
        found: dict[int, Delivery] = {}
        for number in sorted(self.packet_ids):
            delivery = self.deliveries.get(number)
            if delivery is not None:
                found[self.packet_ids[number]] = delivery
        return found

    def queue(self) -> deque[Delivery]:
        """What has not been sent, in order; the first of it in memory and the rest in the store."""
        waiting: deque[Delivery] = deque()
        size = 0
        for number in sorted(self.deliveries):
            if number not in self.packet_ids:
                delivery = self.deliveries[number]
                size += delivery.size
                if len(waiting) >= WARM_MESSAGES or size > WARM_BYTES:
                    delivery.message = None
                if self.was_online:
                    delivery.flags |= DUP
                waiting.append(delivery)
        return waiting


@final
class Replay:
    def __init__(self, skew: float) -> None:
        self.sessions: dict[int, Waiting] = {}
        self.live: dict[int, int] = {}
        self.parts: dict[int, int] = {}
        self.refers: dict[int, set[int]] = {}
        self._skew = skew
        self._blob = 0

    def blob(self, blob: int, buffer: bytes, start: int) -> None:
        """Read one commit's records, which begin at `start`."""
        self._blob = blob
        self.live[blob] = 0
        self.parts[blob] = 0
        self.refers[blob] = set()
        at = start
        end = len(buffer)
        while at < end:
            if at + HEADER > end:
                raise DamagedRecord(f"commit {blob} ends inside a record")
            kind = buffer[at]
            body = at + HEADER
            stop = body + int.from_bytes(buffer[at + 1 : body], "big")
            if stop > end:
                raise DamagedRecord(f"commit {blob} ends inside a record")
            if kind == ENQUEUED:
                self._enqueued(buffer, at, body, stop)
            elif kind == SETTLED:
                self._settled(buffer, body, stop)
            elif kind == SENT:
                self._sent(buffer, body, stop)
            elif kind == RELEASED:
                self._released(buffer, body, stop)
            else:
                raise DamagedRecord(f"commit {blob} holds a record of kind {kind}, which this version does not know")
            at = stop

    def _enqueued(self, buffer: bytes, start: int, at: int, end: int) -> None:
        length, at = read_varint(buffer, at, end)
        stop = at + length
        message_at = stop
        place = self._blob << 32 | start
        message = None
        while at < stop:
            session, at = read_varint(buffer, at, stop)
            number, at = read_varint(buffer, at, stop)
            if at + 3 > stop:
                raise DamagedRecord("a delivery ends too early")
            flags = buffer[at]
            packet_id = buffer[at + 1] << 8 | buffer[at + 2]
            at += 3
            identifiers: list[int] | None = None
            if flags & PART_IDENTIFIERS:
                count, at = read_varint(buffer, at, stop)
                identifiers = []
                for _ in range(count):
                    identifier, at = read_varint(buffer, at, stop)
                    identifiers.append(identifier)
            waiting = self.sessions.get(session)
            if waiting is None:
                continue  # the session is over
            self.parts[self._blob] += 1
            if number in waiting.deliveries:
                self._over(waiting.deliveries[number])  # written again in a later place
            warm = len(waiting.deliveries) < WARM_MESSAGES * 2
            if warm and message is None:
                message = decode_message(buffer, message_at, end, self._skew, waiting.tenant)
            delivery = Delivery(message if warm else None, 0x30 | flags & 0x0F, identifiers, number)
            if not warm or message is None:
                delivery.size, delivery.expires_at = _weigh(buffer, message_at, end, self._skew)
            delivery.place = place
            if flags & PART_RELEASED:
                delivery.released = True
                delivery.message = None
            waiting.deliveries[number] = delivery
            if packet_id:
                waiting.packet_ids[number] = packet_id
            waiting.last_number = max(waiting.last_number, number)
            self.live[self._blob] += 1

    def _settled(self, buffer: bytes, at: int, end: int) -> None:
        session, at = read_varint(buffer, at, end)
        count, at = read_varint(buffer, at, end)
        waiting = self.sessions.get(session)
        number = 0
        for _ in range(count):
            step, at = read_varint(buffer, at, end)
            number += step
            if waiting is None:
                continue
            waiting.last_number = max(waiting.last_number, number)
            waiting.packet_ids.pop(number, None)
            delivery = waiting.deliveries.pop(number, None)
            if delivery is not None:
                self._refer(delivery)
                self._over(delivery)

    def _sent(self, buffer: bytes, at: int, end: int) -> None:
        session, at = read_varint(buffer, at, end)
        count, at = read_varint(buffer, at, end)
        waiting = self.sessions.get(session)
        number = 0
        for _ in range(count):
            step, at = read_varint(buffer, at, end)
            number += step
            if at + 2 > end:
                raise DamagedRecord("a packet id ends too early")
            packet_id = buffer[at] << 8 | buffer[at + 1]
            at += 2
            if waiting is None:
                continue
            delivery = waiting.deliveries.get(number)
            if delivery is not None:
                waiting.packet_ids[number] = packet_id
                self._refer(delivery)

    def _released(self, buffer: bytes, at: int, end: int) -> None:
        session, at = read_varint(buffer, at, end)
        number, at = read_varint(buffer, at, end)
        waiting = self.sessions.get(session)
        delivery = None if waiting is None else waiting.deliveries.get(number)
        if delivery is not None and delivery.flags & QOS_BITS == QOS_2_BITS:
            delivery.released = True
            delivery.message = None
            self._refer(delivery)

    def _refer(self, delivery: Delivery) -> None:
        blob = delivery.place >> 32
        if blob != self._blob:
            self.refers[self._blob].add(blob)

    def _over(self, delivery: Delivery) -> None:
        self.live[delivery.place >> 32] -= 1


def _weigh(buffer: bytes, at: int, end: int, skew: float) -> tuple[int, float]:
    """Size and expiry of a message that stays where it is."""
    if at + 17 > end:
        return end - at + 200, 0.0
    expires_at = 0.0
    if buffer[at] & HAS_EXPIRY:
        expires_at = decode_message(buffer, at, end, skew, "").expires_at
    return end - at - 10 + 200, expires_at


# Looking through a journal without making objects of it


@final
class StoredMessage:
    """One ENQUEUED record of a blob: where it begins, where its message does, where it ends, and for which sessions."""

    __slots__ = ("at", "end", "message_at", "sessions")

    def __init__(self, at: int, message_at: int, end: int, sessions: list[int]) -> None:
        self.at = at
        self.message_at = message_at
        self.end = end
        self.sessions = sessions


def stored_messages(buffer: bytes, start: int) -> list[StoredMessage]:
    """The messages among the records from `start` on."""
    found: list[StoredMessage] = []
    at = start
    while at + HEADER <= len(buffer):
        end = at + HEADER + int.from_bytes(buffer[at + 1 : at + HEADER], "big")
        if end > len(buffer):
            raise DamagedRecord("a record goes on past its commit")
        if buffer[at] == ENQUEUED:
            length, position = read_varint(buffer, at + HEADER, end)
            stop = position + length
            sessions: list[int] = []
            while position < stop:
                session, position = read_varint(buffer, position, stop)
                _, position = read_varint(buffer, position, stop)
                has_identifiers = buffer[position] & PART_IDENTIFIERS
                position += 3
                if has_identifiers:
                    count, position = read_varint(buffer, position, stop)
                    for _ in range(count):
                        _, position = read_varint(buffer, position, stop)
                sessions.append(session)
            found.append(StoredMessage(at, stop, end, sessions))
        at = end
    return found
