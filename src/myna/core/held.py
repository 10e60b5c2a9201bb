"""Packets that leave once the store has what they promise, in the order in which they were made."""

from collections import deque
from typing import final

from myna.core.output import Output


@final
class HeldPackets:
    __slots__ = ("_packets",)

    def __init__(self) -> None:
        self._packets: deque[tuple[int, bytes]] = deque()

    def hold(self, packet: bytes, until: int) -> None:
        self._packets.append((until, packet))

    def settled(self, sequence: int, output: Output) -> bool:
        """What was stored up to here is safe. True when nothing is held any more."""
        packets = self._packets
        while packets and packets[0][0] <= sequence:
            output.write(packets.popleft()[1])
        return not packets
