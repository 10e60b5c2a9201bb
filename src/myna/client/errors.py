"""What can go wrong between a client and a broker, each with a text that names the cause and, where known, the cure.

Three kinds are worth telling apart, for they end in different exit codes: no connection, a broker that says no, and
what is not even sent because the broker has said beforehand that it would not take it.
"""

from typing import Final

from myna.wire.packets import MQTT_5
from myna.wire.reasons import reason_name

_BEFORE_5: Final = (
    "accepted",
    "unacceptable protocol version",
    "client identifier rejected",
    "server unavailable",
    "bad user name or password",
    "not authorized",
)


class ClientError(Exception):
    """Whatever ends a client's work. `code` is the broker's reason, if it gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class CannotConnect(ClientError):
    """There is nobody to talk to."""


class ConnectionLost(ClientError):
    """The connection ended before the work did."""


class Refused(ClientError):
    """The broker answered, and said no."""


class NotAllowed(ClientError):
    """Not sent: this broker has said that it does not take such a packet."""


def connack_text(code: int, level: int) -> str:
    """Why a CONNECT was refused, in words, for any version."""
    if level >= MQTT_5:
        return reason_name(code)
    return _BEFORE_5[code] if code < len(_BEFORE_5) else f"return code {code}"


def no_answer_hint(tls: bool, certificate: bool) -> str:
    """Why a connection may end before CONNACK. With TLS 1.3 a refused certificate is heard of only here."""
    if not tls:
        return "Is this a TLS port?"
    if not certificate:
        return "Does it want a client certificate (--cert, --key), or not speak this version of MQTT?"
    return "Does it not accept our certificate, or not speak this version of MQTT?"
