"""The seams: what the core asks of the outside. Nothing here waits; answers come back as verbs of the Broker.

Each port is small enough to be written in an afternoon, and is faked in a test by subclassing it (a patched method
of a compiled class is silently ignored). Faces, gates, stores and watchers implement them; the core knows none.
"""

from abc import ABC, abstractmethod
from typing import Final

from mypy_extensions import mypyc_attr

from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.receiver import Receiver, Subscription
from myna.core.records import Record

# Bytes from which a piece is better sent at once than collected until the end of the turn: there a copy, and a second
# pass over a connection's objects (cold by then where there are thousands), cost what a system call may save.
AT_ONCE: Final = 1024


@mypyc_attr(allow_interpreted_subclasses=True)
class Outlet(ABC):
    """Where a connection's bytes leave. Told once that some are waiting; comes and takes them itself."""

    @abstractmethod
    def wake(self) -> None:
        """There are bytes to take, and there were none before."""

    @abstractmethod
    def close(self) -> None:
        """Send what is waiting, then end the connection so that the peer can read it all."""

    @abstractmethod
    def pause(self) -> None:
        """Read no more from this peer until `resume`."""

    @abstractmethod
    def resume(self) -> None:
        """Read again."""

    def send_now(self, data: bytes) -> int:
        """Write a piece without waiting for the end of the turn; answers how many bytes of it have gone.

        It never overtakes anything, nor ends the connection. What has not gone, all of it where there is something to
        overtake or the outlet cannot do this, goes the ordinary way: it is kept and the outlet woken.
        """
        return 0


@mypyc_attr(allow_interpreted_subclasses=True)
class Conversation(ABC):
    """What is said over a connection's bytes. Never raises for anything the peer sends."""

    __slots__ = ()

    @abstractmethod
    def feed(self, data: bytes, now: float) -> None:
        """The peer has said this."""

    @abstractmethod
    def has_pending(self) -> bool:
        """Is there something to take?"""

    @abstractmethod
    def take(self) -> bytes:
        """What is to be said next; may be empty."""

    @abstractmethod
    def sent(self, count: int, now: float) -> None:
        """So many bytes of what was taken are with the kernel."""

    @abstractmethod
    def lost(self, now: float) -> None:
        """The connection is over. Called exactly once, and last."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Ticking(ABC):
    """Somebody with deadlines."""

    @abstractmethod
    def tick(self, now: float) -> None:
        """Do what is due."""

    @abstractmethod
    def next_deadline(self) -> float:
        """When the earliest is due; 0.0 when there is none."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Store(ABC):
    """What must survive a restart. `sequence` is the last one handed out, `committed` the last one that is safe.

    While it is `crowded` no more is read from those who wait for it.
    """

    def __init__(self) -> None:
        self.durable = False
        self.crowded = False
        self.sequence = 0
        self.committed = 0

    @abstractmethod
    def append(self, record: Record) -> int:
        """Take a record and say its sequence, one higher for each. The store later calls `broker.committed(sequence)`.

        What is taken between two turns of the loop becomes safe together or not at all.
        """

    def fetch(self, places: list[int]) -> list[Message | None]:
        """The messages at these places (`message.place`), at once; None for what cannot be read now."""
        return [None] * len(places)


@mypyc_attr(allow_interpreted_subclasses=True)
class Peers(ABC):
    """Other nodes of the same broker."""

    def __init__(self) -> None:
        self.alone = True

    @abstractmethod
    def forward(self, tenant: str, message: Message) -> bool:
        """Hand a message to the nodes that want it: did any?"""

    @abstractmethod
    def announce(self, tenant: str, filter: str, wanted: bool) -> None:
        """This node has one subscription more, or one less, for this filter; counting them is left to the peers."""

    @abstractmethod
    def claim(self, tenant: str, scope: str, client_id: str) -> None:
        """A client of this name has come here; whoever else serves it must let go."""


# What a guard says of a publish.
PASS: Final = 0  # an ordinary message, go on
TAKEN: Final = 1  # the guard has it; acknowledge, route nothing
# Any reason code from 0x80 up refuses it.

# What a guard says of a subscription.
GRANT: Final = 0
DORMANT: Final = 1  # keep it, deliver nothing until the guard wakes it
# Any reason code from 0x80 up refuses it.


@mypyc_attr(allow_interpreted_subclasses=True)
class TopicGuard(ABC):
    """Watches over one topic space of a tenant, named by its first level, on every way in and out, behind the rules."""

    def __init__(self, first_level: str) -> None:
        self.first_level = first_level

    @abstractmethod
    def publishing(self, message: Message, now: float) -> int:
        """PASS, TAKEN or a reason code. Asked for every topic of the space, retained ones and wills included."""

    @abstractmethod
    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        """GRANT, DORMANT or a reason code. Asked for every filter that could reach the space; may rewrite it.

        Asked again when a receiver subscribes to the same text again: the one that lives is then still the first, to be
        found in `receiver.subscriptions`. A guard that wakes it tells the router (`touch`).
        """

    @abstractmethod
    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        """May this receiver have this message? Also asked for retained messages and shared subscriptions."""

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        """A subscription that reached the space is gone, whether it was dormant or not."""
        return


