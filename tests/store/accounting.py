"""Clients that keep books across crashes of their broker: what was acknowledged to them, what has reached them.

Each keeps its side of an MQTT session, as a client must that wants QoS 2 to hold: it repeats what was not answered,
with the ids it had, and knows which ids it has received and not yet released. A connection that breaks is no failure; a
session that is gone, a message that was acknowledged and never comes, or one at QoS 2 that comes twice is.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
)
from myna.wire.reader import FrameReader

LEVEL = 4
PATIENCE = 60.0


class Broken(Exception):
    """The connection has ended."""


class Lost(AssertionError):
    """The broker has broken its promise."""


class Line:
    """One connection, packets in and out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader(1 << 24, LEVEL)

    @classmethod
    async def open(cls, address: tuple[str, int], name: str) -> "tuple[Line, Connack]":
        try:
            async with asyncio.timeout(PATIENCE):
                line = cls(*await asyncio.open_connection(*address))
        except OSError as error:
            raise Broken from error
        try:
            line.send(Connect(LEVEL, name, False, 0))
            answer = await line.receive()
        except Broken:
            line.close()
            raise
        assert isinstance(answer, Connack)
        assert answer.code == 0
        return line, answer

    def send(self, *packets: Packet) -> None:
        if self._writer.is_closing():
            raise Broken
        self._writer.write(b"".join([encode(packet, LEVEL) for packet in packets]))

    async def receive(self) -> Packet:
        while True:
            packet = self._frames.next_packet(LEVEL)
            if packet is not None:
                return packet
            try:
                data = await self._reader.read(65_536)
            except OSError as error:
                raise Broken from error
            if not data:
                raise Broken
            self._frames.feed(data)

    def close(self) -> None:
        self._writer.transport.abort()


@dataclass
class Publisher:
    """Publishes numbers, a few at a time. `acknowledged` are those it need not worry about any more."""

    name: str
    topic: str
    qos: int
    retain: bool = False
    size: int = 20
    next_number: int = 0
    acknowledged: set[int] = field(default_factory=set)
    _open: dict[int, int] = field(default_factory=dict)  # packet id -> number, in order
    _released: set[int] = field(default_factory=set)
    _last_id: int = 0
    existed: bool = False

    async def run(self, address: tuple[str, int], until: int, window: int) -> None:
        """Until so many have been acknowledged, or the connection breaks."""
        line, answer = await Line.open(address, self.name)
        try:
            if self.existed and not answer.session_present:
                raise Lost(f"the session of {self.name} is gone")
            for packet_id, number in self._open.items():
                line.send(Pubrel(packet_id) if packet_id in self._released else self._packet(packet_id, number, True))
            while len(self.acknowledged) < until:
                while len(self._open) < window and self.next_number < until:
                    self._last_id = self._last_id % 65_535 + 1
                    self._open[self._last_id] = number = self.next_number
                    self.next_number += 1
                    line.send(self._packet(self._last_id, number, False))
                self._answer(line, await line.receive())
        finally:
            line.close()

    def _packet(self, packet_id: int, number: int, dup: bool) -> Publish:
        payload = b"%s:%d:" % (self.name.encode(), number)
        return Publish(self.topic, payload.ljust(self.size, b"."), self.qos, self.retain, dup, packet_id)

    def _answer(self, line: Line, packet: Packet) -> None:
        self.existed = self.qos == 2  # CONNACK promises nothing yet
        if isinstance(packet, Puback):
            self.acknowledged.add(self._open.pop(packet.packet_id))
        elif isinstance(packet, Pubrec):
            self._released.add(packet.packet_id)
            self.acknowledged.add(self._open[packet.packet_id])
            line.send(Pubrel(packet.packet_id))
        elif isinstance(packet, Pubcomp):
            self._released.discard(packet.packet_id)
            del self._open[packet.packet_id]


@dataclass
class Subscriber:
    """Takes what comes. `seen` is by publisher, in order of arrival."""

    name: str
    qos: int
    seen: dict[str, list[int]] = field(default_factory=dict)
    existed: bool = False
    dups: int = 0
    _held: set[int] = field(default_factory=set)

    async def subscribe(self, address: tuple[str, int], filter: str) -> None:
        line, _ = await Line.open(address, self.name)
        line.send(Subscribe(1, [SubscriptionRequest(filter, self.qos)]))
        while not isinstance(await line.receive(), Suback):
            continue
        self.existed = True
        line.close()

    async def run(
        self,
        address: tuple[str, int],
        *,
        idle: float | None = None,
        most: int = 1 << 60,
        due: Callable[[], object] = bool,
    ) -> None:
        """Until nothing has come for so long and nothing is due, or the connection breaks, or enough has come."""
        line, answer = await Line.open(address, self.name)
        try:
            if not answer.session_present:
                raise Lost(f"the session of {self.name} is gone")
            silence = 0.0
            while most:
                try:
                    async with asyncio.timeout(idle):
                        packet = await line.receive()
                except TimeoutError:
                    silence += idle or 0.0
                    if silence > PATIENCE or not due():
                        return
                    continue
                silence = 0.0
                most -= 1
                self._take(line, packet)
        finally:
            line.close()

    def _take(self, line: Line, packet: Packet) -> None:
        if isinstance(packet, Publish):
            if packet.qos == 2:
                line.send(Pubrec(packet.packet_id))
                if packet.packet_id in self._held:
                    return
                self._held.add(packet.packet_id)
            else:
                line.send(Puback(packet.packet_id))
            publisher, number, _ = packet.payload.split(b":")
            self.seen.setdefault(publisher.decode(), []).append(int(number))
            self.dups += packet.dup
        elif isinstance(packet, Pubrel):
            self._held.discard(packet.packet_id)
            line.send(Pubcomp(packet.packet_id))


def lacks(subscriber: Subscriber, publishers: list[Publisher]) -> bool:
    """Something that was acknowledged has not come yet."""
    return any(one.acknowledged.difference(subscriber.seen.get(one.name, [])) for one in publishers)


def check(publishers: list[Publisher], subscribers: list[Subscriber]) -> None:
    """Every acknowledged message has come, each in its order, and at QoS 2 once."""
    for subscriber in subscribers:
        for publisher in publishers:
            seen = subscriber.seen.get(publisher.name, [])
            missing = publisher.acknowledged.difference(seen)
            if missing:
                raise Lost(f"{subscriber.name} never got {sorted(missing)[:10]} of {publisher.name} ({len(missing)})")
            if publisher.qos == 2 and subscriber.qos == 2 and len(seen) != len(set(seen)):
                twice = sorted({number for number in seen if seen.count(number) > 1})
                raise Lost(f"{subscriber.name} got {twice[:10]} of {publisher.name} more than once")
            firsts = list(dict.fromkeys(seen))
            if firsts != sorted(firsts):
                raise Lost(f"{subscriber.name} got {publisher.name}'s out of order: {out_of_order(firsts)}")


def out_of_order(numbers: list[int]) -> str:
    for before, after in pairwise(numbers):
        if after < before:
            return f"{after} after {before}"
    return ""


def pause(chance: random.Random, longest: float) -> float:
    """Mostly short, sometimes long: crashes at start-up as well as in full work."""
    return longest * chance.random() ** 2


async def fold(*works: "asyncio.Task[None]") -> None:
    """Wait for all; a broken connection is none of our business, everything else is."""
    pending = deque(works)
    while pending:
        try:
            await pending.popleft()
        except Broken:
            continue
