"""What REST answers: statuses, the flat error body, and the two media types it comes in.

    Info, Warning, Error.<Kind>.NotExisted    application/json             a target that is not there
    Error.BadRequest                          application/problem+json     a request that cannot be read

What a newcomer gets wrong: SDKs accept exactly one status per operation, and their tests read the raw body of a
validation error, which they are given only if its type is not application/json.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

from myna.core.outcome import Outcome, Refusal
from myna.faces.webpubsub.payloads import encode_json
from myna.wire import reasons

Header = tuple[bytes, bytes]

VERSIONS: Final = b"2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01"
SUPPORTED: Final[Header] = (b"api-supported-versions", VERSIONS)
JSON_TYPE: Final[Header] = (b"content-type", b"application/json; charset=utf-8")
PROBLEM_TYPE: Final[Header] = (b"content-type", b"application/problem+json; charset=utf-8")

BAD_REQUEST: Final = "Error.BadRequest"

INVALID_JSON: Final = "The request body is not a valid JSON."
INVALID_LENGTH: Final = "Invalid Content-Length header."
INVALID_HUB: Final = "Invalid hub name."
INVALID_GROUP: Final = "Invalid group name."


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = (SUPPORTED,)


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


OK: Final = Answer(200)
ACCEPTED: Final = Answer(202)
NO_CONTENT: Final = Answer(204)
UNAUTHORIZED: Final = Answer(401, b"", (SUPPORTED, (b"www-authenticate", b"Bearer")))
NOT_FOUND: Final = Answer(404)
UNAVAILABLE: Final = Answer(503, b"", (SUPPORTED, (b"retry-after", b"1")))


def json_answer(value: object) -> Answer:
    return Answer(200, encode_json(value), (SUPPORTED, JSON_TYPE))


def error(status: int, code: str, message: str, target: str | None) -> Answer:
    body = encode_json({"code": code, "message": message, "target": target, "details": None, "innererror": None})
    return Answer(status, body, (SUPPORTED, JSON_TYPE, (b"x-ms-error-code", code.encode())))


def not_existed(level: str, kind: str, name: str) -> Answer:
    """`kind` is Connection, Group, User or Permission; `level` how grave that is: Info, Warning, Error."""
    return error(404, f"{level}.{kind}.NotExisted", f"{kind} `{name}` is not found.", kind)


def invalid(target: str, text: str) -> Answer:
    """A request that cannot be read: `target` is the parameter at fault."""
    body = encode_json(
        {
            "code": BAD_REQUEST,
            "message": text,
            "target": target,
            "errors": {target: [text]},
            "type": None,
            "title": "One or more validation errors occurred.",
            "status": 400,
            "detail": None,
            "instance": None,
            "extensions": {},
        }
    )
    return Answer(400, body, (SUPPORTED, PROBLEM_TYPE, (b"x-ms-error-code", BAD_REQUEST.encode())))


def too_many_requests(wait: float) -> Answer:
    """SDKs come again by themselves, after so many seconds."""
    text = "The hub sends as much as it may. Retry later."
    refused = error(429, "Error.TooManyRequests", text, None)
    return Answer(429, refused.body, (*refused.headers, (b"retry-after", b"%d" % max(1, ceil(wait)))))


def too_many_guesses(wait: float) -> Answer:
    """For whoever has shown many tokens that nobody has signed."""
    refused = error(429, "Error.TooManyRequests", "Too many bad tokens came from this address. Retry later.", None)
    return Answer(429, refused.body, (*refused.headers, (b"retry-after", b"%d" % max(1, ceil(wait)))))


def forbidden(text: str) -> Answer:
    return error(403, "Error.Forbidden", text, None)


def unsupported_type(content_type: str) -> Answer:
    return error(415, "Error.UnsupportedMediaType", f"Unsupported content type '{content_type[:100]}'.", "Content-Type")


# What the broker refused, as a status and a code of theirs. Anything else is a bad request.
REFUSALS: Final[dict[int, tuple[int, str]]] = {
    reasons.NOT_AUTHORIZED: (403, "Error.Forbidden"),
    reasons.QUOTA_EXCEEDED: (413, "Error.QuotaExceeded"),
    reasons.TOPIC_FILTER_INVALID: (400, BAD_REQUEST),
    reasons.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: (400, BAD_REQUEST),
    reasons.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: (400, BAD_REQUEST),
}


def of_outcome(outcome: Outcome | Refusal, success: Answer) -> Answer:
    if isinstance(outcome, Outcome):
        return success
    return of_reason(outcome.reason)


def of_reason(reason: int) -> Answer:
    status, code = REFUSALS.get(reason, (400, BAD_REQUEST))
    return error(status, code, f"The broker refused: {reasons.reason_name(reason)}.", None)
