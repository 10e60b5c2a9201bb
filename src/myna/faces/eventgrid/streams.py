"""GET /mqtt/messages with `Accept: text/event-stream`: a subscription whose messages arrive as server-sent events.

    id: <stream>.<number>           what a client sends back as Last-Event-ID
    event: message                  or `gap`: so many messages were lost, because it fell behind or stayed away too
                                    long; null where the stream is forgotten, and with it how many there were
    data: {"topic": …}

A stream outlives its connection for a while and keeps the latest messages, so that a client which comes back misses
nothing. What a newcomer gets wrong: deliveries are not acknowledged. A message is lost when a client stays away for
longer than that.
"""

import asyncio
import secrets
from collections import deque
from typing import Final, NamedTuple

import msgspec

from myna.core.counters import DROP_EXPIRED, DROP_MEMORY, DROP_QUEUE_FULL
from myna.core.message import Message
from myna.core.queue import CROWDED_BYTES
from myna.core.receiver import TAKEN, Receiver, Subscription
from myna.core.subscribing import Asked
from myna.faces.eventgrid.answers import Fault, refusal
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.decoding import decode_flag, decode_percent
from myna.faces.eventgrid.endpoint import Call, Endpoint, Reply, find_header, request_headers
from myna.faces.eventgrid.naming import STREAM_QUERY, check_version, split_query
from myna.faces.eventgrid.presenting import as_object
from myna.faces.eventgrid.service import Service
from myna.formats.certificates import is_trusted
from myna.wire import reasons
from myna.wire.topics import check_filter

QUIET: Final = 15.0  # seconds until a comment shows that the connection lives
RETRY: Final = 2000  # milliseconds a browser should wait before it comes back
EVENTS: Final = (b"content-type", b"text/event-stream; charset=utf-8")
RUN: Final = 256  # events in one write
RUN_BYTES: Final = 256 * 1024  # and what they may weigh; the first may weigh more
UNKNOWN_GAP: Final = b'event: gap\ndata: {"lost":null}\n\n'  # nobody knows any more how many
_ENCODE: Final = msgspec.json.Encoder().encode


class Event(NamedTuple):
    number: int
    message: Message
    qos: int
    retain: bool


class Stream(Receiver):
    """One subscription. `connection` is the task that serves it now, if any."""

    def __init__(self, service: Service, caller: Caller, filter: str) -> None:
        super().__init__((service.tenant.name, "", caller.client_id), caller.identity)
        self.name = secrets.token_urlsafe(12)
        self.filter = filter
        self.caller = caller
        self.ended = False
        self.connection = 0  # how often somebody has connected; an older one gives way
        self.timer: asyncio.TimerHandle | None = None
        self.sent = 0  # the last one written to a connection
        self.bare = filter  # without a share group's name
        self._service = service
        self._kept: deque[Event] = deque()
        self._size = 0  # of those, in bytes; part of what the queues of sessions hold together
        self._last = 0
        self._news = asyncio.Event()

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        self._keep(message, min(message.qos, subscription.qos), message.retain and subscription.retain_as_published)
        return TAKEN

    def deliver_retained(self, messages: list[Message], subscription: Subscription, now: float) -> None:
        for message in messages:
            self._keep(message, min(message.qos, subscription.qos), True)

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        self.ended = True
        self._news.set()

    def take(self, after: int) -> tuple[int, list[Event]]:
        """How many were lost between `after` and the first that is still here, and the next few from there."""
        kept = self._kept
        if not kept or kept[-1].number <= after:
            return 0, []
        lost = max(kept[0].number - after - 1, 0)
        skip = after + 1 + lost - kept[0].number
        events: list[Event] = []
        size = 0
        for index in range(skip, min(skip + RUN, len(kept))):
            size += kept[index].message.size()
            if events and size > RUN_BYTES:
                break
            events.append(kept[index])
        return lost, events

    async def wait(self, after: int, connection: int, seconds: float) -> bool:
        """True when there may be something new to do; False when it stayed quiet."""
        self._news.clear()
        if self._last > after or self.ended or self.connection != connection:
            return True
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def connect(self) -> int:
        self.connection += 1
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._news.set()
        return self.connection

    def wake(self) -> None:
        self._news.set()

    def _keep(self, message: Message, qos: int, retain: bool) -> None:
        if self.ended:
            return  # its subscription ends in a moment; what is held would never be given back
        self._last += 1
        self._kept.append(Event(self._last, message, qos, retain))
        self._hold(message.size())
        settings, memory = self._service.settings, self._service.broker.core.queued
        while len(self._kept) > 1:  # the latest one is kept whatever it weighs
            if len(self._kept) > settings.stream_queue or self._size > settings.stream_bytes:
                self._let_go(DROP_QUEUE_FULL)
            elif memory.is_crowded() and self._size > CROWDED_BYTES:
                self._let_go(DROP_MEMORY)
            else:
                break
        self._news.set()

    def forget(self) -> None:
        """It is over: nothing is kept for anybody."""
        self._hold(-self._size)
        self._kept.clear()

    def _let_go(self, cause: str) -> None:
        oldest = self._kept.popleft()
        self._hold(-oldest.message.size())
        if oldest.number > self.sent:
            self._service.broker.core.counters.drop(cause)

    def _hold(self, size: int) -> None:
        self._size += size
        self._service.broker.core.queued.held += size


