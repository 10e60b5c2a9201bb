"""Anything a message can be delivered to, and what ties it to a filter.

An MQTT session, a WebSocket client, a share group and a service behind a topic are all receivers; the router knows no
other word. What a newcomer gets wrong: `form` is 0 unless the receiver takes plain MQTT frames this very moment
(connected, keeping up, without aliases or a size limit); everything else goes through `deliver`.
"""

from abc import abstractmethod
from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from myna.core.identity import Identity
from myna.core.message import Message, Sender

# What became of a delivery.
MISSED: Final = 0  # not taken: refused by the receiver, its own message under No Local, or dropped
TAKEN: Final = 1  # handed over, or queued in memory

SessionKey = tuple[str, str, str]  # tenant, scope, client id


@mypyc_attr(allow_interpreted_subclasses=True)
class Receiver(Sender):
    """Takes messages. Subclasses say how; the core only ever holds this class."""

    def __init__(self, key: SessionKey, identity: Identity) -> None:
        self.key = key
        self.identity = identity
        self.form: i64 = 0
        self.subscriptions: dict[str, Subscription] = {}

    @abstractmethod
    def deliver(self, message: Message, subscription: "Subscription", now: float) -> int:
        """Take one message: MISSED, TAKEN or STORED."""

    def deliver_run(self, messages: list[Message], subscription: "Subscription", now: float) -> int:
        """Take several messages of one topic, in order: what became of most of them."""
        result = MISSED
        for message in messages:
            result = max(result, self.deliver(message, subscription, now))
        return result

    def deliver_frames(self, frames: bytes, count: i64, now: float) -> None:
        """Take a run of `count` whole QoS 0 packets in the receiver's `form`. Only called while that is not 0."""
        raise AssertionError("a receiver without a form takes no frames")

    def deliver_retained(self, messages: list[Message], subscription: "Subscription", now: float) -> None:
        """Take the retained messages of a new subscription, if the dialect has such a thing."""
        return

    def settled(self, sequence: int) -> None:
        """What was waiting for the store, up to this sequence, is safe."""
        return

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        """End the connection for this reason; with `discard` the session as well."""
        return

    def is_online(self) -> bool:
        return True

    def is_ready(self) -> bool:
        """Connected and keeping up: work shared out to it will be done soon."""
        return True

    def is_persistent(self) -> bool:
        return False

    def names(self) -> tuple[str, str, str]:
        """Tenant, client id and user: for whoever reports something about it."""
        return self.key[0], self.key[2], self.identity.user

    def peer_address(self) -> str:
        """Where the client is, as the edge shows it; empty while it is not connected, or is no client."""
        return ""

    def dialect(self) -> str:
        return self.identity.dialect


@final
class Subscription:
    """One receiver's interest in one filter. `plain`: QoS 0 packets may be shared with it as they are."""

    __slots__ = (
        "dormant",
        "filter",
        "identifiers",
        "no_local",
        "plain",
        "qos",
        "receiver",
        "retain_as_published",
        "retain_handling",
        "text",
        "without_local",
    )

    def __init__(
        self,
        receiver: Receiver,
        text: str,
        filter: str,
        qos: int,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifiers: list[int] | None = None,
    ) -> None:
        self.receiver = receiver
        self.text = text  # as the client wrote it, share prefix included: the key it is unsubscribed by
        self.filter = filter  # what topics are matched against
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling
        self.identifiers = identifiers
        self.dormant = False
        # Of several merged into one: what is left for the receiver's own messages once No Local has been heeded.
        self.without_local: Subscription | None = None
        self.plain = not no_local and identifiers is None
