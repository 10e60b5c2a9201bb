"""What BifroMQ answers: status, body and content type of each outcome, and which of the core's refusals is which.

Words (`OK`, `NO_MATCH`) carry no content type, texts of errors are plain text. What a newcomer gets wrong: an unknown
path or method is an empty 400 here, never 404 or 405.
"""

from typing import Any, Final

import msgspec

from myna.faces.contract import JSON
from myna.wire import reasons

TEXT: Final = (b"content-type", b"text/plain; charset=UTF-8")


class Answer:
    """One answer, ready to be sent as often as wanted; `req_id` is added to its headers."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", *headers: tuple[bytes, bytes]) -> None:
        self.status = status
        self.body = body
        self.headers = ((b"content-length", b"%d" % len(body)), *headers)


def text_answer(status: int, text: str) -> Answer:
    return Answer(status, text.encode(errors="replace"), TEXT)


def json_answer(value: Any) -> Answer:
    return Answer(200, msgspec.json.format(msgspec.json.encode(value), indent=2), JSON)


DONE: Final = Answer(200)
OK: Final = Answer(200, b"OK")
NO_MATCH: Final = Answer(200, b"NO_MATCH")
RETAINED: Final = Answer(200, b"RETAINED")
CLEARED: Final = Answer(200, b"CLEARED")
EXISTS: Final = Answer(200, b"EXISTS")
NO_SUB: Final = Answer(200, b"NO_SUB")

UNKNOWN_PATH: Final = Answer(400)
UNNAMED_TENANT: Final = Answer(400, b"", TEXT)
UNUSABLE: Final = Answer(400)
INVALID_QOS: Final = text_answer(400, "Invalid QoS")
INVALID_EXPIRY: Final = text_answer(400, "Invalid expiry seconds")
INVALID_REDIRECT: Final = text_answer(400, "Invalid server redirect value")
LONG_REFERENCE: Final = text_answer(400, "Server reference exceeds 65535 bytes")
INVALID_FILTER: Final = Answer(400, b"TOPIC_FILTER_INVALID")
EXCEED_LIMIT: Final = Answer(400, b"EXCEED_LIMIT")
BUSY: Final = Answer(400, b"BACK_PRESSURE_REJECTED")
NO_WILDCARDS: Final = Answer(400, b"WILDCARD_NOT_SUPPORTED")
NO_SHARES: Final = Answer(400, b"SHARED_SUBSCRIPTION_NOT_SUPPORTED")

STRANGER: Final = Answer(401, b"", (b"www-authenticate", b'Bearer realm="bifromq"'))
FOREIGN_TENANT: Final = text_answer(403, "the caller belongs to another tenant")
BANNED: Final = Answer(403)
CALLERS: Final = {403: Answer(403), 429: Answer(429), 500: Answer(500), 503: Answer(503, b"", (b"retry-after", b"2"))}
DENIED: Final = Answer(401)
UNACCEPTED_TOPIC: Final = text_answer(403, "Unaccepted Topic")
NOT_FOUND: Final = Answer(404)
NO_INBOX: Final = Answer(404, b"NO_INBOX")
TOO_LARGE: Final = Answer(413)
FAILED: Final = Answer(500)


def come_again(wait: float) -> Answer:
    return Answer(429, b"", (b"retry-after", b"%d" % (wait + 1.0)))


# By reason code; what is not listed is FAILED.
PUBLISH: Final[dict[int, Answer]] = {
    reasons.TOPIC_NAME_INVALID: UNACCEPTED_TOPIC,
    reasons.NOT_AUTHORIZED: UNACCEPTED_TOPIC,  # a guard keeps the topic for itself
    reasons.QUOTA_EXCEEDED: BUSY,
    reasons.SERVER_BUSY: BUSY,
}
RETAIN: Final[dict[int, Answer]] = {
    reasons.SUCCESS: RETAINED,
    reasons.RETAIN_NOT_SUPPORTED: DENIED,
    reasons.QUOTA_EXCEEDED: EXCEED_LIMIT,
    reasons.PACKET_TOO_LARGE: EXCEED_LIMIT,
    reasons.SERVER_BUSY: BUSY,
}
SUBSCRIBE: Final[dict[int, Answer]] = {
    reasons.TOPIC_FILTER_INVALID: INVALID_FILTER,
    reasons.QUOTA_EXCEEDED: EXCEED_LIMIT,
    reasons.NOT_AUTHORIZED: DENIED,
    reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: NO_WILDCARDS,
    reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: NO_SHARES,
    reasons.SERVER_BUSY: BUSY,
}
UNSUBSCRIBE: Final[dict[int, Answer]] = {
    reasons.SUCCESS: OK,
    reasons.NO_SUBSCRIPTION_EXISTED: NO_SUB,
    reasons.TOPIC_FILTER_INVALID: INVALID_FILTER,
    reasons.NOT_AUTHORIZED: DENIED,
    reasons.SERVER_BUSY: BUSY,
}
