"""The frame around every handler but publish: who calls, the answer or Fault, and the headers all answers carry.

What a newcomer gets wrong: an answer that has begun cannot become an error. Handlers that stream get `send` for
themselves and must not raise Faults once they have started.
"""

import logging
from abc import ABC, abstractmethod
from typing import Final

from myna.faces.contract import BodyTooLarge, ClientGone, Receive, Scope, Send
from myna.faces.eventgrid.answers import Fault, Headers, error_body, error_headers
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.operations import CONNECTION_LOST
from myna.faces.eventgrid.service import Service

log = logging.getLogger("myna.eventgrid")

_ECHOED: Final = 256  # bytes of x-ms-client-request-id


class Reply:
    """A whole answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers | None = None, body: bytes = b"") -> None:
        self.status = status
        self.headers: Headers = [] if headers is None else headers
        self.body = body


class Call:
    """One request of an identified caller."""

    __slots__ = ("caller", "receive", "request_id", "scope", "send", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, caller: Caller) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.request_id = request_id
        self.caller = caller
        self.started = False  # the handler has begun to answer by itself


class Endpoint(ABC):
    NAME = ""  # of the operation, as the description has it; nothing is noted of one without

    def __init__(self, service: Service) -> None:
        self.service = service

    @abstractmethod
    async def answer(self, call: Call) -> Reply | None:
        """Raises Fault. None where it has answered by itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self.service
        request_id = service.next_id()
        call: Call | None = None
        try:
            authorization = find_header(scope, b"authorization")
            now = service.now()
            caller = service.doorman.find(authorization, now)
            if caller is None:
                caller = await service.doorman.identify(authorization, scope, now)
            call = Call(scope, receive, send, request_id, caller)
            reply = await self.answer(call)
        except Fault as fault:
            reply = fault_reply(fault)
        except BodyTooLarge:
            reply = fault_reply(Fault("MessageTooLarge", "the body is too large"))
        except ClientGone:
            self._note(call, scope, CONNECTION_LOST)
            return
        except Exception:
            if call is not None and call.started:
                self._note(call, scope, 500)
                raise  # only the end of the connection can tell the client now
            log.exception("request %s failed by a bug of ours", request_id)
            reply = fault_reply(Fault("InternalError", f"request {request_id} failed; the log says why"))
        if reply is not None:
            await send_reply(send, reply, [*request_headers(scope, request_id), *service.cors_headers(scope)])
        self._note(call, scope, 200 if reply is None else reply.status)

    def _note(self, call: Call | None, scope: Scope, status: int) -> None:
        if self.NAME:
            caller = None if call is None else call.caller
            self.service.operations.note(self.NAME, caller, scope, status, self.service.now())


class NotAllowed:
    """Every method that a path does not have."""

    def __init__(self, service: Service, methods: tuple[str, ...]) -> None:
        self._service = service
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        if scope["method"] == "OPTIONS" and service.settings.cors:
            await send_reply(send, Reply(204), preflight(self._methods, service.cors_headers(scope)))
            return
        methods = (*self._methods, "OPTIONS") if service.settings.cors else self._methods
        fault = Fault("MethodNotAllowed", f"this path takes {', '.join(methods)}")
        body = error_body(fault)
        reply = Reply(fault.status, error_headers(fault, body, methods), body)
        await send_reply(send, reply, request_headers(scope, service.next_id()))


class NotFound:
    """Every path below this API's that it does not have."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("ascii", "replace")[:200]
        reply = fault_reply(Fault("NotFound", f"there is nothing at {path}"))
        await send_reply(send, reply, request_headers(scope, self._service.next_id()))


def preflight(methods: tuple[str, ...], origin: Headers) -> Headers:
    """What a browser asks before it lets a page of another origin call us."""
    if not origin:
        return []
    return [
        *origin,
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", b"authorization, content-type, last-event-id, *"),
        (b"access-control-max-age", b"600"),
    ]


def fault_reply(fault: Fault) -> Reply:
    body = error_body(fault)
    return Reply(fault.status, error_headers(fault, body), body)


async def send_reply(send: Send, reply: Reply, more: Headers) -> None:
    headers = [*reply.headers, *more]
    if reply.status != 204 and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def request_headers(scope: Scope, request_id: str) -> Headers:
    headers = [(b"x-ms-request-id", request_id.encode())]
    echoed = find_header(scope, b"x-ms-client-request-id")
    if echoed is not None and may_echo(echoed):
        headers.append((b"x-ms-client-request-id", echoed))
    return headers


def may_echo(value: bytes) -> bool:
    return len(value) <= _ECHOED and value.isascii() and value.decode("ascii").isprintable()


def find_header(scope: Scope, name: bytes) -> bytes | None:
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None
