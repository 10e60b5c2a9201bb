"""The lines of receivers: found with their identity, or made for those that were there before anybody asked.

What a newcomer gets wrong: a session that outlived a restart has lost its identity but for what was stored of it. Its
line is made when it is needed, and its back end knows it already.
"""

import secrets

from myna.core.link import ASKING
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.faces.webpubsub.clients.client import WebSocketClient
from myna.faces.webpubsub.events.cloud_event import MQTT, Source
from myna.faces.webpubsub.events.line import Line
from myna.faces.webpubsub.events.row import Pause
from myna.faces.webpubsub.roles import WebPubSubIdentity


def mqtt_line(hub: str, client_id: str, user: str, address: str) -> Line:
    return Line(Source(hub, client_id, user, MQTT, secrets.token_hex(16), secrets.token_hex(16)), address)


def line_of(receiver: Receiver) -> Line:
    identity = receiver.identity
    held = identity.line if isinstance(identity, WebPubSubIdentity) else None
    if held is not None:
        return held
    hub, connection_id = receiver.key[0].lower(), receiver.key[2]
    if isinstance(receiver, WebSocketClient):
        line = Line(Source(hub, connection_id, identity.user, receiver.protocol() or ""), receiver.address)
    else:
        line = mqtt_line(hub, connection_id, identity.user, "")
    line.is_known = True
    if isinstance(identity, WebPubSubIdentity):
        identity.line = line
        line.is_lasting = isinstance(receiver, Session) and receiver.is_persistent()
    return line


def pausing(receiver: Receiver) -> Pause | None:
    """How to stop reading from a client, and go on; None while nobody is there to be read from."""
    if isinstance(receiver, WebSocketClient):
        socket = receiver.socket
        return (
            None if socket is None else lambda stop: receiver.rest(ASKING) if stop else receiver.read_on(ASKING, socket)
        )
    link = receiver.link if isinstance(receiver, Session) else None
    return None if link is None else lambda stop: link.rest(ASKING) if stop else link.read_on(ASKING)
