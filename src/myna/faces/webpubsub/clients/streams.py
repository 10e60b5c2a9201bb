"""Streams of one client: a message to a group in pieces that are numbered, acknowledged and ended.

    sendToGroup with a stream    opens it; the publisher hears what number is expected
    streamData                   published as a message of the group, or, too early, refused: send from `expected` on
    streamData without data      keeps it alive
    streamEnd, silence, a lost permission, the client's end      the last message, which has no data but says why

Members with a subprotocol see which piece of what stream a message is, and the end; for all others the pieces are
ordinary messages, and the end is none. Acks leave together at the end of a turn, those of stored pieces once they are
safe. What a newcomer gets wrong: a stream outlives the socket as long as its client does, idle or not.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from myna.core.deadlines import Deadline, Timed
from myna.core.outcome import Refusal
from myna.faces.webpubsub.clients.notices import (
    BAD_REQUEST,
    CANCELLED,
    FORBIDDEN,
    IDLE_TIMEOUT,
    INVALID_SEQUENCE,
    STREAM_NOT_FOUND,
    TRANSIENT,
    Failure,
    StreamAck,
    StreamClosed,
    StreamNack,
)
from myna.faces.webpubsub.clients.requests import Data, EndStream, OpenStream, StreamData, StreamRequest
from myna.faces.webpubsub.naming import SEND, TEXT, is_reserved
from myna.faces.webpubsub.payloads import StreamError, StreamPlace
from myna.wire import reasons

if TYPE_CHECKING:
    from myna.faces.webpubsub.clients.pubsub_client import PubSubClient

ENDED_REMEMBERED: Final = 32  # ends that may have been lost with the socket, and are told again


class Stream(Timed):
    """`acked`: what its publisher may know to be expected; `expected` is ahead of it while the store is behind. `told`:
    what a refusal has had to give away of that; what is said later must not be less.
    """

    def __init__(self, owner: "Streams", opened: OpenStream, now: float) -> None:
        self._owner = owner
        self.opened = opened
        self.expected = 1
        self.acked = 1
        self.told = 1
        self.heard = now
        self.is_ending = False  # its members know; its publisher hears when the store has all of it
        self.deadline: Deadline | None = None

    def ack(self) -> StreamAck:
        return StreamAck(self.opened.stream_id, max(self.acked, self.told))

    def nack(self, name: str, text: str) -> StreamNack:
        self.told = self.expected
        return StreamNack(self.opened.stream_id, self.expected, Failure(name, text))

    def due(self, now: float) -> None:
        self._owner.is_due(self, now)


class AcksDue(Timed):
    def __init__(self, owner: "Streams") -> None:
        self._owner = owner

    def due(self, now: float) -> None:
        self._owner.send_acks()


class Abandoned(Timed):
    def __init__(self, owner: "Streams") -> None:
        self._owner = owner

    def due(self, now: float) -> None:
        self._owner.cancel(now)


class Streams:
    def __init__(self, client: "PubSubClient") -> None:
        self._client = client
        self._active: dict[str, Stream] = {}
        self._due: dict[str, Stream] = {}  # their acks leave at the end of the turn
        self._held: deque[tuple[int, Stream, int]] = deque()  # (sequence of the store, whose, expected then)
        self._ended: deque[StreamClosed] = deque(maxlen=ENDED_REMEMBERED)

    def do(self, request: StreamRequest, now: float) -> None:
        if isinstance(request, OpenStream):
            self._open(request, now)
            return
        stream = self._active.get(request.stream_id)
        if stream is None or stream.is_ending:
            self._refuse(request.stream_id, Failure(STREAM_NOT_FOUND, "There is no such stream."))
        elif isinstance(request, EndStream):
            self._finish(stream, request.error, None, now)
        elif not self._client.permissions.allows(SEND, stream.opened.group):
            self._forbid(stream, now)
        else:
            stream.heard = now
            if request.data is not None:
                self._take(stream, request, request.data, now)

    def reject(self, stream_id: str, text: str, now: float) -> None:
        """Something was said of this stream that makes no sense. It ends, if it has begun."""
        stream = self._active.get(stream_id)
        failure = Failure(BAD_REQUEST, text)
        if stream is None or stream.is_ending:
            self._refuse(stream_id, failure)
        else:
            self._count(failure)
            self._finish(stream, StreamError(CANCELLED, "The publisher broke the protocol."), failure, now)

    def _open(self, request: OpenStream, now: float) -> None:
        client = self._client
        bound = client.space.bounds.streams
        if request.stream_id in self._active:
            self.reject(request.stream_id, "A stream of this name is open.", now)
        elif is_reserved(request.group) or not client.permissions.allows(SEND, request.group):
            self._refuse(request.stream_id, _forbidden(request.group))
        elif len(self._active) >= bound:
            self._refuse(request.stream_id, Failure(BAD_REQUEST, f"A connection has at most {bound} streams."))
        else:
            stream = Stream(self, request, now)
            stream.deadline = client.space.broker.deadlines.add(now + request.idle, stream)
            self._active[request.stream_id] = stream
            self._forget_end(request.stream_id)
            client.say(stream.ack())

    def _take(self, stream: Stream, request: StreamData, data: Data, now: float) -> None:
        if request.sequence > stream.expected:
            text = f"{request.sequence} came before {stream.expected}."
            self._client.say(stream.nack(INVALID_SEQUENCE, text))
            return
        if request.sequence == stream.expected and not self._publish(stream, data, now):
            return
        if stream.acked == stream.expected:  # else the store has the last word
            if not self._due:
                self._client.space.broker.deadlines.add(now, AcksDue(self))
            self._due[request.stream_id] = stream

    def _publish(self, stream: Stream, data: Data, now: float) -> bool:
        client, opened = self._client, stream.opened
        place = StreamPlace(opened.stream_id, stream.expected)
        message = client.message(opened.group, *data, opened.ttl, opened.metadata, now, place)
        outcome = client.publish(message, now, no_echo=opened.no_echo)
        if isinstance(outcome, Refusal):
            if outcome.reason == reasons.NOT_AUTHORIZED:
                self._forbid(stream, now)
            else:
                self._count(Failure(TRANSIENT, outcome.text))
                client.say(stream.nack(TRANSIENT, outcome.text))
            return False
        broker = client.space.broker
        is_ahead = stream.acked != stream.expected
        stream.expected += 1
        if outcome.sequence > broker.journal.store.committed:
            self._held.append((outcome.sequence, stream, stream.expected))
            broker.await_sequence(client, outcome.sequence)
        elif is_ahead:
            self._held.append((self._held[-1][0], stream, stream.expected))
        else:
            stream.acked = stream.expected
        return True

    # Acks

    def send_acks(self) -> None:
        due, self._due = self._due, {}
        for stream in due.values():
            self._client.say(stream.ack())

    def settled(self, sequence: int) -> int:
        """What was stored up to here is safe. Says what is still to be awaited, or 0."""
        held = self._held
        while held and held[0][0] <= sequence:
            _, stream, expected = held.popleft()
            stream.acked = expected
            if self._active.get(stream.opened.stream_id) is not stream:
                continue
            self._due[stream.opened.stream_id] = stream
            if stream.is_ending and expected == stream.expected:
                self._close(stream, None)
        self.send_acks()
        return held[0][0] if held else 0

    # Ends

    def is_due(self, stream: Stream, now: float) -> None:
        """Its publisher has been silent, perhaps for too long."""
        at = stream.heard + stream.opened.idle
        if now < at:
            stream.deadline = self._client.space.broker.deadlines.add(at, stream)
            return
        stream.deadline = None
        failure = Failure(IDLE_TIMEOUT, "The stream was idle for too long.")
        self._count(failure)
        self._finish(stream, StreamError(failure.name, failure.message), failure, now)

    def recovered(self) -> None:
        """On a new socket: what may have been lost with the old one."""
        for closed in self._ended:
            self._client.say(closed)
        self._ended.clear()
        for stream in self._active.values():
            self._client.say(stream.ack())

    def abandon(self, now: float) -> None:
        """The client is over. Its streams' members hear of it in the next turn: this one may be serving them."""
        if self._active:
            client = self._client
            client.space.broker.deadlines.add(now, Abandoned(self))
            client.space.arm()

    def cancel(self, now: float) -> None:
        error = StreamError(CANCELLED, "The publisher has gone.")
        self._held.clear()
        for stream in list(self._active.values()):
            if stream.is_ending:
                self._close(stream, None)
            else:
                self._finish(stream, error, None, now)

    def _forbid(self, stream: Stream, now: float) -> None:
        failure = _forbidden(stream.opened.group)
        self._count(failure)
        self._finish(stream, StreamError(failure.name, failure.message), failure, now)

    def _finish(self, stream: Stream, error: StreamError | None, failure: Failure | None, now: float) -> None:
        """Tell the members, then the publisher."""
        client, opened = self._client, stream.opened
        if stream.deadline is not None:
            stream.deadline.cancel()
        place = StreamPlace(opened.stream_id, stream.expected, True, error)
        # Without a lifetime: whoever comes back too late for the pieces must hear that there will be no more.
        client.tell_members(client.message(opened.group, TEXT, b"", 0, None, now, place), opened.no_echo, now)
        if failure is None and stream.acked != stream.expected and self._held:
            stream.is_ending = True
        else:
            self._close(stream, failure)

    def _close(self, stream: Stream, failure: Failure | None) -> None:
        stream_id = stream.opened.stream_id
        del self._active[stream_id]
        if self._due.pop(stream_id, None) is not None:
            self._client.say(stream.ack())
        closed = StreamClosed(stream_id, failure)
        self._ended.append(closed)
        self._client.say(closed)

    def _forget_end(self, stream_id: str) -> None:
        """Its name is in use again."""
        kept = [closed for closed in self._ended if closed.stream_id != stream_id]
        self._ended = deque(kept, maxlen=ENDED_REMEMBERED)

    def _refuse(self, stream_id: str, failure: Failure) -> None:
        self._count(failure)
        self._client.say(StreamClosed(stream_id, failure))

    def _count(self, failure: Failure) -> None:
        self._client.refuse(f"stream:{failure.name}", "stream", failure.message)


def _forbidden(group: str) -> Failure:
    return Failure(FORBIDDEN, f"The client does not have permission to send to group '{group}'.")
