"""What clients of all subprotocols are told besides messages; no subprotocol's way of writing it.

What a newcomer gets wrong: none of these has a sequence id, so none is sent again after a recovery.
"""

from dataclasses import dataclass
from typing import Final

from myna.faces.webpubsub.clients.requests import Data

FORBIDDEN: Final = "Forbidden"
BAD_REQUEST: Final = "BadRequest"
DUPLICATE: Final = "Duplicate"
SERVER_ERROR: Final = "InternalServerError"
TIMEOUT: Final = "Timeout"
STREAM_NOT_FOUND: Final = "StreamNotFound"
IDLE_TIMEOUT: Final = "IdleTimeout"
CANCELLED: Final = "Cancelled"
INVALID_SEQUENCE: Final = "InvalidSequenceId"
TRANSIENT: Final = "TransientError"


@dataclass(frozen=True, slots=True)
class Failure:
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Connected:
    connection_id: str
    user: str
    reconnection_token: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    reason: str


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Ack:
    ack_id: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Invoked:
    """What the back end has answered; `data` is None where that was nothing."""

    invocation_id: str
    data: Data | None = None
    metadata: dict[str, str] | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class StreamAck:
    stream_id: str
    expected: int


@dataclass(frozen=True, slots=True)
class StreamNack:
    stream_id: str
    expected: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class StreamClosed:
    stream_id: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class StateItem:
    """One connection's state in a group; None once it has been cleared. `updated_at` is in milliseconds since 1970."""

    connection_id: str
    user: str
    state: dict[str, str] | None
    updated_at: int


@dataclass(frozen=True, slots=True)
class GroupStateSnapshot:
    group: str
    items: list[StateItem]


@dataclass(frozen=True, slots=True)
class GroupStateUpdate:
    group: str
    items: list[StateItem]


Notice = (
    Ack
    | Pong
    | Connected
    | Disconnected
    | Invoked
    | StreamAck
    | StreamNack
    | StreamClosed
    | GroupStateSnapshot
    | GroupStateUpdate
)


def duplicate(ack_id: int) -> Ack:
    return Ack(ack_id, Failure(DUPLICATE, f"Message with ack-id: {ack_id} has been processed"))
