"""Receivers that take a message as one piece of bytes, made once for thousands of them and kept with the message.

Knows neither what such a frame looks like nor who makes it: a face does, in subclasses of both classes here. This is
the compiled part of a delivery, for what is frequent: a frame that exists already. A large one goes out at once where
the connection has nothing else to send. What a newcomer gets wrong: everything else is `deliver_framed`, the first
delivery of each message included.
"""

from abc import abstractmethod

from mypy_extensions import mypyc_attr

from myna.core.counters import Counters
from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.ports import AT_ONCE, Outlet
from myna.core.receiver import TAKEN, Receiver, SessionKey, Subscription


@mypyc_attr(allow_interpreted_subclasses=True)
class KeptFrames:
    """What a message has been made into; a message's attachment. A form nobody has asked for yet is None."""

    def __init__(self, forms: int) -> None:
        self.frames: list[bytes | None] = [None] * forms


@mypyc_attr(allow_interpreted_subclasses=True)
class FramedReceiver(Receiver):
    """`kind`: which of the frames kept with a message is its own. `direct`: its outlet, while it has one.
    `connected_at`: since when its last socket has served it.
    """

    def __init__(self, key: SessionKey, identity: Identity, kind: int, counters: Counters) -> None:
        super().__init__(key, identity)
        self.kind = kind
        self.counters = counters
        self.direct: Outlet | None = None
        self.connected_at = 0.0

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        direct = self.direct
        held = message.attachment
        if direct is not None and isinstance(held, KeptFrames) and message.expires_at == 0.0:
            frame = held.frames[self.kind]
            if frame is not None:
                count = 0
                if len(frame) >= AT_ONCE:
                    count = direct.send_now(frame)
                    if count == len(frame):
                        self.counters.messages_sent += 1
                        return TAKEN
                return self.send_frame(frame[count:], now)
        return self.deliver_framed(message, now)

    @abstractmethod
    def deliver_framed(self, message: Message, now: float) -> int:
        """As `deliver`, in every case."""

    @abstractmethod
    def send_frame(self, frame: bytes, now: float) -> int:
        """Send a frame of its own, or what is left of one: TAKEN."""
