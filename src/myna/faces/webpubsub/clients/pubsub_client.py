"""A client of a subprotocol, JSON or protobuf: requests in; acks, notices and messages out.

    malformed, or the wrong kind of frame   disconnected message, then 1007 or 1003
    impossible, or not permitted   an error ack, if the request has an ackId; else it is dropped and counted
    done before under this ackId   Duplicate, which SDKs take for success
    an event                       what the back end answers, as a message; then the ack

What a newcomer gets wrong: an ack promises that the message would survive us, so it waits for the store where
something has been stored.
"""

from typing import Final

from myna.core.joining import join, part
from myna.core.message import Message
from myna.core.outcome import Outcome
from myna.core.ports import Watcher
from myna.core.receiver import Receiver, Subscription
from myna.core.tenant import Tenant
from myna.faces.webpubsub.clients.acks import DoneIds
from myna.faces.webpubsub.clients.client import GROUP_QOS, INVALID, UNSUPPORTED, ClientSpace, WebSocketClient
from myna.faces.webpubsub.clients.group_states import Presence
from myna.faces.webpubsub.clients.invocations import Invocations
from myna.faces.webpubsub.clients.notices import (
    BAD_REQUEST,
    FORBIDDEN,
    Ack,
    Connected,
    Disconnected,
    Failure,
    Notice,
    Pong,
    duplicate,
)
from myna.faces.webpubsub.clients.requests import (
    Acknowledged,
    BadInvocation,
    BadRequest,
    BadStream,
    EndStream,
    Event,
    Invoke,
    JoinGroup,
    LeaveGroup,
    Malformed,
    OpenStream,
    Ping,
    Request,
    SendToGroup,
    SequenceAck,
    SetGroupState,
    StreamData,
    WatchGroupState,
    WrongFrame,
)
from myna.faces.webpubsub.clients.streams import Streams
from myna.faces.webpubsub.clients.subprotocol import Subprotocol
from myna.faces.webpubsub.naming import GET_STATE, JOIN_LEAVE, SEND, SET_STATE, is_reserved
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.upstream import Reply, event_of, readable
from myna.wire import reasons

# Asked for each request: a tuple takes a third of the time that a union does.
ACKNOWLEDGED: Final = (SendToGroup, JoinGroup, LeaveGroup, Event, SetGroupState, WatchGroupState)
STREAMED: Final = (StreamData, OpenStream, EndStream)


