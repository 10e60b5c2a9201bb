"""A broker for testing clients: made of the wire's own classes, on a loopback socket, in a thread of its own.

It answers as a broker must, passes messages on to those who subscribed, and notes all it was sent. A test that wants
other answers gives a function; what it returns is sent instead, and None means "as usual".
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from myna.wire.reader import FrameReader
from myna.wire.topics import matches, parse_filter

PATIENCE = 60.0  # seconds after which a test has failed

P = TypeVar("P", bound=Packet)
Answer = Callable[[Packet, "Peer"], list[Packet] | None]


class Peer:
    """A client, as the broker sees it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.level = 4
        self.filters: dict[str, int] = {}
        self.last_id = 0

    def send(self, *packets: Packet) -> None:
        self.writer.write(b"".join([encode(packet, self.level) for packet in packets]))

    def hang_up(self) -> None:
        self.writer.close()


class FakeBroker:
    def __init__(self, answer: Answer | None = None) -> None:
        self.port = 0
        self.received: list[Packet] = []
        self.connections = 0
        self._answer = answer or (lambda _packet, _peer: None)
        self._peers: list[Peer] = []
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))

    def __enter__(self) -> "FakeBroker":
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        self._loop.close()

    def all(self, kind: type[P]) -> list[P]:
        with self._news:
            return [packet for packet in self.received if isinstance(packet, kind)]

    def wait_for(self, kind: type[P], count: int = 1) -> P:
        """The count-th packet of this kind, once it has come."""
        with self._news:
            assert self._news.wait_for(lambda: len(self._of(kind)) >= count, PATIENCE), f"no {kind.__name__} came"
            return self._of(kind)[count - 1]

    def _of(self, kind: type[P]) -> list[P]:
        return [packet for packet in self.received if isinstance(packet, kind)]

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for peer in self._peers:
            peer.writer.close()
        talks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(talks, timeout=PATIENCE) if talks else None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(writer)
        self._peers.append(peer)
        self.connections += 1
        frames = FrameReader(1 << 28)
        try:
            while data := await reader.read(1 << 18):
                frames.feed(data)
                while (packet := frames.next_packet(peer.level if frames.level else 0)) is not None:
                    if isinstance(packet, Connect):
                        peer.level = packet.level
                        frames.level = packet.level
                    self._take(packet, peer)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._peers.remove(peer)
            writer.close()

    def _take(self, packet: Packet, peer: Peer) -> None:
        with self._news:  # before it is answered: who has the answer may look
            self.received.append(packet)
            self._news.notify_all()
        answers = self._answer(packet, peer)
        if answers is None:
            answers = self._usual(packet, peer)
        peer.send(*answers)

    def _usual(self, packet: Packet, peer: Peer) -> list[Packet]:
        if isinstance(packet, Connect):
            return [Connack(False, 0)]
        if isinstance(packet, Subscribe):
            peer.filters.update({request.filter: request.qos for request in packet.requests})
            return [Suback(packet.packet_id, [request.qos for request in packet.requests])]
        if isinstance(packet, Unsubscribe):
            return [Unsuback(packet.packet_id, [0] * len(packet.filters))]
        if isinstance(packet, Publish):
            self._route(packet)
            if packet.qos == 1:
                return [Puback(packet.packet_id)]
            return [Pubrec(packet.packet_id)] if packet.qos else []
        if isinstance(packet, Pubrec):
            return [Pubrel(packet.packet_id)]
        if isinstance(packet, Pubrel):
            return [Pubcomp(packet.packet_id)]
        if isinstance(packet, Pingreq):
            return [Pingresp()]
        if isinstance(packet, Disconnect):
            peer.hang_up()
        return []

    def _route(self, packet: Publish) -> None:
        for peer in self._peers:
            for filter, qos in peer.filters.items():
                parsed = parse_filter(filter)
                if parsed is None or not matches(parsed.filter, packet.topic):
                    continue
                granted = min(qos, packet.qos)
                if granted:
                    peer.last_id = peer.last_id % 65_535 + 1
                packet_id = peer.last_id if granted else 0
                properties = packet.properties if peer.level == 5 else None
                peer.send(Publish(packet.topic, packet.payload, granted, False, False, packet_id, properties))
