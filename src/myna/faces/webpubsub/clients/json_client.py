"""A client of json.webpubsub.azure.v1: requests in, acks and messages out.

    malformed, or a binary frame   disconnected message, then 1007 or 1003
    impossible, or not permitted   an error ack, if the request has an ackId; else it is dropped and counted
    done before under this ackId   Duplicate, which SDKs take for success
    an event                       what the back end answers, as a message; then the ack

What a newcomer gets wrong: an ack promises that the message would survive us, so it waits for the store where
something has been stored.
"""

from myna.core.joining import join, part
from myna.core.message import Message
from myna.core.outcome import Outcome
from myna.core.tenant import Tenant
from myna.faces.webpubsub.clients.acks import DoneIds, duplicate, failure, success
from myna.faces.webpubsub.clients.client import (
    GROUP_QOS,
    INVALID,
    UNSUPPORTED,
    ClientSpace,
    WebSocketClient,
)
from myna.faces.webpubsub.clients.requests import (
    BadRequest,
    Event,
    JoinGroup,
    LeaveGroup,
    Malformed,
    Ping,
    Request,
    SendToGroup,
    SequenceAck,
    read_request,
)
from myna.faces.webpubsub.naming import JOIN_LEAVE, SEND, is_reserved
from myna.faces.webpubsub.payloads import JSON_FORM
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.upstream import Reply, event_of, readable
from myna.wire import reasons

JSON_PROTOCOL = "json.webpubsub.azure.v1"


class JsonClient(WebSocketClient):
    __slots__ = ("_asked", "_done", "_waiting")

    FORM = JSON_FORM

    def __init__(self, space: ClientSpace, tenant: Tenant, connection_id: str, identity: WebPubSubIdentity) -> None:
        super().__init__(space, tenant, connection_id, identity)
        self._done: DoneIds | None = None
        self._asked: set[int] = set()  # acks of events the back end has yet to answer
        self._waiting: list[tuple[int, int]] | None = None  # (sequence of the store, ack id)

    def protocol(self) -> str | None:
        return JSON_PROTOCOL

    def frame(self, message: Message) -> bytes:
        return self.space.frames.json(message)

    def greet(self, now: float) -> None:
        self.say(self.greeting(now))

    def greeting(self, now: float) -> dict[str, object]:
        greeting: dict[str, object] = {"type": "system", "event": "connected"}
        if self.identity.user:
            greeting["userId"] = self.identity.user
        greeting["connectionId"] = self.key[2]
        return greeting

    def say_farewell(self, text: str) -> None:
        self.say({"type": "system", "event": "disconnected", "message": text})

    def say(self, fields: dict[str, object]) -> None:
        if self.socket is not None:
            self.socket.send_frame(self.space.frames.control(fields))

    # What it says

    def receive_bytes(self, data: bytes, now: float) -> None:
        self._fail(UNSUPPORTED, "This subprotocol uses text frames.", now)

    def receive_text(self, text: str, now: float) -> None:
        try:
            request = read_request(text)
        except Malformed as error:
            self._fail(INVALID, f"Invalid message: {error}.", now)
        except BadRequest as error:
            self._refuse(error.ack_id, "BadRequest", str(error))
        else:
            self._do(request, now)

    def _fail(self, code: int, text: str, now: float) -> None:
        self.space.broker.counters.refuse("webpubsub_malformed")
        self.close(code, text, reasons.MALFORMED_PACKET, now)

    def _do(self, request: Request, now: float) -> None:
        if isinstance(request, Ping):
            self.say({"type": "pong"})
            return
        if isinstance(request, SequenceAck):
            self.acknowledged(request.sequence)
            return
        ack_id = request.ack_id
        if ack_id is not None and self._done is not None and ack_id in self._done:
            self.say(duplicate(ack_id))
        elif ack_id in self._asked:
            return  # the ack of the first one is on its way, and is for both
        elif isinstance(request, SendToGroup):
            self._send_to_group(request, now)
        elif isinstance(request, JoinGroup):
            self._join(request, now)
        elif isinstance(request, LeaveGroup):
            self._leave(request, now)
        else:
            self._raise_event(request, now)

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
            self._refuse(request.ack_id, "BadRequest", f"Cannot join group '{group}': {reasons.reason_name(code)}.")

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
            self._asked.add(ack_id)
        event = event_of(request.event, request.data_type, request.payload, request.metadata)
        self.space.upstream.ask(self, event, lambda reply, now: self._answered(ack_id, reply, now), now)

    def _answered(self, ack_id: int | None, reply: Reply, now: float) -> None:
        """The back end has had the event: its answer goes first, then the ack."""
        if ack_id is not None:
            self._asked.discard(ack_id)
        if self.ended:
            return
        reply = readable(reply)
        if not reply.is_success:
            self.space.broker.counters.refuse(reply.refusal)
            if ack_id is not None:
                self.say(failure(ack_id, reply.error, reply.text))
            return
        if reply.body:
            self.tell(reply, now)
        self._succeed(ack_id)

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
            self.say(success(ack_id))

    def settled(self, sequence: int) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        left = [held for held in waiting if held[0] > sequence]
        self._waiting = left or None
        for wanted, ack_id in waiting:
            if wanted <= sequence:
                self.say(success(ack_id))
        if left:
            self.space.broker.await_sequence(self, left[0][0])

    def _forbid(self, ack_id: int | None, what: str, group: str) -> None:
        self._refuse(ack_id, "Forbidden", f"The client does not have permission to {what} group '{group}'.")

    def _refuse(self, ack_id: int | None, name: str, text: str) -> None:
        self.space.broker.counters.refuse(f"webpubsub_request:{name}")
        if ack_id is not None:
            self.say(failure(ack_id, name, text))
