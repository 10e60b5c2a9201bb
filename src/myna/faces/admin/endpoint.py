"""One operation of the API, and the frame around its handler: parameters and body in, a struct or bytes out, a Problem
for everything that is wrong.

What a newcomer gets wrong: an Operation is also what the description is made of, so what it says here is what the
server does.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from myna.faces.admin.parameters import Parameter, Values, read_parameters
from myna.faces.admin.problems import Problem
from myna.faces.contract import JSON, BodyTooLarge, ClientGone, Headers, Receive, Scope, Send, answer, read_body

log = logging.getLogger("myna.admin")

BODY: Final = 64 * 1024  # bytes of JSON in a request
PROBLEM: Final = (b"content-type", b"application/problem+json")
BYTES: Final = (b"content-type", b"application/octet-stream")
_FIELD: Final = re.compile("field `(.*)`")
NO_STORE: Final = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Call:
    """`values` by the names of the parameters; `body` is the decoded struct, or the bytes, of one that takes such."""

    values: Values
    body: Any = None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is a struct, bytes, or None for 204. `changed`: what the log names, where parameters do not say it."""

    body: Any = None
    status: int = 200
    headers: Headers = ()
    changed: str = ""


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`takes` is a struct, or bytes for any body; `gives` likewise, None for 204. `problems` are its own statuses."""

    method: str
    pattern: str
    name: str
    summary: str
    handler: Handler
    parameters: Sequence[Parameter] = ()
    takes: type | None = None
    gives: type | None = None
    status: int = 200
    problems: Sequence[int] = ()


class Endpoint:
    """The ASGI application of an operation. `limit` says how large a body of bytes may be."""

    def __init__(self, operation: Operation, limit: Callable[[Values], int]) -> None:
        self._operation = operation
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._answer(scope, receive)
        except Problem as problem:
            await _send_problem(send, problem)
            return
        except BodyTooLarge:
            await _send_problem(send, Problem(413, "the body is too large"))
            return
        except ClientGone:
            return
        except Exception:
            log.exception("%s failed by a bug of ours", self._operation.name)
            await _send_problem(send, Problem(500, "this failed by a bug of ours; the log says how"))
            return
        if self._operation.method != "GET":
            self._report(scope, reply.changed)
        if reply.body is None:
            await answer(send, 204, b"", (*reply.headers, NO_STORE))
        elif isinstance(reply.body, bytes):
            await answer(send, reply.status, reply.body, (BYTES, *reply.headers, NO_STORE))
        else:
            await answer(send, reply.status, msgspec.json.encode(reply.body), (JSON, *reply.headers, NO_STORE))

    def _report(self, scope: Scope, changed: str) -> None:
        """What an administrator has changed, and from where."""
        address = (scope.get("client") or ("a unix socket",))[0]
        given = [f"{name} {value!r}" for name, value in scope["path_params"].items()]
        query = scope["query_string"].decode("ascii", "replace")
        said = changed or ", ".join([*given, *([query] if query else [])])
        log.info("administrator at %s: %s%s", address, self._operation.name, f" of {said}" if said else "")

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        operation = self._operation
        values = read_parameters(operation.parameters, scope["path_params"], scope["query_string"])
        body: Any = None
        if operation.takes is bytes:
            body = await read_body(scope, receive, self._limit(values))
        elif operation.takes is not None:
            body = _decode(await read_body(scope, receive, BODY), operation.takes)
        return await operation.handler(Call(values, body))


def _decode(body: bytes, kind: type) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        field = _FIELD.search(text)
        raise Problem(400, text, path.strip(".`") or (field[1] if field else "")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


async def _send_problem(send: Send, problem: Problem) -> None:
    await answer(send, problem.details.status, msgspec.json.encode(problem.details), (PROBLEM, NO_STORE))