class Streams(Endpoint):
    NAME = "subscribe"

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._streams: dict[str, Stream] = {}
        self._closing: set[asyncio.Future[int]] = set()  # the loop itself holds tasks only weakly

    async def answer(self, call: Call) -> Reply | None:
        given = split_query(call.scope["query_string"], STREAM_QUERY)
        check_version(given.get("api-version"), self.service.settings.strict_api_version)
        accept = find_header(call.scope, b"accept")
        if accept is not None and b"text/event-stream" not in accept and b"*/*" not in accept:
            raise Fault("NotAcceptable", "subscriptions come as text/event-stream")
        filter = _read_filter(given)
        if call.scope["method"] == "HEAD":
            return Reply(200, [EVENTS])
        stream, after = self._find(call, filter)
        greeting = b"retry: %d\n\n" % RETRY
        if stream is None:
            if find_header(call.scope, b"last-event-id"):
                greeting += UNKNOWN_GAP
            stream = await self._open(call.caller, filter, given)
        await self._serve(call, stream, after, greeting)
        return None

    def stop(self) -> None:
        """The broker is about to stop."""
        for stream in list(self._streams.values()):
            stream.end(reasons.SERVER_SHUTTING_DOWN, self.service.now())

    def open(self) -> list[Receiver]:
        """Those that somebody may still read."""
        return [stream for stream in self._streams.values() if not stream.ended]

    def recheck(self) -> None:
        """The namespace has changed: who may not have a stream any more loses it."""
        for stream in list(self._streams.values()):
            rules = stream.caller.rules
            if not (rules.is_enabled() and rules.grants().subscribe.covers(stream.bare)):
                stream.end(reasons.NOT_AUTHORIZED, self.service.now())

    def _find(self, call: Call, filter: str) -> tuple[Stream | None, int]:
        """The stream a returning client means, and the last event it has seen."""
        last = (find_header(call.scope, b"last-event-id") or b"").decode("ascii", "replace")
        name, _, number = last.rpartition(".")
        stream = self._streams.get(name)
        if stream is None or not (number.isascii() and number.isdigit() and len(number) < 19):
            return None, 0
        caller = call.caller
        if stream.ended or stream.filter != filter or stream.caller.identity.user != caller.identity.user:
            return None, 0
        if not caller.rules.grants().subscribe.covers(stream.bare):
            return None, 0  # who opens another is told so
        stream.caller = caller  # perhaps with a new token
        stream.identity = caller.identity
        return stream, int(number)

    async def _open(self, caller: Caller, filter: str, given: dict[str, bytes]) -> Stream:
        settings = self.service.settings
        if len(self._streams) >= settings.streams:
            raise Fault("ServerBusy", "too many event streams are open", retry_after=5.0)
        own = sum(stream.caller.client_id == caller.client_id for stream in self._streams.values())
        if own >= settings.streams_per_client:
            raise Fault("QuotaExceeded", "too many event streams of this client are open", retry_after=5.0)
        stream = Stream(self.service, caller, filter)
        qos = decode_flag(given.get("qos", b"1"), "InvalidQos", "qos")
        retained = decode_flag(given.get("retained", b"1"), "InvalidParameter", "retained")
        asked = Asked(filter, qos, retain_as_published=True, retain_handling=0 if retained else 2)
        granted = await self.service.broker.subscribe(stream, asked)
        if granted.subscription is None:
            text = f"Topic filter '{filter[:256]}' does not match any topicspaces"
            raise refusal(granted.code, text, "topicFilter")
        stream.bare = granted.subscription.filter
        self._streams[stream.name] = stream
        return stream

    async def _serve(self, call: Call, stream: Stream, after: int, greeting: bytes) -> None:
        connection = stream.connect()
        leaving = asyncio.ensure_future(_left(call, stream))
        headers = [
            EVENTS,
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *request_headers(call.scope, call.request_id),
            *self.service.cors_headers(call.scope),
        ]
        call.started = True
        try:
            await call.send({"type": "http.response.start", "status": 200, "headers": headers})
            await _write(call, greeting)
            await self._pump(call, stream, connection, after, leaving)
            await call.send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            if stream.connection == connection:
                self._leave(stream)

    async def _pump(
        self, call: Call, stream: Stream, connection: int, after: int, leaving: "asyncio.Future[None]"
    ) -> None:
        while not (stream.ended or leaving.done()) and stream.connection == connection:
            seconds = self._patience(stream)
            if seconds <= 0.0:
                return  # the token has expired; who comes back with another goes on from here
            if not is_trusted(call.scope.get("extensions", {}).get("tls", {}).get("myna.certificate")):
                stream.end(reasons.NOT_AUTHORIZED, self.service.now())
                return
            if self.service.doorman.ban_of(stream.caller, call.scope, self.service.now()) is not None:
                stream.end(reasons.ADMINISTRATIVE_ACTION, self.service.now())
                return
            lost, events = stream.take(after)
            if events:
                now = self.service.now()
                text = b'event: gap\ndata: {"lost":%d}\n\n' % lost if lost else b""
                alive = [event for event in events if not event.message.is_expired(now)]
                if len(alive) < len(events):
                    self.service.broker.core.counters.drop(DROP_EXPIRED, len(events) - len(alive))
                text += b"".join(_show(stream.name, event, now) for event in alive)
                stream.sent = after = events[-1].number
                if text:
                    await _write(call, text)
                self.service.metrics.bytes_out += len(text)
            elif not await stream.wait(after, connection, min(seconds, QUIET)):
                await _write(call, b": quiet\n\n")

    def _patience(self, stream: Stream) -> float:
        expires = stream.caller.expires_at
        return expires - self.service.now() if expires else QUIET

    def _leave(self, stream: Stream) -> None:
        """The connection has gone; the stream waits for the next one, unless it is over."""
        memory = self.service.settings.stream_memory
        if stream.ended or not memory:
            self._close(stream)
        else:
            stream.timer = asyncio.get_running_loop().call_later(memory, self._close, stream)

    def _close(self, stream: Stream) -> None:
        stream.ended = True
        stream.forget()
        if self._streams.pop(stream.name, None) is not None:
            task = asyncio.ensure_future(self.service.broker.unsubscribe(stream, stream.filter, judged=True))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _left(call: Call, stream: Stream) -> None:
    """Returns when the client has gone, and lets the stream know."""
    while (await call.receive())["type"] != "http.disconnect":
        pass
    stream.wake()


async def _write(call: Call, text: bytes) -> None:
    await call.send({"type": "http.response.body", "body": text, "more_body": True})


def _read_filter(given: dict[str, bytes]) -> str:
    filter = decode_percent(given.get("topicFilter", b""), "topicFilter")
    if not filter:
        raise Fault("MissingTopicFilter", "the query parameter topicFilter is missing or empty", "topicFilter")
    if not check_filter(filter):
        raise Fault("InvalidTopicFilter", "topicFilter is not a legal topic filter", "topicFilter")
    return filter


def _show(stream: str, event: Event, now: float) -> bytes:
    shown = as_object(event.message, event.qos, event.retain, now)
    return b"id: %s.%d\nevent: message\ndata: %s\n\n" % (stream.encode(), event.number, _ENCODE(shown))
