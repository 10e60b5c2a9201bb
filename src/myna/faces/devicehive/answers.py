"""Answers: members in the order the original writes them, and a refusal for everything else.

    {"action":A,"requestId":R,"status":"success", ... }
    {"action":A,"requestId":R,"code":C,"status":"error","error":"..."}

What a newcomer gets wrong: `requestId` is there even where the request had none, and comes back as it was sent.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from myna.faces.devicehive import texts
from myna.formats.inventory import Conflict, Unavailable

Members = dict[str, Any]

NULL: Final = b"null"


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, text: str | None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Stored:
    """An answer that waits only for a commit: the connection's next request need not. `finish` makes it."""

    __slots__ = ("done", "finish")

    def __init__(self, done: Any, finish: Callable[[], Members]) -> None:
        self.done = done  # a future
        self.finish = finish


Result = Members | Stored | Awaitable[Members]


def malformed() -> Refused:
    return Refused(400, texts.MALFORMED)


def denied() -> Refused:
    return Refused(403, texts.ACCESS_DENIED)


def invalid(*violations: tuple[str, object, str]) -> Refused:
    """What the original's bean validation says: property, value, and what is wrong with it."""
    lines = [texts.VIOLATION % (name, "null" if value is None else value, text) for name, value, text in violations]
    return Refused(400, texts.VALIDATION % "\n".join(lines))


def write_success(action: bytes, request_id: bytes, members: Members) -> bytes:
    head = b'{"action":' + action + b',"requestId":' + request_id + b',"status":"success"'
    if not members:
        return head + b"}"
    return head + b"," + msgspec.json.encode(members)[1:]


def write_error(action: bytes, request_id: bytes, refused: Refused) -> bytes:
    tail = msgspec.json.encode({"code": refused.code, "status": "error", "error": refused.text})
    return b'{"action":' + action + b',"requestId":' + request_id + b"," + tail[1:]


MALFORMED: Final = msgspec.json.encode({"code": 400, "status": "error", "error": texts.MALFORMED})


def refusal_of(error: Exception) -> Refused | None:
    """What becomes of the store's own refusals; None for a bug."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Conflict):
        return Refused(409, str(error))
    if isinstance(error, Unavailable):
        return Refused(500, texts.INTERNAL)
    return None
