"""A message as our receivers see it: its kind of data, its metadata, and the frames it becomes, each made once.

Kept with the message, so that thousands of clients share the bytes. Reliable clients share all behind the sequence
id. What a newcomer gets wrong: MQTT clients may declare JSON and send none; what is not what it says is binary.
"""

import base64
from collections.abc import Callable
from typing import Final

import msgspec

from myna.core.framed import KeptFrames
from myna.core.message import Message
from myna.faces.webpubsub.naming import BINARY, CONTENT_TYPES, DATA_TYPES, JSON, SERVER_MESSAGES, TEXT, media_type
from myna.wire.properties import Properties

Frame = Callable[[bytes], bytes]

SIMPLE_FORM: Final = 0
JSON_FORM: Final = 1
FORMS: Final = 2

encode_json: Final = msgspec.json.Encoder().encode
_check_json: Final = msgspec.json.Decoder().decode


def _declared(content_type: str) -> Properties:
    properties = Properties()
    properties.content_type = content_type
    return properties


# Nobody changes the properties of a message, so all of one kind share them.
_PROPERTIES: Final = {data_type: _declared(content_type) for data_type, content_type in CONTENT_TYPES.items()}


class Carried(KeptFrames):
    """What is kept with a message. `frames` go by SIMPLE_FORM and JSON_FORM; `tail` is JSON without its first brace."""

    __slots__ = ("data_type", "metadata", "tail")

    def __init__(self, data_type: str, metadata: dict[str, str] | None = None) -> None:
        super().__init__(FORMS)
        self.data_type = data_type
        self.metadata = metadata
        self.tail: bytes | None = None


def carry(message: Message, data_type: str, metadata: dict[str, str] | None = None) -> None:
    """Mark a message of ours with its kind of data, for our clients and for MQTT 5."""
    message.attachment = Carried(data_type, metadata)
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


class Frames:
    """Makes WebSocket frames of messages; `text` and `binary` put a frame's header in front of bytes."""

    __slots__ = ("_binary", "_text")

    def __init__(self, text: Frame, binary: Frame) -> None:
        self._text = text
        self._binary = binary

    def simple(self, message: Message) -> bytes:
        """For clients without a subprotocol: the payload itself."""
        held = carried(message)
        frame = held.frames[SIMPLE_FORM]
        if frame is None:
            frame = (self._text if held.data_type in (TEXT, JSON) else self._binary)(message.payload)
            held.frames[SIMPLE_FORM] = frame
        return frame

    def json(self, message: Message) -> bytes:
        held = carried(message)
        frame = held.frames[JSON_FORM]
        if frame is None:
            frame = self._text(b"{" + self.tail(message))
            held.frames[JSON_FORM] = frame
        return frame

    def tail(self, message: Message) -> bytes:
        held = carried(message)
        tail = held.tail
        if tail is None:
            tail = _tail(message, held)
            held.tail = tail
        return tail

    def numbered(self, sequence: int, tail: bytes) -> bytes:
        return self._text(b'{"sequenceId":%d,%b' % (sequence, tail))

    def control(self, fields: object) -> bytes:
        """An answer or a system message."""
        return self._text(encode_json(fields))


def _tail(message: Message, held: Carried) -> bytes:
    parts = [b'"type":"message","from":"server"']
    if message.topic != SERVER_MESSAGES:
        origin = message.origin
        parts = [b'"type":"message","from":"group"']
        if origin.sender is not None and origin.user:
            parts.append(b'"fromUserId":' + encode_json(origin.user))
        parts.append(b'"group":' + encode_json(message.topic))
    if held.metadata:
        parts.append(b'"metadata":' + encode_json(held.metadata))
    parts.append(b'"dataType":"%b","data":%b}' % (held.data_type.encode(), json_data(held.data_type, message.payload)))
    return b",".join(parts)


def json_data(data_type: str, payload: bytes) -> bytes:
    """The value of `data`."""
    if data_type == JSON:
        return payload
    if data_type == TEXT:
        return encode_json(payload.decode())
    return b'"' + base64.b64encode(payload) + b'"'