class PubSubClient(WebSocketClient):
    """Streams, invocations and presence are there from the first request that needs them: most clients have none."""

    __slots__ = ("_asked", "_done", "_invocations", "_presence", "_streams", "_waiting", "subprotocol")

    def __init__(
        self,
        space: ClientSpace,
        tenant: Tenant,
        connection_id: str,
        identity: WebPubSubIdentity,
        subprotocol: Subprotocol,
    ) -> None:
        super().__init__(space, tenant, connection_id, identity, subprotocol.form)
        self.subprotocol = subprotocol
        self._done: DoneIds | None = None
        self._asked: set[int] | None = None  # acks of events the back end has yet to answer
        self._waiting: list[tuple[int, int]] | None = None  # (sequence of the store, ack id)
        self._streams: Streams | None = None
        self._invocations: Invocations | None = None
        self._presence: Presence | None = None

    def protocol(self) -> str | None:
        return self.subprotocol.plain

    def frame(self, message: Message) -> bytes:
        return self.subprotocol.message(message)

    def greet(self, now: float) -> None:
        self.say(Connected(self.key[2], self.identity.user, self.reconnection_token(now)))

    def reconnection_token(self, now: float) -> str | None:
        """Only reliable clients may come back."""
        return None

    def say_farewell(self, text: str) -> None:
        self._write(self.subprotocol.notice(Disconnected(text)))

    def say(self, notice: Notice) -> None:
        if self.socket is not None and self._write(self.subprotocol.notice(notice)) > self.space.bounds.unsent:
            self.cut_off(self.space.now())

    def push(self, frame: bytes, now: float) -> None:
        """A notice made for several."""
        if self._write(frame) > self.space.bounds.unsent:
            self.cut_off(now)

    def _write(self, frame: bytes) -> int:
        """Answers what has not been read yet."""
        return 0 if self.socket is None else self.socket.send_frame(frame)

    def discard(self, reason: int, now: float) -> None:
        if not self.ended:
            if self._streams is not None:
                self._streams.abandon(now)
            super().discard(reason, now)
            if self._presence is not None:
                self._presence.ended(now)

    def _let_go(self, reason: int, by_client: bool, now: float) -> None:
        super()._let_go(reason, by_client, now)
        if self._invocations is not None:
            self._invocations.abandon()

    def left(self, name: str, now: float) -> None:
        """It is no longer in this group, whoever has seen to that."""
        if self._presence is not None:
            self._presence.clear(name, now)

    # What it says

    def receive_text(self, text: str, now: float) -> None:
        try:
            request = self.subprotocol.read_text(text)
        except (WrongFrame, Malformed, BadRequest, BadStream, BadInvocation) as error:
            self._reject(error, now)
        else:
            self._do(request, now)

    def receive_bytes(self, data: bytes, now: float) -> None:
        try:
            request = self.subprotocol.read_bytes(data)
        except (WrongFrame, Malformed, BadRequest, BadStream, BadInvocation) as error:
            self._reject(error, now)
        else:
            self._do(request, now)

    def _reject(self, error: WrongFrame | Malformed | BadRequest | BadStream | BadInvocation, now: float) -> None:
        if isinstance(error, BadRequest):
            self._refuse(error.ack_id, BAD_REQUEST, str(error))
        elif isinstance(error, BadStream):
            self._its_streams().reject(error.stream_id, str(error), now)
        elif isinstance(error, BadInvocation):
            self._its_invocations().refuse(error.invocation_id, str(error))
        else:
            is_wrong_frame = isinstance(error, WrongFrame)
            text = str(error) if is_wrong_frame else f"Invalid message: {error}."
            self.refuse("malformed", "message", text)
            self.close(UNSUPPORTED if is_wrong_frame else INVALID, text, reasons.MALFORMED_PACKET, now)

    def _do(self, request: Request, now: float) -> None:
        if isinstance(request, ACKNOWLEDGED):
            self._do_once(request, now)
        elif isinstance(request, SequenceAck):
            self.acknowledged(request.sequence)
        elif isinstance(request, Ping):
            self.say(Pong())
        elif isinstance(request, STREAMED):
            self._its_streams().do(request, now)
        elif isinstance(request, Invoke):
            self._its_invocations().ask(request, now)
        else:
            self._its_invocations().cancel(request.invocation_id)

    def _do_once(self, request: Acknowledged, now: float) -> None:
        ack_id = request.ack_id
        if ack_id is not None and self._done is not None and ack_id in self._done:
            self.say(duplicate(ack_id))
        elif self._asked is not None and ack_id in self._asked:
            return  # the ack of the first one is on its way, and is for both
        elif isinstance(request, SendToGroup):
            self._send_to_group(request, now)
        elif isinstance(request, JoinGroup):
            self._join(request, now)
        elif isinstance(request, LeaveGroup):
            self._leave(request, now)
        elif isinstance(request, Event):
            self._raise_event(request, now)
        elif isinstance(request, SetGroupState):
            self._set_state(request, now)
        else:
            self._watch_state(request, now)

    def acknowledged(self, sequence: int) -> None:
        """Only reliable clients count what they get."""
        return

    def _join(self, request: JoinGroup, now: float) -> None:
        group = request.group
        if is_reserved(group) or not self.permissions.allows(JOIN_LEAVE, group):
            self._forbid(request.ack_id, "join", group)
            return
        code = join(self.space.broker, self, group, GROUP_QOS, now)
        if code == reasons.SUCCESS:
            self._succeed(request.ack_id)
        elif code == reasons.NOT_AUTHORIZED:
            self._forbid(request.ack_id, "join", group)
        else:
            self._refuse(request.ack_id, BAD_REQUEST, f"Cannot join group '{group}': {reasons.reason_name(code)}.")

    def _leave(self, request: LeaveGroup, now: float) -> None:
        if not self.permissions.allows(JOIN_LEAVE, request.group):
            self._forbid(request.ack_id, "leave", request.group)
            return
        part(self.space.broker, self, request.group, now)
        self._succeed(request.ack_id)

    def _send_to_group(self, request: SendToGroup, now: float) -> None:
        group = request.group
        if not self.permissions.allows(SEND, group):
            self._forbid(request.ack_id, "send to", group)
            return
        message = self.message(group, request.data_type, request.payload, request.ttl, request.metadata, now)
        outcome = self.publish(message, now, no_echo=request.no_echo)
        if isinstance(outcome, Outcome):
            self._succeed(request.ack_id, outcome.sequence)
        else:
            self._forbid(request.ack_id, "send to", group)

    def _raise_event(self, request: Event, now: float) -> None:
        ack_id = request.ack_id
        if ack_id is not None:
            if self._asked is None:
                self._asked = set()
            self._asked.add(ack_id)
        event = event_of(request.event, request.data_type, request.payload, request.metadata)
        self.space.upstream.ask(self, event, lambda reply, now: self._answered(ack_id, reply, now), now)

    def _answered(self, ack_id: int | None, reply: Reply, now: float) -> None:
        """The back end has had the event: its answer goes first, then the ack."""
        if ack_id is not None and self._asked is not None:
            self._asked.discard(ack_id)
        if self.ended:
            return
        reply = readable(reply)
        if not reply.is_success:
            self.space.broker.counters.refuse(reply.refusal)
            if ack_id is not None:
                self.say(Ack(ack_id, Failure(reply.error, reply.text)))
            return
        if reply.body:
            self.tell(reply, now)
        self._succeed(ack_id)

    # Group state

    def _set_state(self, request: SetGroupState, now: float) -> None:
        if not self.permissions.allows(SET_STATE, request.group):
            self._forbid(request.ack_id, "set its state in", request.group)
            return
        self._finish(request.ack_id, self._its_presence().set(request.group, request.state, now))

    def _watch_state(self, request: WatchGroupState, now: float) -> None:
        group = request.group
        presence = self._its_presence()
        if not request.wanted:
            presence.unwatch(group)
            self._succeed(request.ack_id)
        elif not self.permissions.allows(GET_STATE, group):
            self._forbid(request.ack_id, "get the state of", group)
        else:
            wrong = presence.watch(group)
            self._finish(request.ack_id, wrong)
            if not wrong:
                presence.tell(group, now)

    def tell_members(self, message: Message, no_echo: bool, now: float) -> None:
        """To the clients of a subprotocol in a group: what means nothing to anybody else."""
        router = self.tenant.router
        route = router.route(message.topic_bytes()) or router.route_of_name(message.topic)
        members = [
            held
            for held in route.subscriptions
            if isinstance(held.receiver, PubSubClient) and not (no_echo and held.receiver is self)
        ]
        self.space.broker.deliver_to(self.tenant, message, members, now)

    # Its parts

    def _its_streams(self) -> Streams:
        if self._streams is None:
            self._streams = Streams(self)
        return self._streams

    def _its_invocations(self) -> Invocations:
        if self._invocations is None:
            self._invocations = Invocations(self)
        return self._invocations

    def _its_presence(self) -> Presence:
        if self._presence is None:
            self._presence = Presence(self)
        return self._presence

    def resume(self, now: float) -> None:
        """On a new socket, after `connected`: what has no sequence id is told anew."""
        if self._streams is not None:
            self._streams.recovered()
        if self._presence is not None:
            self._presence.recovered(now)

    # Acks

    def _succeed(self, ack_id: int | None, sequence: int = 0) -> None:
        if ack_id is None:
            return
        if self._done is None:
            self._done = DoneIds()
        self._done.add(ack_id)
        broker = self.space.broker
        if sequence > broker.journal.store.committed:
            if self._waiting is None:
                self._waiting = []
            self._waiting.append((sequence, ack_id))
            broker.await_sequence(self, sequence)
        else:
            self.say(Ack(ack_id))

    def settled(self, sequence: int) -> None:
        waiting = self._waiting or ()
        left = [held for held in waiting if held[0] > sequence]
        self._waiting = left or None
        for wanted, ack_id in waiting:
            if wanted <= sequence:
                self.say(Ack(ack_id))
        next_piece = 0 if self._streams is None else self._streams.settled(sequence)
        if left or next_piece:
            self.space.broker.await_sequence(self, left[0][0] if left else next_piece)

    def _finish(self, ack_id: int | None, wrong: str) -> None:
        if wrong:
            self._refuse(ack_id, BAD_REQUEST, wrong)
        else:
            self._succeed(ack_id)

    def _forbid(self, ack_id: int | None, what: str, group: str) -> None:
        self._refuse(ack_id, FORBIDDEN, f"The client does not have permission to {what} group '{group}'.")

    def _refuse(self, ack_id: int | None, name: str, text: str) -> None:
        self.refuse(f"request:{name}", "request", text)
        if ack_id is not None:
            self.say(Ack(ack_id, Failure(name, text)))


class Leaving(Watcher):
    """Notices when clients leave groups: back ends can make them."""

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        if isinstance(receiver, PubSubClient):
            receiver.left(subscription.text, now)
