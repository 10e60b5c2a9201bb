"""What this API answers: one table from error codes to statuses, one from the core's reason codes to error codes.

Whoever finds something wrong raises a Fault with a code; only here does a code become a status and a body. What a
newcomer gets wrong: a topic that cannot be decoded is 400, but one that can be and is no legal topic *name* is 403.
The contract leaves this open; it is decided in STATUS and nowhere else.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from myna.wire import reasons

Headers = list[tuple[bytes, bytes]]

STATUS: Final[dict[str, int]] = {
    "MissingTopic": 400,
    "MissingTopicFilter": 400,
    "InvalidEncoding": 400,
    "InvalidQos": 400,
    "InvalidRetain": 400,
    "InvalidPayloadFormatIndicator": 400,
    "InvalidMessageExpiry": 400,
    "InvalidCorrelationData": 400,
    "InvalidUserProperties": 400,
    "InvalidResponseTopic": 400,
    "InvalidContentType": 400,
    "InvalidParameter": 400,
    "InvalidTopicFilter": 400,
    "InvalidContinuationToken": 400,
    "InvalidBody": 400,
    "PropertyTooLarge": 400,
    "DuplicateParameter": 400,
    "UnsupportedApiVersion": 400,
    "Unauthorized": 401,
    "TokenExpired": 401,
    "InvalidTopicName": 403,
    "TopicNotAuthorized": 403,
    "ClientDisabled": 403,
    "NotFound": 404,
    "RetainedMessageNotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "MessageTooLarge": 413,
    "UnsupportedContentEncoding": 415,
    "QuotaExceeded": 429,
    "InternalError": 500,
    "RoutingError": 500,
    "ServerBusy": 503,
    "ReplyTimeout": 504,
}

# The core's refusals, in this API's codes.
REFUSALS: Final[dict[int, str]] = {
    reasons.NOT_AUTHORIZED: "TopicNotAuthorized",
    reasons.TOPIC_NAME_INVALID: "InvalidTopicName",
    reasons.TOPIC_FILTER_INVALID: "InvalidTopicFilter",
    reasons.PACKET_TOO_LARGE: "MessageTooLarge",
    reasons.QUOTA_EXCEEDED: "QuotaExceeded",
    reasons.MESSAGE_RATE_TOO_HIGH: "QuotaExceeded",
    reasons.PAYLOAD_FORMAT_INVALID: "InvalidPayloadFormatIndicator",
    reasons.RETAIN_NOT_SUPPORTED: "InvalidRetain",
    reasons.QOS_NOT_SUPPORTED: "InvalidQos",
    reasons.SERVER_BUSY: "ServerBusy",
}

# Statuses in the words of metrics and logs; what is not listed is ClientError below 500 and ServiceError from there.
_OUTCOMES: Final = {401: "AuthenticationError", 403: "AuthorizationError", 429: "QuotaExceeded"}


class Fault(Exception):
    """Something to be answered with an error. `retry_after`: seconds, for what passes by itself."""

    def __init__(
        self, code: str, message: str, target: str = "", *, retry_after: float = 0.0, token: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.target = target
        self.retry_after = retry_after
        self.token_given = token  # a 401 for a token that was sent says more than one for none

    @property
    def status(self) -> int:
        return STATUS[self.code]


def refusal(reason: int, text: str, target: str = "topic") -> Fault:
    """A refusal of the core as a fault of this API."""
    return Fault(REFUSALS.get(reason, "InternalError"), text, target)


def outcome_of(status: int) -> str:
    """The word for a status in metrics (`Error`) and logs (`resultSignature`); empty for success."""
    if status < 400:
        return ""
    return _OUTCOMES.get(status, "ClientError" if status < 500 else "ServiceError")


def error_value(fault: Fault) -> dict[str, str]:
    value = {"code": fault.code, "message": fault.message}
    if fault.target:
        value["target"] = fault.target
    return value


def error_body(fault: Fault) -> bytes:
    return msgspec.json.encode({"error": error_value(fault)})


def error_headers(fault: Fault, body: bytes, allow: Sequence[str] = ()) -> Headers:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-ms-error-code", fault.code.encode()),
    ]
    status = fault.status
    if status == 401:
        challenge = b'Bearer error="invalid_token"' if fault.token_given else b"Bearer"
        headers.append((b"www-authenticate", challenge))
    elif status == 405:
        headers.append((b"allow", ", ".join(allow).encode()))
    elif status in (429, 503):
        headers.append((b"retry-after", str(max(1, -int(-fault.retry_after // 1))).encode()))
    return headers
