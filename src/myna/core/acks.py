"""Acknowledgements of one connection: written at once, or held until the store has what they promise.

One that waits holds back all later ones, so that they leave in the order of what they answer [MQTT-4.6.0-2]. While very
many wait, the connection is not read: a client that outruns the disk is slowed down by it.
"""

from collections import deque
from typing import Final, final

from myna.core.broker import Broker
from myna.core.output import Output
from myna.core.receiver import Receiver

MANY: Final = 16_384  # acks held; a chunk of small packets brings 3,000 more, and a receive maximum is 65,535
FEW: Final = 4_096


@final
class Acks:
    __slots__ = ("_broker", "_held", "_output", "_paused", "_receiver")

    def __init__(self, broker: Broker, output: Output, receiver: Receiver) -> None:
        self._broker = broker
        self._output = output
        self._receiver = receiver
        self._held: deque[tuple[int, bytes]] | None = None
        self._paused = False

    def send(self, ack: bytes, sequence: int) -> None:
        """Write it once everything up to `sequence` is safe; 0 waits for nothing but its predecessors."""
        held = self._held
        if held is None:
            if sequence <= self._broker.journal.store.committed:
                self._output.write(ack)
                return
            held = deque()
            self._held = held
            self._broker.await_sequence(self._receiver, sequence)
        held.append((sequence, ack))
        if len(held) > MANY and not self._paused:
            self._paused = True
            self._output.outlet.pause()

    def settled(self, sequence: int) -> None:
        held = self._held
        if held is None:
            return
        while held and held[0][0] <= sequence:
            self._output.write(held.popleft()[1])
        if held:
            self._broker.await_sequence(self._receiver, held[0][0])
        else:
            self._held = None
        if self._paused and len(held) < FEW:
            self._paused = False
            self._output.outlet.resume()

    def waiting(self) -> int:
        held = self._held
        return 0 if held is None else len(held)
