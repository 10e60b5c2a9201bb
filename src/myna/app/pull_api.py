"""Fetching events over HTTP, as consumers of Event Grid's namespaces do it, and publishing events to a topic.

    POST /topics/{topic}/eventsubscriptions/{name}:receive?maxEvents=1..100&maxWaitTime=10..120
    POST                                         …:acknowledge  …:release?releaseDelayInSeconds=…  …:reject  …:renewLock
    POST /topics/{topic}:publish

What a newcomer gets wrong: the verb behind the colon is part of the path's last segment.
"""

import asyncio
import hmac
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from myna.core.bans import words_of
from myna.core.message import Message, Origin
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import BodyTooLarge, ClientGone, Receive, Route, Scope, Send, answer, read_body
from myna.formats.cloudevents import BATCH, STRUCTURED, NotAnEvent, check_event
from myna.routing.destinations.pull import PullQueue

LARGEST: Final = 1024 * 1024
MOST_TOKENS: Final = 1000
SOURCE: Final = "http-events"
CONSUMER: Final = "\0consumer"  # among the names that are guessed; no client can have it
DELAYS: Final = (0, 10, 60, 600, 3600)
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")

Answer = tuple[int, Any]


class Refused(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class PullApi:
    def __init__(self, queues: Callable[[], Iterable[PullQueue]], broker: AsyncBroker, tenant: str) -> None:
        self._queues = queues
        self._broker = broker
        self._tenant = tenant

    def routes(self) -> list[Route]:
        return [
            Route("/topics/{call}", self._publishing, ("POST",)),
            Route("/topics/{topic}/eventsubscriptions/{call}", self._consuming, ("POST",)),
        ]

    async def _consuming(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _respond(send, self._consume(scope, receive))

    async def _publishing(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _respond(send, self._publish(scope, receive))

    # Consumers

    async def _consume(self, scope: Scope, receive: Receive) -> Answer:
        name, _, verb = scope["path_params"]["call"].rpartition(":")
        topic = scope["path_params"]["topic"]
        queues = [one for one in self._queues() if one.settings.topic == topic and one.name == name]
        self._admit(scope, queues)
        queue = queues[0]
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if verb == "receive":
            await read_body(scope, receive, LARGEST)
            return await _unless_gone(self._receive(queue, query), receive)
        tokens = await _tokens(scope, receive)
        if verb == "acknowledge":
            known = queue.acknowledge(tokens)
        elif verb == "release":
            known = queue.release(tokens, _number(query, "releaseDelayInSeconds", 0, 0, DELAYS[-1], DELAYS))
        elif verb == "reject":
            known = queue.reject(tokens)
        elif verb == "renewLock":
            known = queue.renew(tokens)
        else:
            raise Refused(404, "NotFound", f"there is no operation {verb!r}")
        await self._broker.safe()
        lost = [token for token in tokens if token not in set(known)]
        failed = [{"lockToken": token, "error": _error("TokenLost", "no event is locked by it")} for token in lost]
        return 200, {"failedLockTokens": failed, "succeededLockTokens": known}

    async def _receive(self, queue: PullQueue, query: dict[str, list[str]]) -> Answer:
        most = _number(query, "maxEvents", 1, 1, 100)
        patience = _number(query, "maxWaitTime", 60, 10, 120)
        found = await queue.receive(most, patience)
        return 200, {
            "value": [
                {
                    "brokerProperties": {"lockToken": token, "deliveryCount": count},
                    "event": msgspec.Raw(event.body),
                }
                for token, count, event in found
            ]
        }

    # Producers

    async def _publish(self, scope: Scope, receive: Receive) -> Answer:
        topic, _, verb = scope["path_params"]["call"].rpartition(":")
        queues = [one for one in self._queues() if one.settings.topic == topic]
        self._admit(scope, queues)
        if verb != "publish":
            raise Refused(404, "NotFound", f"there is no operation {verb!r}")
        events = await _events(scope, receive)
        now = self._broker.now()
        origin = Origin(SOURCE, self._tenant)
        kept = True
        for event in events:
            body = msgspec.json.encode(event)
            message = Message(str(event.get("subject") or topic), body, 1, False, origin, now)
            for queue in queues:
                kept = queue.put(message) and kept
        self._broker.core.journal.close()
        await self._broker.safe()
        if not kept:
            raise Refused(429, "QuotaExceeded", "a subscription's queue is full; try again later")
        return 200, {}

    def _admit(self, scope: Scope, queues: Sequence[PullQueue]) -> None:
        """Whoever shows wrong keys has to wait, as after any other login that fails."""
        core, now = self._broker.core, self._broker.now()
        address = str((scope.get("client") or ("unix", 0))[0])
        wait = core.logins.wait(address, CONSUMER, now)
        if wait > 0.0:
            raise Refused(429, "TooManyRequests", f"too many wrong keys came from this address: wait {wait:.0f} s")
        if _shows_key(scope, queues):
            core.logins.succeeded(address, CONSUMER)
            ban = core.bans.banned(self._tenant, "", "", address, now)
            if ban is None:
                return
            core.counters.refuse("topic_banned")
            core.watcher.refused("a call for events", self._tenant, "", address, words_of(ban), now)
            raise Refused(403, "Forbidden", words_of(ban))
        core.counters.refuse("topic_key")
        core.logins.failed(address, CONSUMER, now)
        core.watcher.refused("a call for events", self._tenant, "", address, "no key of this topic", now)
        raise Refused(401, "Unauthorized", "show a key of this topic: Authorization: SharedAccessKey <key>")


def _shows_key(scope: Scope, queues: Sequence[PullQueue]) -> bool:
    """One answer for no such thing and for a wrong key: who has none learns nothing."""
    shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, key = shown.partition(b" ")
    fits = scheme.lower() in (b"sharedaccesskey", b"bearer")
    known = [one.encode() for queue in queues for one in queue.settings.keys]
    return any([hmac.compare_digest(key.strip(), one) for one in known]) and fits


async def _unless_gone(work: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
    """What is received for somebody who has left would be locked for nobody."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _respond(send: Send, work: Any) -> None:
    try:
        status, body = await work
    except ClientGone:
        return
    except BodyTooLarge:
        status, body = 413, {"error": _error("PayloadTooLarge", f"at most {LARGEST} bytes")}
    except NotAnEvent as error:
        status, body = 400, {"error": _error("BadRequest", str(error))}
    except Refused as refused:
        status, body = refused.status, {"error": _error(refused.code, str(refused))}
    await answer(send, status, msgspec.json.encode(body), (_JSON,))


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _number(
    query: dict[str, list[str]], name: str, default: int, least: int, most: int, allowed: Sequence[int] = ()
) -> int:
    given = query.get(name, [str(default)])[-1]
    if given.isascii() and given.isdecimal() and len(given) < 9:
        value = int(given)
        if least <= value <= most and (not allowed or value in allowed):
            return value
    expected = ", ".join(map(str, allowed)) if allowed else f"{least} to {most}"
    raise Refused(400, "BadRequest", f"{name}: {expected}")


async def _tokens(scope: Scope, receive: Receive) -> list[str]:
    body = await read_body(scope, receive, LARGEST)
    try:
        tokens = msgspec.json.decode(body, type=dict[str, list[str]]).get("lockTokens", [])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        tokens = []
    if not tokens or len(tokens) > MOST_TOKENS:
        raise Refused(400, "BadRequest", f'the body is {{"lockTokens": ["…"]}}, with 1 to {MOST_TOKENS} of them')
    return list(dict.fromkeys(tokens))


async def _events(scope: Scope, receive: Receive) -> list[dict[str, Any]]:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    kind = headers.get(b"content-type", "").lower()
    body = await read_body(scope, receive, LARGEST)
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAnEvent(f"the body is no JSON: {error}") from None
    if kind.startswith(BATCH):
        if not isinstance(decoded, list):
            raise NotAnEvent("a batch is a JSON array")
        return [check_event(one) for one in decoded]
    if not kind.startswith(STRUCTURED):
        raise Refused(415, "UnsupportedMediaType", f"send {STRUCTURED} or {BATCH}")
    return [check_event(decoded)]
