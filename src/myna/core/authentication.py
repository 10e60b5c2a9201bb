"""The conversation with the gate: a question per CONNECT, perhaps some AUTH packets, later a re-authentication (§4.12).

Holds what the gate may still answer. An answer that comes when the client has gone, or to a question that is no longer
asked, is dropped here. What a newcomer gets wrong: the gate may answer inside `ask`, so whoever asks looks at its own
state afterwards.
"""

from typing import Final, final

from myna.core.broker import Broker
from myna.core.deadlines import Deadline, Timed
from myna.core.identity import Identity
from myna.core.link import UNJUDGED, Link
from myna.core.logins import login_name
from myna.core.ports import Gate, Peer, Ticket
from myna.wire import reasons
from myna.wire.encode import encode
from myna.wire.errors import ProtocolViolation
from myna.wire.packets import MQTT_5, Auth, Connect
from myna.wire.properties import Properties

ANSWERED_WITHIN: Final = 10.0  # seconds a client has for each question; it is half open meanwhile
FAILED: Final = (reasons.BAD_USER_NAME_OR_PASSWORD, reasons.NOT_AUTHORIZED)


@final
class ConnectTicket(Ticket):
    """What the gate answers to."""

    def __init__(self, owner: "Authentication") -> None:
        super().__init__()
        self._owner = owner

    def admit(self, identity: Identity, now: float, data: bytes | None = None) -> None:
        if not identity.authenticator:
            identity.authenticator = self.authenticator
        self._owner.admitted(self, identity, data, now)

    def refuse(self, reason: int, now: float, text: str = "") -> None:
        self._owner.refused(self, reason, text, now)

    def challenge(self, data: bytes, now: float) -> None:
        self._owner.challenged(self, data, now)


@final
class _Late(Timed):
    def __init__(self, owner: "Authentication") -> None:
        self._owner = owner

    def due(self, now: float) -> None:
        self._owner.ask_late(now)


@final
class _Unanswered(Timed):
    def __init__(self, owner: "Authentication") -> None:
        self._owner = owner

    def due(self, now: float) -> None:
        self._owner.give_up(now)


