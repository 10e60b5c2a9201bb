"""Acknowledgements of one connection: written at once, or held until the store has what they promise.

One that waits holds back all later ones, so that they leave in the order of what they answer [MQTT-4.6.0-2]. While very
many wait, the connection is not read: a client that outruns the disk is slowed down by it. Nothing leaves once the
connection has ended: a publisher may be cut off by its own message.
"""

from collections import deque
from typing import Final, final

from myna.core.broker import Broker
from myna.core.output import Output
from myna.core.receiver import Receiver

MANY: Final = 16_384  # acks held; a chunk of small packets brings 3,000 more, and a receive maximum is 65,535
FEW: Final = 4_096
PUBACK: Final = 0x40
LENGTH: Final = 4  # a PUBACK with a reason has five bytes, but then it comes alone


@final
class Acks:
    __slots__ = ("_broker", "_held", "_output", "_paused", "_receiver", "waiting")

    def __init__(self, broker: Broker, output: Output, receiver: Receiver) -> None:
        self._broker = broker
        self._output: Output | None = output
        self._receiver = receiver
        self._held: deque[tuple[int, bytes]] | None = None
        self._paused = False
        self.waiting = 0  # PUBACKs held, each for a message that counts against the client's quota

    def send(self, ack: bytes, sequence: int) -> None:
        """Write it once everything up to `sequence` is safe; 0 waits for nothing but its predecessors."""
        output = self._output
        if output is None:
            return
        held = self._held
        if held is None:
            if sequence <= self._broker.journal.store.committed:
                output.write(ack)
                return
            held = deque()
            self._held = held
            self._broker.await_sequence(self._receiver, sequence)
        held.append((sequence, ack))
        if ack[0] == PUBACK:
            self.waiting += len(ack) // LENGTH
        if len(held) > MANY and not self._paused:
            self._paused = True
            output.outlet.pause()

    def settled(self, sequence: int) -> None:
        held = self._held
        output = self._output
        if held is None or output is None:
            return
        while held and held[0][0] <= sequence:
            ack = held.popleft()[1]
            if ack[0] == PUBACK:
                self.waiting -= len(ack) // LENGTH
            output.write(ack)
        if held:
            self._broker.await_sequence(self._receiver, held[0][0])
        else:
            self._held = None
        if self._paused and len(held) < FEW:
            self._paused = False
            output.outlet.resume()

    def close(self) -> None:
        """The connection has ended."""
        self._output = None
        self._held = None
