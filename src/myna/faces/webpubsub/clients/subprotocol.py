"""How the clients of one family of subprotocols write: requests read, notices and messages written. Knows no client.

One object serves all clients of a family, the reliable ones too: theirs differ in a number within each message. What a
newcomer gets wrong: a message is written once and kept with itself, its tail too, so neither may depend on who gets it.
"""

from abc import ABC, abstractmethod
from typing import Final

from myna.core.message import Message
from myna.faces.webpubsub.clients.notices import Notice
from myna.faces.webpubsub.clients.requests import Request, WrongFrame
from myna.faces.webpubsub.payloads import Framing, carried


class Subprotocol(ABC):
    """`form`: which of the frames kept with a message is in this family's words."""

    def __init__(self, plain: str, reliable: str, form: int, framing: Framing) -> None:
        self.plain: Final = plain
        self.reliable: Final = reliable
        self.form: Final = form
        self._framing: Final = framing

    # Requests: Malformed, WrongFrame, BadRequest, BadStream or BadInvocation where it is none.

    def read_text(self, text: str) -> Request:
        raise WrongFrame("This subprotocol uses binary frames.")

    def read_bytes(self, data: bytes) -> Request:
        raise WrongFrame("This subprotocol uses text frames.")

    # What is written.

    @abstractmethod
    def encode_notice(self, notice: Notice) -> bytes: ...

    @abstractmethod
    def encode_tail(self, message: Message) -> bytes:
        """All of a message that does not depend on its sequence id."""

    @abstractmethod
    def complete(self, tail: bytes, sequence: int) -> bytes:
        """A message of its tail; without a sequence id if that is 0."""

    def notice(self, notice: Notice) -> bytes:
        return self._framing(self.encode_notice(notice))

    def message(self, message: Message) -> bytes:
        """The frame for those who do not count what they get."""
        frames = carried(message).frames
        frame = frames[self.form]
        if frame is None:
            frame = self.numbered(0, self.tail(message))
            frames[self.form] = frame
        return frame

    def tail(self, message: Message) -> bytes:
        tails = carried(message).tails
        tail = tails[self.form]
        if tail is None:
            tail = self.encode_tail(message)
            tails[self.form] = tail
        return tail

    def numbered(self, sequence: int, tail: bytes) -> bytes:
        return self._framing(self.complete(tail, sequence))