@final
class Authentication:
    __slots__ = (
        "_broker",
        "_client_id",
        "_gate",
        "_late",
        "_link",
        "_method",
        "_names",
        "_peer",
        "_renews",
        "_ticket",
        "_unanswered",
        "is_challenged",
    )

    def __init__(self, broker: Broker, link: Link, gate: Gate, peer: Peer) -> None:
        self._broker = broker
        self._client_id = ""
        self._names = ("", "")  # tenant and user, as they were admitted
        self._late: Deadline | None = None
        self._renews = False  # the question is one of a connection that is open
        self._link = link
        self._gate = gate
        self._peer = peer
        self._method: str | None = None
        self._ticket: ConnectTicket | None = None
        self._unanswered: Deadline | None = None
        self.is_challenged = False  # it is the client's turn

    def ask(self, connect: Connect, now: float) -> None:
        ticket = self._ticket_for(connect.client_id, connect.level)
        ticket.user_name = connect.user_name
        ticket.password = connect.password
        ticket.clean_start = connect.clean_start
        properties = connect.properties
        if properties is not None:
            ticket.user_properties = properties.user_properties
            self._method = properties.authentication_method
            ticket.method = properties.authentication_method
            ticket.data = properties.authentication_data
        self._ticket = ticket
        late = self._broker.logins.delay(self._peer.address, _name(ticket), now)
        if late > 0.0:
            self._late = self._broker.deadlines.add(now + late, _Late(self))
        else:
            self._gate.admit(ticket, now)

    def ask_late(self, now: float) -> None:
        """The name is being guessed: those whom it does not know from there are answered later."""
        self._late = None
        ticket = self._ticket
        assert ticket is not None  # or this would have been called off
        self._gate.admit(ticket, now)

    def receive(self, packet: Auth, client_id: str, is_open: bool, now: float) -> None:
        """AUTH goes on with an exchange or, on an open connection, begins a new one."""
        properties = packet.properties
        method = None if properties is None else properties.authentication_method
        if self._method is None or method != self._method:  # [MQTT-4.12.0-7], [MQTT-4.12.1-1]
            raise ProtocolViolation("AUTH without the method of CONNECT")
        data = None if properties is None else properties.authentication_data
        ticket = self._ticket
        if packet.code == reasons.CONTINUE_AUTHENTICATION and ticket is not None and self.is_challenged:
            self._be_answered()
            ticket.data = data
            self._gate.answered(ticket, now)
        elif packet.code == reasons.REAUTHENTICATE and is_open and ticket is None:
            ticket = self._ticket_for(client_id, MQTT_5)
            ticket.method = method
            ticket.data = data
            self._renews = True
            self._ticket = ticket
            self._gate.admit(ticket, now)
        else:
            raise ProtocolViolation("AUTH out of turn")

    def answer(self, code: int, data: bytes | None) -> bytes:
        """An AUTH packet of this conversation."""
        properties = Properties()
        properties.authentication_method = self._method
        properties.authentication_data = data
        return encode(Auth(code, properties), MQTT_5)

    def forget(self) -> None:
        """The connection has ended: nothing the gate still says is of use."""
        self._ticket = None
        self._be_answered()
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def admitted(self, ticket: ConnectTicket, identity: Identity, data: bytes | None, now: float) -> None:
        if ticket is not self._ticket:
            identity.turned_away(now)
            return
        if identity.tenant.startswith("\0"):  # among such names the store keeps what belongs to no client
            self.refused(ticket, reasons.NOT_AUTHORIZED, "the tenant's name begins with U+0000", now)
            return
        self.forget()
        if _shows_something(ticket):
            self._broker.logins.succeeded(self._peer.address, _name(ticket))
        self._link.assigned_id = ticket.assigned_id
        self._link.words = ticket.words
        if not self._renews:
            self._names = (identity.tenant, identity.user)
        self._link.admitted(identity, data, now)

    def refused(self, ticket: ConnectTicket, reason: int, text: str, now: float) -> None:
        if reason in FAILED and _shows_something(ticket):  # of those, too, who have not waited for the answer
            self._broker.logins.failed(self._peer.address, _name(ticket), now)
        if ticket is self._ticket:
            self.forget()
            self._link.words = ticket.words
            if self._renews:
                self.dismiss(reason, text, now)
            else:
                self._link.disconnect(reason, now, text=text)

    def dismiss(self, reason: int, text: str, now: float) -> None:
        """End an open connection because of who the client is, or is no longer: that is counted and reported."""
        name = reasons.reason_name(reason)
        self._broker.counters.refuse(f"credentials:{name}")
        tenant, user = self._names
        address = self._peer.address
        self._broker.watcher.refused("to stay connected", tenant, self._client_id, address, text or name, now, user)
        self._link.disconnect(reason, now, text=text)

    def challenged(self, ticket: ConnectTicket, data: bytes, now: float) -> None:
        if ticket is self._ticket:
            self.is_challenged = True
            self._unanswered = self._broker.deadlines.add(now + ANSWERED_WITHIN, _Unanswered(self))
            self._link.output.write(self.answer(reasons.CONTINUE_AUTHENTICATION, data))
            self._link.read_on(UNJUDGED)

    def give_up(self, now: float) -> None:
        """The client does not answer."""
        self._unanswered = None
        ticket = self._ticket
        assert ticket is not None  # or this would have been called off
        ticket.counts = False  # nothing has been tried yet
        self.refused(ticket, reasons.NOT_AUTHORIZED, f"no answer within {ANSWERED_WITHIN:.0f} s", now)

    def _be_answered(self) -> None:
        """It is not the client's turn any more."""
        self.is_challenged = False
        if self._unanswered is not None:
            self._unanswered.cancel()
            self._unanswered = None

    def _ticket_for(self, client_id: str, level: int) -> ConnectTicket:
        self._client_id = client_id
        ticket = ConnectTicket(self)
        ticket.client_id = client_id
        ticket.level = level
        ticket.peer = self._peer
        return ticket


def _name(ticket: Ticket) -> str:
    """What a login is counted by, beside its address."""
    return login_name(ticket.user_name, ticket.password if ticket.method is None else ticket.data)


def _shows_something(ticket: Ticket) -> bool:
    """Has somebody looked at anything that could be guessed?"""
    return ticket.counts and (ticket.password is not None or ticket.method is not None)
