"""One request of the API: what every one of them goes through, in the contract's order, before its own handler.

    body too large 413    stranger 401    tenant_id missing 400    larger than the tenant's payload 413    the handler

What a newcomer gets wrong: this is the hot path of `/pub`. A request costs one dictionary of its headers, one Call and
the message; everything that repeats (answers, callers, topics) is looked up.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from myna.core.bans import words_of
from myna.core.broker import Broker
from myna.faces.bifromq import answers
from myna.faces.bifromq.answers import Answer, text_answer
from myna.faces.bifromq.naming import (
    CLIENT_META,
    REQ_ID,
    TENANT_ID,
    Metadata,
    RequestIds,
    Unusable,
    decode_value,
    read_integer,
    read_metadata,
)
from myna.faces.bifromq.protection import Protection, address_of
from myna.faces.contract import BodyTooLarge, ClientGone, Receive, Scope, Send, answer

CONTENT_LENGTH: Final = b"content-length"
TRANSFER_ENCODING: Final = b"transfer-encoding"


class Call:
    """What a handler is given. `headers` go by their names in lower case; of repeated ones the first counts."""

    __slots__ = ("body", "headers", "scope", "tenant")

    def __init__(self, headers: dict[bytes, bytes], scope: Scope, body: bytes) -> None:
        self.headers = headers
        self.scope = scope
        self.tenant = ""
        self.body = body

    def raw(self, name: bytes) -> bytes:
        value = self.headers.get(name)
        if value is None:
            raise Unusable(f"header not found: {name.decode()}")
        return value

    def text(self, name: bytes) -> str:
        return decode_value(self.raw(name))

    def optional_text(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else decode_value(value)

    def number(self, name: bytes) -> int:
        value = self.raw(name)
        return value[0] - 48 if len(value) == 1 and value.isdigit() else read_integer(decode_value(value))

    def optional_number(self, name: bytes) -> int | None:
        value = self.headers.get(name)
        return None if value is None else read_integer(decode_value(value))

    def metadata(self) -> Metadata:
        """The `client_meta_*` pairs, in the spelling they were sent in."""
        for name in self.headers:
            if name.startswith(CLIENT_META):
                return read_metadata(self.scope["extensions"]["myna.raw_headers"])
        return ()


async def _read_rest(first: bytes, receive: Receive, limit: int) -> bytes:
    """The whole of a body that comes in pieces, or is in one piece too large."""
    pieces = [first]
    size = len(first)
    more = True
    while more:
        if size > limit:
            raise BodyTooLarge
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        pieces.append(event["body"])
        size += len(event["body"])
        more = event["more_body"]
    if size > limit:
        raise BodyTooLarge
    return b"".join(pieces)


Handler = Callable[[Call], Awaitable[Answer]]


class Desk:
    """What all endpoints share."""

    def __init__(
        self,
        broker: Broker,
        protection: Protection,
        ids: RequestIds,
        body_limit: int,
        now: Callable[[], float],
    ) -> None:
        self.broker = broker
        self.protection = protection
        self.ids = ids
        self.body_limit = body_limit
        self._now = now

    def is_banned(self, call: Call) -> bool:
        """In the tenant that is called for, or in all."""
        address, now = address_of(call.scope), self._now()
        ban = self.broker.bans.banned(call.tenant, "", "", address, now)
        if ban is None:
            return False
        self.broker.counters.refuse("bifromq:banned")
        self.broker.watcher.refused("a call", call.tenant, "", address, words_of(ban), now)
        return True


class Endpoint:
    """An ASGI application around one handler. Calls that concern no tenant need name none."""

    def __init__(self, desk: Desk, handler: Handler, *, of_tenant: bool = True) -> None:
        self._desk = desk
        self._handler = handler
        self._of_tenant = of_tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        desk = self._desk
        try:
            length = headers.get(CONTENT_LENGTH)
            if length is None and TRANSFER_ENCODING not in headers:
                body = b""
            elif length is not None and int(length) > desk.body_limit:
                raise BodyTooLarge
            else:
                event = await receive()  # for nearly all, the whole of it
                if event["type"] == "http.disconnect":
                    return
                body = event["body"]
                if event["more_body"] or len(body) > desk.body_limit:
                    body = await _read_rest(body, receive, desk.body_limit)
        except BodyTooLarge:
            await answer(send, 413)  # before anything is looked at, its req_id included
            return
        except ClientGone:
            return
        call = Call(headers, scope, body)
        said: Answer | None = None
        if desk.protection.is_on:
            said = desk.protection.wait(scope, headers)
            if said is None and not desk.protection.admits(scope, headers):
                said = await desk.protection.judge(scope, headers)
        if said is None:
            said = self._refusal(call)
        if said is None:
            try:
                said = await self._handler(call)
            except Unusable as error:
                said = text_answer(400, str(error))
        rest = (REQ_ID, desk.ids.of(headers.get(REQ_ID)))
        await send({"type": "http.response.start", "status": said.status, "headers": (*said.headers, rest)})
        await send({"type": "http.response.body", "body": said.body})

    def _refusal(self, call: Call) -> Answer | None:
        """What can be said against a call before anybody knows what it asks for."""
        desk = self._desk
        if not self._of_tenant:
            return None
        named = call.headers.get(TENANT_ID)
        if not named:
            return answers.UNNAMED_TENANT
        call.tenant = decode_value(named)
        if desk.broker.bans and desk.is_banned(call):
            return answers.BANNED
        largest = desk.broker.limits_of(call.tenant).packet_size
        return answers.TOO_LARGE if largest and len(call.body) > largest else None
