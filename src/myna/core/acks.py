"""Acknowledgements of one connection: written at once, or held until the store has what they promise.

One that waits holds back all later ones, so that they leave in the order of what they answer [MQTT-4.6.0-2].
"""

from collections import deque
from typing import final

from myna.core.broker import Broker
from myna.core.output import Output
from myna.core.receiver import Receiver


@final
class Acks:
    __slots__ = ("_broker", "_held", "_output", "_receiver")

    def __init__(self, broker: Broker, output: Output, receiver: Receiver) -> None:
        self._broker = broker
        self._output = output
        self._receiver = receiver
        self._held: deque[tuple[int, bytes]] | None = None

    def send(self, ack: bytes, sequence: int) -> None:
        """Write it once everything up to `sequence` is safe; 0 waits for nothing but its predecessors."""
        held = self._held
        if held is None:
            if sequence <= self._broker.journal.store.committed:
                self._output.write(ack)
                return
            held = deque()
            self._held = held
        held.append((sequence, ack))
        self._broker.await_sequence(self._receiver, sequence)

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

    def waiting(self) -> int:
        held = self._held
        return 0 if held is None else len(held)
