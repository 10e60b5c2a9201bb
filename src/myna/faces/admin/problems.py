"""What is wrong with a request, as problem details (RFC 9457) that name the parameter at fault.

Whoever finds something raises a Problem; only `endpoint` turns it into an answer.
"""

from typing import Final

from msgspec import Struct

TITLES: Final = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Content Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


class ProblemDetails(Struct, omit_defaults=True):
    """`parameter` is the name of what was wrong in the path, the query or the body."""

    title: str
    status: int
    detail: str
    parameter: str = ""
    problems: list[str] = []


class Problem(Exception):
    def __init__(self, status: int, detail: str, parameter: str = "", problems: list[str] | None = None) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(TITLES[status], status, detail, parameter, problems or [])


def not_found(what: str) -> Problem:
    return Problem(404, what)
