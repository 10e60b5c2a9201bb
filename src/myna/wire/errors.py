"""What wire raises: bytes that are no MQTT (Malformed) or MQTT that is not allowed (ProtocolViolation).

Each carries the reason code a server answers, so that whoever catches it needs no table. `level` is set only by a
CONNECT that could be read far enough to know in which version to refuse it.
"""

from myna.wire.reasons import MALFORMED_PACKET, PROTOCOL_ERROR


class WireError(Exception):
    """Bytes from a peer that end its connection. `reason` is the MQTT 5 reason code that says why."""

    def __init__(self, message: str, reason: int, level: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.level = level


class Malformed(WireError):
    """The bytes cannot be read as a packet (§4.13.1)."""

    def __init__(self, message: str, reason: int = MALFORMED_PACKET, level: int = 0) -> None:
        super().__init__(message, reason, level)


class ProtocolViolation(WireError):
    """The packet can be read, and breaks a rule (§4.13.1)."""

    def __init__(self, message: str, reason: int = PROTOCOL_ERROR, level: int = 0) -> None:
        super().__init__(message, reason, level)
