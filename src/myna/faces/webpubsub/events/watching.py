"""What happens to connections, told to their hub's back end: connected, disconnected, joined and left.

    connected      a WebSocket client has been let in; an MQTT session is new
    disconnected   the client will not come back: a reliable one after its retention, of MQTT when the session ends
    joined, left   of groups, by the client itself or by the REST API

What a newcomer gets wrong: the groups a client is given when it is let in are no news, and that it is in none once it
has gone is none either.
"""

from typing import Final

import msgspec

from myna.core.ports import LOST, Watcher
from myna.core.receiver import Receiver, Subscription
from myna.core.session import Session
from myna.faces.webpubsub.clients.client import WebSocketClient
from myna.faces.webpubsub.events.cloud_event import MQTT
from myna.faces.webpubsub.events.connect_event import show_properties
from myna.faces.webpubsub.events.dispatcher import Dispatcher
from myna.faces.webpubsub.events.line import Ending, Line
from myna.faces.webpubsub.events.lines import line_of
from myna.faces.webpubsub.events.states import KeptStates
from myna.faces.webpubsub.granted import KeptGrants
from myna.faces.webpubsub.naming import is_reserved
from myna.faces.webpubsub.roles import WebPubSubIdentity
from myna.faces.webpubsub.selecting import is_ours
from myna.wire import reasons
from myna.wire.packets import MQTT_5

REASONS: Final = {
    LOST: "ConnectionLost",
    reasons.SUCCESS: "Normal",
    reasons.ADMINISTRATIVE_ACTION: "ClosedByAppServer",
    reasons.SERVER_SHUTTING_DOWN: "ServiceReload",
    reasons.KEEP_ALIVE_TIMEOUT: "PingTimeout",
    reasons.QUOTA_EXCEEDED: "SlowClient",
}


class ConnectionWatcher(Watcher):
    def __init__(self, dispatcher: Dispatcher, states: KeptStates, granted: KeptGrants) -> None:
        super().__init__()
        self._granted = granted
        self._dispatcher = dispatcher
        self._states = states

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        line = _line(receiver)
        if line is None:
            return
        if isinstance(receiver, Session) and receiver.is_persistent():
            if not line.is_lasting:
                self._states.resume(line)
                line.is_lasting = True
            self._states.keep(line)
        if not line.is_known:
            line.is_known = True
            self._dispatcher.tell(line, "connected", b"{}")

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        """Of MQTT sessions alone it matters how their last connection ended."""
        line = _line(receiver)
        if line is not None and isinstance(receiver, Session):
            line.ending = _ending(receiver, reason, by_client)

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        if not is_ours(receiver):
            return
        tenant, _, client_id = receiver.key
        line = _line(receiver)
        if line is not None:
            line.is_lasting = False  # answers that are still to come change nothing that is kept
        if self._dispatcher.wants(tenant.lower(), "disconnected"):
            self._tell_end(receiver, reason)
        if isinstance(receiver, Session):
            self._states.forget(tenant.lower(), client_id)
            self._granted.forget(receiver.key)

    def _tell_end(self, receiver: Receiver, reason: int) -> None:
        line = self._line_of(receiver)
        line.is_lasting = False
        said = receiver.farewell if isinstance(receiver, WebSocketClient) else ""
        is_mqtt = isinstance(receiver, Session)
        if is_mqtt and reason == reasons.SUCCESS and line.ending is not None:
            reason = line.ending.reason  # its time has passed since then
        fields: dict[str, object] = {"reason": said or REASONS.get(reason) or reasons.reason_name(reason)}
        if is_mqtt:
            fields["mqtt"] = _show(line.ending)
        self._dispatcher.tell(line, "disconnected", msgspec.json.encode(fields))

    def subscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self._group_changed("joined", receiver, subscription)

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self._group_changed("left", receiver, subscription)

    def _group_changed(self, name: str, receiver: Receiver, subscription: Subscription) -> None:
        if not isinstance(receiver, WebSocketClient | Session) or receiver.ended or not is_ours(receiver):
            return
        group = subscription.text
        if is_reserved(group) or not self._dispatcher.wants(receiver.key[0].lower(), name):
            return
        line = self._line_of(receiver)
        if line.is_known:
            self._dispatcher.tell(line, name, msgspec.json.encode({"group": group}))

    def _line_of(self, receiver: Receiver) -> Line:
        """With what was kept of a session whose client has not been back since the start."""
        held = _line(receiver)
        line = line_of(receiver)
        if held is None and isinstance(receiver, Session):
            self._states.restore(line)
        return line


def disconnected_before(dispatcher: Dispatcher, line: Line, reason: str) -> None:
    """A handler has let somebody in who has not come in after all."""
    fields: dict[str, object] = {"reason": reason}
    if line.source.subprotocol == MQTT:
        fields["mqtt"] = _show(None)
    dispatcher.tell(line, "disconnected", msgspec.json.encode(fields))


def _line(receiver: Receiver) -> Line | None:
    identity = receiver.identity
    return identity.line if isinstance(identity, WebPubSubIdentity) else None


def _ending(session: Session, reason: int, by_client: bool) -> Ending:
    link = session.link
    goodbye = None if link is None else link.goodbye
    if goodbye is not None:
        properties = goodbye.properties
        return Ending(reason, True, goodbye.code, None if properties is None else properties.user_properties)
    told = not by_client and link is not None and link.level == MQTT_5
    return Ending(reason, by_client, reason if told else None, None)


def _show(ending: Ending | None) -> dict[str, object]:
    if ending is None:
        return {"initiatedByClient": False, "disconnectPacket": None}
    packet = None
    if ending.code is not None:
        packet = {"code": ending.code, "userProperties": show_properties(ending.user_properties)}
    return {"initiatedByClient": ending.by_client, "disconnectPacket": packet}
