"""A message as our receivers see it: its kind of data, its metadata, its place in a stream, and the frames it becomes,
each made once.

Kept with the message, so that thousands of clients share the bytes. Reliable clients share all behind the sequence
id. What a newcomer gets wrong: MQTT clients may declare JSON and send none; what is not what it says is binary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from myna.core.framed import KeptFrames
from myna.core.message import Message
from myna.faces.webpubsub.naming import BINARY, CONTENT_TYPES, DATA_TYPES, JSON, TEXT, media_type
from myna.wire.properties import Properties

Framing = Callable[[bytes], bytes]  # puts a WebSocket frame's header in front of bytes

SIMPLE_FORM: Final = 0
JSON_FORM: Final = 1
PROTOBUF_FORM: Final = 2
FORMS: Final = 3

encode_json: Final = msgspec.json.Encoder().encode
_check_json: Final = msgspec.json.Decoder().decode


def _declared(content_type: str) -> Properties:
    properties = Properties()
    properties.content_type = content_type
    return properties


# Nobody changes the properties of a message, so all of one kind share them.
_PROPERTIES: Final = {data_type: _declared(content_type) for data_type, content_type in CONTENT_TYPES.items()}


@dataclass(frozen=True, slots=True)
class StreamError:
    """Why a stream has ended too early, as its subscribers are told."""

    name: str
    message: str
    code: str = ""  # the publisher's own


@dataclass(frozen=True, slots=True)
class StreamPlace:
    """Which piece of which stream a message is. The last one has no data."""

    stream_id: str
    sequence: int
    is_end: bool = False
    error: StreamError | None = None


class Carried(KeptFrames):
    """What is kept with a message. `frames` go by the forms above; `tails` are what reliable clients share of them."""

    __slots__ = ("data_type", "metadata", "stream", "tails")

    def __init__(
        self, data_type: str, metadata: dict[str, str] | None = None, stream: StreamPlace | None = None
    ) -> None:
        super().__init__(FORMS)
        self.data_type = data_type
        self.metadata = metadata
        self.stream = stream
        self.tails: list[bytes | None] = [None] * FORMS


def carry(
    message: Message, data_type: str, metadata: dict[str, str] | None = None, stream: StreamPlace | None = None
) -> None:
    """Mark a message of ours with its kind of data, for our clients and for MQTT 5."""
    message.attachment = Carried(data_type, metadata, stream)
    message.properties = _PROPERTIES[data_type]


def carried(message: Message) -> Carried:
    held = message.attachment
    if isinstance(held, Carried):
        return held
    made = Carried(data_type_of(message))
    message.attachment = made
    return made


def data_type_of(message: Message) -> str:
    """From the content type, if the payload is what that says."""
    properties = message.properties
    content_type = None if properties is None else properties.content_type
    data_type = DATA_TYPES.get(media_type(content_type), BINARY) if content_type else BINARY
    if data_type in (TEXT, JSON) and not is_as_declared(data_type, message.payload):
        return BINARY
    return data_type


def is_as_declared(data_type: str, payload: bytes) -> bool:
    try:
        text = payload.decode()
        if data_type == JSON:
            _check_json(text)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
    return True


class SimpleFrames:
    """For clients without a subprotocol: the payload itself."""

    __slots__ = ("_binary", "_text")

    def __init__(self, text: Framing, binary: Framing) -> None:
        self._text = text
        self._binary = binary

    def message(self, message: Message) -> bytes:
        held = carried(message)
        frame = held.frames[SIMPLE_FORM]
        if frame is None:
            frame = (self._text if held.data_type in (TEXT, JSON) else self._binary)(message.payload)
            held.frames[SIMPLE_FORM] = frame
        return frame
