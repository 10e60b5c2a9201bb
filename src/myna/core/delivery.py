"""One message on its way to one client, as its session holds it and a store finds it.

What a newcomer gets wrong: `message` is None in two cases, while the message lies only in the store and once it is no
longer needed; `released` tells them apart.
"""

from typing import Final, final

from myna.core.message import Message

DUP: Final = 0x08
QOS_BITS: Final = 0x06
QOS_2_BITS: Final = 0x04

# What each queue keeps in memory: more than a window usually takes between two fetches.
WARM_MESSAGES: Final = 1000
WARM_BYTES: Final = 256 * 1024


@final
class Delivery:
    """`flags` is the first byte of the PUBLISH, `number` names it to the store, `place` is where the store has it."""

    __slots__ = ("expires_at", "flags", "identifiers", "message", "number", "place", "released", "size")

    def __init__(self, message: Message | None, flags: int, identifiers: list[int] | None, number: int) -> None:
        self.message = message
        self.flags = flags
        self.identifiers = identifiers
        self.number = number
        self.released = False
        self.size = 0 if message is None else message.size()
        self.expires_at = 0.0 if message is None else message.expires_at
        self.place = 0

    def leaves_stored(self) -> bool:
        """May it leave only when it is stored? At QoS 2, in a session that is."""
        return self.number != 0 and self.flags & QOS_BITS == QOS_2_BITS