# What a tap says of a message.
LEFT: Final = 0  # nobody outside wants it
CARRIED: Final = 1  # it has been taken, and will get there
NOT_CARRIED: Final = 2  # somebody wants it, and there was no room to keep it for them


@mypyc_attr(allow_interpreted_subclasses=True)
class Tap(ABC):
    """Sees the messages that are published on topics it wants, to carry them elsewhere."""

    def wants(self, tenant: str, topic: str) -> bool:
        """Could a message of this topic be wanted? Remembered for each topic: see `Broker.tap_changed`."""
        return True

    @abstractmethod
    def offered(self, tenant: str, message: Message, now: float) -> int:
        """LEFT, CARRIED or NOT_CARRIED. What is kept for later goes into outboxes, and the journal is closed."""


LOST: Final = -1  # in the place of a reason code: the connection has ended without a word


@mypyc_attr(allow_interpreted_subclasses=True)
class Watcher:
    """Told what happens, for logs and metrics. All optional, all empty.

    Messages are counted and not reported, except those of tenants that ask for it (`messages_logged`).
    """

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        return

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        """`reason` is what was said, or LOST."""
        return

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        """`reason` as above, where there was one to end it."""
        return

    def subscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        """A subscription that was not there before."""
        return

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        """It is gone, by itself or with its session."""
        return

    def answered(self, receiver: Receiver, what: str, filters: list[str], codes: list[int], now: float) -> None:
        """A client's SUBSCRIBE or UNSUBSCRIBE has been answered, filter by filter."""
        return

    def not_published(
        self, receiver: Receiver, topic: str, qos: int, retain: bool, reason: int, address: str, now: float
    ) -> None:
        """A client's PUBLISH has not been taken; `refused` is told of it in words."""
        return

    def published(self, tenant: str, message: Message, matched: bool, now: float) -> None:
        return

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        """Something a client asked for was not done: `what` it was, and the cause in words. `user`: as far as it is
        known, or what a client that nobody knows yet calls itself.
        """
        return


@mypyc_attr(allow_interpreted_subclasses=True)
class Ticket(ABC):
    """A CONNECT that waits for its gate. The gate answers exactly once per question, now or later."""

    def __init__(self) -> None:
        self.client_id = ""
        self.user_name: str | None = None
        self.password: bytes | None = None
        self.method: str | None = None
        self.data: bytes | None = None
        self.level = 0
        self.clean_start = True
        self.user_properties: list[tuple[str, str]] | None = None  # of CONNECT
        self.peer = Peer()
        self.authenticator = ""  # who was asked last
        # Is it a login by its user name, right or wrong? Not where nobody has looked at what was shown, and not where
        # that is genuine but has run out.
        self.counts = True
        self.exchange: object = None  # the gate's own, from one packet of an exchange to the next
        # What the gate may add to its answer: a name for a client that brought none, user properties for CONNACK.
        self.assigned_id = ""
        self.words: list[tuple[str, str]] | None = None

    @abstractmethod
    def admit(self, identity: Identity, now: float, data: bytes | None = None) -> None:
        """It is this identity. `data` ends an exchange of AUTH packets."""

    @abstractmethod
    def refuse(self, reason: int, now: float, text: str = "") -> None:
        """Not admitted, for this reason code."""

    @abstractmethod
    def challenge(self, data: bytes, now: float) -> None:
        """Ask the client for more (AUTH 0x18); the gate's `answered` gets what it says."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Gate(ABC):
    """Says who somebody is. One per endpoint; a chain of authenticators stands behind it."""

    @abstractmethod
    def admit(self, ticket: Ticket, now: float) -> None:
        """Judge a CONNECT, or (`ticket` came by AUTH 0x19) a re-authentication."""

    def answered(self, ticket: Ticket, now: float) -> None:
        """The client's answer to a challenge is in `ticket.data`."""
        ticket.refuse(0x8C, now)


@mypyc_attr(allow_interpreted_subclasses=True)
class Peer:
    """What the edge knows of the other side before it has said a word."""

    def __init__(
        self,
        address: str = "",
        *,
        listener: str = "",
        path: str = "",
        token: str = "",
        certificate: object = None,
        claims: object = None,
        websocket: bool = False,
    ) -> None:
        self.address = address
        self.listener = listener
        self.path = path
        self.token = token
        self.certificate = certificate
        self.claims = claims
        self.websocket = websocket
