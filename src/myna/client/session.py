"""What of a client outlives its connections: packet ids in use, messages not yet acknowledged, QoS 2 ids received.

Knows no socket. Handed to the next connection, it makes a message sent before the break arrive once, and one received
before it be delivered once.  [MQTT-4.4.0-1] [MQTT-4.3.3-10]
"""

import asyncio
from typing import Final

from myna.wire.packets import Packet, Publish, Pubrel

LARGEST_ID: Final = 65_535


class Session:
    def __init__(self, largest_id: int = LARGEST_ID) -> None:
        self._largest_id = largest_id
        self.received: set[int] = set()  # QoS 2 messages delivered and not yet released
        self._last_id = 0
        self._unsettled: dict[int, Publish | Pubrel] = {}  # in the order first sent
        self._done: dict[int, asyncio.Future[int]] = {}
        self._other_ids: set[int] = set()  # of SUBSCRIBE and UNSUBSCRIBE

    @property
    def in_flight(self) -> int:
        return len(self._unsettled)

    def take_id(self) -> int:
        """For a SUBSCRIBE or UNSUBSCRIBE, until `release_id`."""
        packet_id = self._free_id()
        self._other_ids.add(packet_id)
        return packet_id

    def release_id(self, packet_id: int) -> None:
        self._other_ids.discard(packet_id)

    def open(self, packet: Publish) -> "asyncio.Future[int]":
        """Give the message its packet id; the future becomes its reason code when the exchange is over."""
        packet.packet_id = self._free_id()
        self._unsettled[packet.packet_id] = packet
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._done[packet.packet_id] = done
        return done

    def recorded(self, packet_id: int) -> Pubrel:
        """PUBREC has come: from now on only PUBREL is of use.  [MQTT-4.3.3-6]"""
        pubrel = Pubrel(packet_id)
        if packet_id in self._unsettled:
            self._unsettled[packet_id] = pubrel
        return pubrel

    def settle(self, packet_id: int, code: int) -> None:
        """PUBACK, PUBCOMP, or a PUBREC that refuses."""
        self._unsettled.pop(packet_id, None)
        done = self._done.pop(packet_id, None)
        if done is not None and not done.done():
            done.set_result(code)

    def release_all(self) -> None:
        """Nobody knows any more which QoS 2 messages the broker has not let go of: it is told of every id. Until it has
        answered, none of them is used, or it would take a new message for one that it has.
        """
        for packet_id in range(1, self._largest_id + 1):
            self._unsettled.setdefault(packet_id, Pubrel(packet_id))

    def to_resend(self, session_present: bool) -> list[Packet]:
        """What the last connection left open, in its order.  [MQTT-4.4.0-1] [MQTT-4.6.0-1]"""
        for packet in self._unsettled.values():
            if isinstance(packet, Publish):
                packet.dup = session_present  # [MQTT-3.3.1-1]; to a broker that has forgotten us it is new
        return list(self._unsettled.values())

    def forget(self) -> None:
        """The broker knows nothing of us: ids received count as new again, what it took responsibility for is done."""
        self.received.clear()
        for packet_id, packet in list(self._unsettled.items()):
            if isinstance(packet, Pubrel):
                self.settle(packet_id, 0)

    def _free_id(self) -> int:
        for _ in range(self._largest_id):
            self._last_id = self._last_id % self._largest_id + 1
            if self._last_id not in self._unsettled and self._last_id not in self._other_ids:
                return self._last_id
        raise RuntimeError("all packet ids are in use")  # the window is smaller than that
