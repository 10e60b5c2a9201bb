"""Refusals of MQTT clients by a connect handler: which code CONNACK bears.

    {"mqtt": {"code": 138, "reason": "text", "userProperties": [{"name": "n", "value": "v"}]}}

What a newcomer gets wrong: a handler that names no code, or one its client's version does not have, has refused all the
same. Then the HTTP status decides, or the code for "unspecified".
"""

from dataclasses import dataclass
from typing import Final

from myna.core.outcome import Refusal
from myna.faces.webpubsub.events.connect_event import BadAnswer, UserProperties, read_object, read_properties
from myna.faces.webpubsub.upstream import Reply
from myna.wire import reasons
from myna.wire.packets import MQTT_5

LONGEST_REASON: Final = 1024

# Return codes of 3.1.1, as reason codes that become them again.
_OLDER: Final = {
    1: reasons.UNSUPPORTED_PROTOCOL_VERSION,
    2: reasons.CLIENT_IDENTIFIER_NOT_VALID,
    3: reasons.SERVER_UNAVAILABLE,
    4: reasons.BAD_USER_NAME_OR_PASSWORD,
    5: reasons.NOT_AUTHORIZED,
}
# What an HTTP status means where the body names no code.
_BY_STATUS: Final = {400: reasons.BAD_USER_NAME_OR_PASSWORD, 401: reasons.NOT_AUTHORIZED}


@dataclass(frozen=True, slots=True)
class TurnedAway:
    refusal: Refusal
    words: UserProperties | None = None


def read_refusal(reply: Reply, level: int) -> TurnedAway:
    """Of any answer but a success, and of none at all."""
    fields = read_object(reply.body) if reply.body else {}
    mqtt = fields.get("mqtt")
    said = {name.lower(): value for name, value in mqtt.items()} if isinstance(mqtt, dict) else {}
    code = _code(said.get("code"), level)
    if code is None:
        code = _by_status(reply.status, level)
    text = said.get("reason")
    if not isinstance(text, str) or "\0" in text or not text.isprintable():
        text = "the connect handler has refused" if 400 <= reply.status < 500 else "the connect handler has failed"
    try:
        words = read_properties(said.get("userproperties"))
    except BadAnswer:
        words = None
    return TurnedAway(Refusal(code, text[:LONGEST_REASON]), words)


def _code(value: object, level: int) -> int | None:
    """As a reason code. None where none was named; "unspecified" for what this version does not have."""
    if type(value) is not int:
        return None
    unspecified = reasons.UNSPECIFIED_ERROR if level == MQTT_5 else reasons.SERVER_UNAVAILABLE
    if level < MQTT_5:
        return _OLDER.get(value, unspecified)
    return value if value in reasons.CONNACK_CODES and value >= 0x80 else unspecified


def _by_status(status: int, level: int) -> int:
    other = reasons.UNSPECIFIED_ERROR if level == MQTT_5 else reasons.SERVER_UNAVAILABLE
    return _BY_STATUS.get(status, other)
