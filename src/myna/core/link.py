"""What a session needs to know of the connection that serves it: how to write, in which form, and within which bounds.

`plain` says that MQTT frames made for everybody may be written as they are: no topic aliases, no packet limit of the
client's.
The connection itself is the subclass; a session never sees more of it than this.
"""

from abc import ABC, abstractmethod
from typing import Final

from mypy_extensions import i64, mypyc_attr

from myna.core.aliases import OutboundAliases
from myna.core.identity import Identity
from myna.core.limits import Bucket
from myna.core.message import FORM_3, FORM_5
from myna.core.output import Output
from myna.core.ports import Conversation
from myna.core.published import NOBODY_YET
from myna.wire.encode import encode_trimmed
from myna.wire.packets import MQTT_5, Disconnect, Packet

# Why a client is not read from for a while.
UNJUDGED: Final = 1  # the gate has yet to say who it is
BEHIND: Final = 2  # it takes too little of what it is sent
BANDWIDTH: Final = 4  # it has sent more than its bytes per second
THROUGHPUT: Final = 8  # its tenant has, in bytes or messages
UNDECIDED: Final = 16  # what it has asked for last is being judged elsewhere

ASKING: Final = 32  # it has raised more events than its back end has answered

UNLIMITED: Final = 0x0FFF_FFFF + 5  # the largest packet there is (§2.1.4)


@mypyc_attr(allow_interpreted_subclasses=True)
class Step(ABC):
    """What a client asked for, up to where the rules said LATER. Only this waits; what came behind it stays unread."""

    @abstractmethod
    def take(self, now: float) -> None:
        """From there on. Where the rules say LATER again, the link is suspended again."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Link(Conversation):
    def __init__(self, output: Output) -> None:
        self.output = output
        self.level = 0
        self.is_bridge = False
        self.form: i64 = 0
        self.receive_maximum = 65_535
        self.maximum_packet_size = UNLIMITED
        self.aliases: OutboundAliases | None = None
        self.plain = True
        self.address = ""
        self.websocket = False  # MQTT within WebSocket
        self.connected_at = 0.0
        self.last_heard = 0.0
        self.channel = ""
        self.delivered = NOBODY_YET
        self.subscribe_rate: Bucket | None = None  # how often it may SUBSCRIBE and UNSUBSCRIBE
        self.assigned_id = ""  # by the gate, for a client that brought no name
        self.words: list[tuple[str, str]] | None = None  # user properties that the gate wants in CONNACK
        self.goodbye: Disconnect | None = None  # what the client has said last
        self._rests = 0

    def accept(self, level: int, receive_maximum: int, maximum_packet_size: int, alias_maximum: int) -> None:
        """What the client said it can take."""
        self.level = level
        self.form = FORM_5 if level == MQTT_5 else FORM_3
        self.receive_maximum = receive_maximum
        self.maximum_packet_size = maximum_packet_size
        self.aliases = OutboundAliases(alias_maximum) if alias_maximum > 0 else None
        self.plain = self.aliases is None and maximum_packet_size >= UNLIMITED

    @abstractmethod
    def disconnect(self, reason: int, now: float, *, reference: str = "", text: str = "") -> None:
        """Say why, then end the connection."""

    @abstractmethod
    def admitted(self, identity: Identity, data: bytes | None, now: float) -> None:
        """The gate says who it is, for the first time or again."""

    @abstractmethod
    def judge_connect(self, identity: Identity, data: bytes | None, now: float) -> None:
        """May it connect, as this identity?"""

    @abstractmethod
    def suspend(self, step: "Step", now: float) -> None:
        """Whether the client may is not known yet: read nothing more, and take this step again when it is."""

    @abstractmethod
    def go_on(self, now: float) -> None:
        """There may be an answer to what the suspended step asked."""

    @abstractmethod
    def give_up_waiting(self, now: float) -> None:
        """No CONNECT in time."""

    @abstractmethod
    def settled(self, sequence: int) -> None:
        """What was appended to the store up to here is safe: acks that waited may go."""

    def rest(self, why: int) -> None:
        """Do not read from the client, until no reason is left."""
        if not self._rests:
            self.output.outlet.pause()
        self._rests |= why

    def is_resting(self) -> bool:
        return self._rests != 0

    def read_on(self, why: int) -> None:
        """This reason is gone."""
        if self._rests:
            self._rests &= ~why
            if not self._rests:
                self.output.outlet.resume()

    def write_packet(self, packet: Packet) -> bool:
        """Encode and write, without what the client's maximum packet size leaves no room for [MQTT-3.2.2-19]."""
        data = encode_trimmed(packet, self.level, self.maximum_packet_size)
        if data:
            self.output.write(data)
        return bool(data)
