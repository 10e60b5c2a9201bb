"""Clients without a subprotocol: every frame is an event, or (raw mode) a message to one group; what they get is bare
payload.

What a newcomer gets wrong: an event nobody takes, or whose handler fails, ends the connection, for these clients have
no other way to be told.
"""

from myna.core.message import Message
from myna.core.outcome import Refusal
from myna.core.tenant import Tenant
from myna.faces.webpubsub.clients.client import POLICY, UPSTREAM_FAILED, ClientSpace, WebSocketClient
from myna.faces.webpubsub.naming import BINARY, SEND, TEXT
from myna.faces.webpubsub.payloads import SIMPLE_FORM
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.upstream import Reply, event_of, readable
from myna.wire import reasons

MESSAGE_EVENT = "message"


class SimpleClient(WebSocketClient):
    __slots__ = ("_target",)

    def __init__(
        self,
        space: ClientSpace,
        tenant: Tenant,
        connection_id: str,
        identity: WebPubSubIdentity,
        target: str | None = None,
    ) -> None:
        super().__init__(space, tenant, connection_id, identity, SIMPLE_FORM)
        self._target = target  # the group all its frames go to

    def frame(self, message: Message) -> bytes:
        return self.space.simple.message(message)

    def receive_text(self, text: str, now: float) -> None:
        self._receive(TEXT, text.encode(), now)

    def receive_bytes(self, data: bytes, now: float) -> None:
        self._receive(BINARY, data, now)

    def _receive(self, data_type: str, payload: bytes, now: float) -> None:
        if self._target is not None:
            self._send_to_group(self._target, data_type, payload, now)
            return
        event = event_of(MESSAGE_EVENT, data_type, payload, None)
        self.space.upstream.ask(self, event, self._answered, now)

    def _answered(self, reply: Reply, now: float) -> None:
        if self.ended:
            return
        reply = readable(reply)
        if not reply.is_success:
            self.space.broker.counters.refuse(reply.refusal)
            self.close(UPSTREAM_FAILED, "", reasons.IMPLEMENTATION_SPECIFIC_ERROR, now)
        elif reply.body:
            self.tell(reply, now)

    def _send_to_group(self, group: str, data_type: str, payload: bytes, now: float) -> None:
        if self.permissions.allows(SEND, group):
            outcome = self.publish(self.message(group, data_type, payload, 0, None, now), now)
            if not isinstance(outcome, Refusal):
                return
        cause = f"The client does not have permission to send to group '{group}'."
        self.refuse("send_without_permission", "message", cause)
        self.close(POLICY, "", reasons.NOT_AUTHORIZED, now)
