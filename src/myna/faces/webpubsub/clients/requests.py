"""What clients of all subprotocols may ask for, and what is wrong with a request; no subprotocol's way of writing it.

    Malformed, WrongFrame    not the subprotocol: the connection ends (1007, 1003)
    BadRequest               cannot be done; an ack may say so
    BadStream                cannot be done to a stream: it ends, and its publisher is told
    BadInvocation            cannot be asked of the back end; the answer says so

What a newcomer gets wrong: a message of metadata alone is text of no length, and no data at all is malformed.
"""

from dataclasses import dataclass
from typing import Final

from myna.faces.webpubsub.naming import EVENT, TEXT, check_metadata, is_group
from myna.faces.webpubsub.payloads import StreamError

UINT64: Final = 2**64
TTL_AT_MOST: Final = 300
NAME_LENGTH: Final = 256  # of streams and invocations, which clients name
IDLE_DEFAULT: Final = 300_000  # milliseconds
IDLE_AT_MOST: Final = 2**32 - 1
USER_ERROR: Final = "UserError"

Data = tuple[str, bytes]  # kind of data, payload
Metadata = dict[str, str] | None


class Malformed(Exception):
    """Not a message of the subprotocol."""


class WrongFrame(Exception):
    """A text frame where binary ones are spoken, or the reverse."""


class BadRequest(Exception):
    """A message that asks for something impossible. `ack_id` is whom to tell, if anybody."""

    def __init__(self, ack_id: int | None, text: str) -> None:
        super().__init__(text)
        self.ack_id = ack_id


class BadStream(Exception):
    """A stream that cannot be opened, or cannot go on like this."""

    def __init__(self, stream_id: str, text: str) -> None:
        super().__init__(text)
        self.stream_id = stream_id


class BadInvocation(Exception):
    def __init__(self, invocation_id: str, text: str) -> None:
        super().__init__(text)
        self.invocation_id = invocation_id


@dataclass(frozen=True, slots=True)
class JoinGroup:
    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class SendToGroup:
    group: str
    data_type: str
    payload: bytes
    ack_id: int | None
    no_echo: bool
    ttl: int
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Event:
    event: str
    data_type: str
    payload: bytes
    ack_id: int | None
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class SequenceAck:
    sequence: int


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class OpenStream:
    """`idle` is in seconds. Lifetime and metadata are those of each of its messages."""

    stream_id: str
    group: str
    no_echo: bool
    idle: float
    ttl: int
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class StreamData:
    """`data` is None for one that only keeps the stream alive."""

    stream_id: str
    sequence: int
    data: Data | None


@dataclass(frozen=True, slots=True)
class EndStream:
    stream_id: str
    error: StreamError | None


@dataclass(frozen=True, slots=True)
class Invoke:
    invocation_id: str
    event: str
    data_type: str
    payload: bytes
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class CancelInvocation:
    invocation_id: str


@dataclass(frozen=True, slots=True)
class SetGroupState:
    """`state` is None to clear it."""

    group: str
    state: Metadata
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class WatchGroupState:
    """Subscribe to it, or (not `wanted`) no longer."""

    group: str
    wanted: bool
    ack_id: int | None


StreamRequest = OpenStream | StreamData | EndStream
GroupStateRequest = SetGroupState | WatchGroupState
InvocationRequest = Invoke | CancelInvocation
Acknowledged = JoinGroup | LeaveGroup | SendToGroup | Event | GroupStateRequest  # may have an ack id
Request = Acknowledged | SequenceAck | Ping | StreamRequest | InvocationRequest


# Checks, for whoever reads requests.


def checked_group(group: str, ack_id: int | None) -> str:
    if not is_group(group):
        raise BadRequest(ack_id, "Invalid group name.")
    return group


def checked_event(event: str, ack_id: int | None) -> str:
    if EVENT.fullmatch(event) is None:
        raise BadRequest(ack_id, "Invalid event name.")
    return event


def checked_ttl(ttl: int, ack_id: int | None) -> int:
    if not 0 <= ttl <= TTL_AT_MOST:
        raise BadRequest(ack_id, f"ttlSeconds must be between 0 and {TTL_AT_MOST}.")
    return ttl


def checked_metadata(metadata: Metadata, ack_id: int | None) -> Metadata:
    """Also of a group state, which is bounded alike."""
    if metadata:
        wrong = check_metadata(metadata)
        if wrong:
            raise BadRequest(ack_id, wrong)
    return metadata


def checked_name(name: str) -> str:
    """A stream's or an invocation's."""
    if not 0 < len(name) <= NAME_LENGTH:
        raise Malformed(f"a stream or an invocation is named by 1 to {NAME_LENGTH} characters")
    return name


def data_or_nothing(data: Data | None, metadata: Metadata, data_type: str = TEXT) -> Data:
    if data is not None:
        return data
    if metadata:
        return data_type, b""
    raise Malformed("no data")


def open_stream(
    stream_id: str,
    group: str,
    *,
    idle: int | None,
    has_data: bool,
    ack_id: int | None,
    no_echo: bool,
    ttl: int,
    metadata: Metadata,
) -> OpenStream:
    """`idle` as it was written: milliseconds."""
    checked_name(stream_id)
    if has_data or ack_id is not None:
        raise BadStream(stream_id, "A stream is opened without data and without an ackId.")
    milliseconds = IDLE_DEFAULT if idle is None else idle
    if not 0 < milliseconds <= IDLE_AT_MOST:
        raise BadStream(stream_id, f"idleTimeoutMs must be between 1 and {IDLE_AT_MOST}.")
    try:
        checked_group(group, None)
        checked_ttl(ttl, None)
        checked_metadata(metadata, None)
    except BadRequest as error:
        raise BadStream(stream_id, str(error)) from None
    return OpenStream(stream_id, group, no_echo, milliseconds / 1000, ttl, metadata)


def stream_data(stream_id: str, sequence: int | None, data: Data | None) -> StreamData:
    checked_name(stream_id)
    if (data is None) != (sequence is None):
        raise BadStream(stream_id, "Data and streamSequenceId come together, or neither does.")
    if sequence is not None and not 0 < sequence < UINT64:
        raise BadStream(stream_id, "The first streamSequenceId is 1.")
    return StreamData(stream_id, sequence or 0, data)


def invoke(invocation_id: str, event: str, data: Data | None, metadata: Metadata) -> Invoke:
    checked_name(invocation_id)
    try:
        checked_event(event, None)
        checked_metadata(metadata, None)
    except BadRequest as error:
        raise BadInvocation(invocation_id, str(error)) from None
    data_type, payload = (TEXT, b"") if data is None else data
    return Invoke(invocation_id, event, data_type, payload, metadata)
