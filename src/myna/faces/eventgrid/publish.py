"""POST /mqtt/messages: one HTTP request becomes one MQTT publication.

A plain ASGI application in front of the router, because it is the call whose speed matters. What a newcomer gets
wrong: 202 and 204 do not say whether anybody listens. 202 means that a routing rule has taken the message to deliver
it later; who wants to know about subscribers reads `mqtt-reason-code`, 0 or 16.
"""

import logging
from typing import Final

from myna.core.outcome import Outcome
from myna.core.ports import CARRIED, NOT_CARRIED
from myna.faces.contract import BodyTooLarge, ClientGone, Receive, Scope, Send, read_body
from myna.faces.eventgrid.answers import Fault, Headers, error_body, error_headers
from myna.faces.eventgrid.attempts import Attempt
from myna.faces.eventgrid.endpoint import may_echo
from myna.faces.eventgrid.identify import address_of
from myna.faces.eventgrid.naming import Headers as PublishHeaders
from myna.faces.eventgrid.naming import read_headers, read_publication, read_query
from myna.faces.eventgrid.replies import Replies
from myna.faces.eventgrid.service import Service

log = logging.getLogger("myna.eventgrid")

REASON: Final = b"mqtt-reason-code"
MATCHED: Final = (REASON, b"0")
NO_SUBSCRIBERS: Final = (REASON, b"16")

NO_ROOM: Final = (
    "published to those who subscribe, but not routed: the queue of a destination is full; "
    "GET /api/admin/routes says which, and why it is not emptied"
)

NO_HEADERS: Final[Scope] = {"headers": ()}


class Publish:
    def __init__(self, service: Service, replies: Replies) -> None:
        self._service = service
        self._replies = replies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        headers = read_headers(scope["headers"])
        attempt = Attempt(service.next_id(), address_of(scope))
        fault: Fault | None = None
        try:
            status, answer, body = await self._try(attempt, headers, scope, receive)
        except ClientGone:
            return
        except Exception as error:
            fault = self._as_fault(error, attempt)
            body = error_body(fault)
            status, answer = fault.status, error_headers(fault, body)
        answer.append((b"x-ms-request-id", attempt.request_id.encode()))
        echoed = headers.get(b"x-ms-client-request-id")
        if echoed is not None and may_echo(echoed):
            answer.append((b"x-ms-client-request-id", echoed))
        if service.settings.cors:
            answer += service.cors_headers(scope)
        await send({"type": "http.response.start", "status": status, "headers": answer})
        await send({"type": "http.response.body", "body": body})
        attempt.note(service, status, fault)

    async def _try(
        self, attempt: Attempt, headers: PublishHeaders, scope: Scope, receive: Receive
    ) -> tuple[int, Headers, bytes]:
        service = self._service
        now = service.now()
        authorization = headers.get(b"authorization")
        caller = service.doorman.find(authorization, now)
        if caller is None:
            caller = await service.doorman.identify(authorization, scope, now)
        attempt.caller = caller
        query = read_query(scope["query_string"], service.settings.strict_api_version)
        publication = attempt.publication = read_publication(query, headers)
        payload = await read_payload(headers.get(b"content-length"), receive, service.message_limit())
        attempt.size = len(payload)
        if publication.reply_wait:
            answer, body = await self._replies.ask(caller, publication, payload, attempt.address, receive)
            return 200, answer, body
        status, answer = say(await service.publish(caller, publication, payload, attempt.address, now))
        return status, answer, b""

    def _as_fault(self, error: Exception, attempt: Attempt) -> Fault:
        if isinstance(error, Fault):
            return error
        if isinstance(error, BodyTooLarge):
            return Fault("MessageTooLarge", f"the message is larger than {self._service.message_limit()} bytes")
        log.error("publishing failed by a bug of ours, request %s", attempt.request_id, exc_info=error)
        return Fault("InternalError", f"request {attempt.request_id} failed; the log says why")


async def read_payload(length: bytes | None, receive: Receive, limit: int) -> bytes:
    """As `contract.read_body`, for a caller that has been through the headers."""
    if length is not None and int(length) > limit:
        raise BodyTooLarge
    message = await receive()
    payload: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientGone
    if not message.get("more_body", False):
        if len(payload) > limit:
            raise BodyTooLarge
        return payload
    return payload + await read_body(NO_HEADERS, receive, limit - len(payload))


def say(outcome: Outcome) -> tuple[int, Headers]:
    """The one place that decides between 202 and 204. Raises Fault where a rule had no room for it."""
    if outcome.carried == NOT_CARRIED:
        raise Fault("RoutingError", NO_ROOM)
    return 202 if outcome.carried == CARRIED else 204, [MATCHED if outcome.matched else NO_SUBSCRIBERS]
