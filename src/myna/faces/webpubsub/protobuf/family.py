"""The protobuf subprotocols: one UpstreamMessage in, one DownstreamMessage out per binary frame.

    DownstreamMessage   12 LENGTH [20 SEQUENCE] TAIL        the tail is a DataMessage without its sequence id

Fields may come in any order, so a reliable client's number goes in front of what all share. What a newcomer gets wrong:
what reads and writes is imported when the first such client is there, for the runtime takes 6 MB that most brokers
never need.
"""

from functools import cache
from importlib import import_module
from typing import Any, Final

from myna.core.message import Message
from myna.faces.webpubsub.clients.notices import Notice
from myna.faces.webpubsub.clients.requests import Request
from myna.faces.webpubsub.clients.subprotocol import Subprotocol
from myna.faces.webpubsub.payloads import PROTOBUF_FORM, Framing

PROTOBUF_PROTOCOL: Final = "protobuf.webpubsub.azure.v1"
RELIABLE_PROTOBUF_PROTOCOL: Final = "protobuf.reliable.webpubsub.azure.v1"

DATA_MESSAGE: Final = b"\x12"  # field 2 of DownstreamMessage, with a length
SEQUENCE_ID: Final = b"\x20"  # field 4 of DataMessage, a varint


@cache
def _module(name: str) -> Any:
    return import_module(f"myna.faces.webpubsub.protobuf.{name}")


class ProtobufProtocol(Subprotocol):
    def __init__(self, binary_frame: Framing) -> None:
        super().__init__(PROTOBUF_PROTOCOL, RELIABLE_PROTOBUF_PROTOCOL, PROTOBUF_FORM, binary_frame)

    def read_bytes(self, data: bytes) -> Request:
        request: Request = _module("reading").read_request(data)
        return request

    def encode_notice(self, notice: Notice) -> bytes:
        encoded: bytes = _module("writing").encode_notice(notice)
        return encoded

    def encode_tail(self, message: Message) -> bytes:
        encoded: bytes = _module("writing").encode_data_message(message)
        return encoded

    def complete(self, tail: bytes, sequence: int) -> bytes:
        number = SEQUENCE_ID + varint(sequence) if sequence else b""
        return DATA_MESSAGE + varint(len(number) + len(tail)) + number + tail


def varint(value: int) -> bytes:
    """Seven bits a byte, the least ones first. Two bytes hold most numbers and lengths: half the time for those."""
    if value < 0x80:
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
