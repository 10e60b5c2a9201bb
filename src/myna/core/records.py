"""What must survive a restart, as small values. A store turns them into bytes; the core never sees those.

One record per event, whoever it concerns: a message queued for a thousand sessions is one `Enqueued` that names them.
"""

from typing import final

from mypy_extensions import mypyc_attr

from myna.core.message import Message

SessionKey = tuple[str, str, str]


@mypyc_attr(allow_interpreted_subclasses=True)
class Record:
    """Something to remember."""


@final
class SessionSaved(Record):
    """A persistent session exists, with this owner and this expiry in seconds; `offline_since` is 0 while connected."""

    def __init__(
        self, key: SessionKey, user: str, attributes: dict[str, str], expiry: int, offline_since: float
    ) -> None:
        self.key = key
        self.user = user
        self.attributes = attributes
        self.expiry = expiry
        self.offline_since = offline_since


@final
class SessionForgotten(Record):
    """It has ended, or is to end with its connection from now on. What still comes for it means nothing.

    `places` is where the store has the deliveries that were still open.
    """

    def __init__(self, key: SessionKey, places: list[int] | None = None) -> None:
        self.key = key
        self.places: list[int] = [] if places is None else places


@final
class Subscribed(Record):
    """`filter` is what topics are matched against, which a guard may have rewritten; `text` names the subscription."""

    def __init__(
        self,
        key: SessionKey,
        text: str,
        filter: str,
        qos: int,
        no_local: bool,
        retain_as_published: bool,
        retain_handling: int,
        identifiers: list[int] | None,
        dormant: bool,
    ) -> None:
        self.key = key
        self.text = text
        self.filter = filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling
        self.identifiers = identifiers
        self.dormant = dormant


@final
class Unsubscribed(Record):
    def __init__(self, key: SessionKey, text: str) -> None:
        self.key = key
        self.text = text


@final
class Queued:
    """One session's part in an Enqueued: the number its acks will name, and how it is delivered there.

    `packet_id` is the one it was sent under at once, or 0 while it waits; a `Sent` follows then.
    """

    __slots__ = ("flags", "identifiers", "key", "number", "packet_id")

    def __init__(self, key: SessionKey, number: int, flags: int, identifiers: list[int] | None, packet_id: int) -> None:
        self.key = key
        self.number = number
        self.flags = flags
        self.identifiers = identifiers
        self.packet_id = packet_id


@final
class Enqueued(Record):
    """A store that can find the message again says where in `message.place`, before `append` returns."""

    def __init__(self, tenant: str, message: Message, receivers: list[Queued]) -> None:
        self.tenant = tenant
        self.message = message
        self.receivers = receivers


@final
class Sent(Record):
    """Queued messages left under these packet ids, which they keep across reconnects until they are settled."""

    def __init__(self, key: SessionKey, numbers: list[int], packet_ids: list[int], places: list[int]) -> None:
        self.key = key
        self.numbers = numbers
        self.packet_ids = packet_ids
        self.places = places


@final
class Released(Record):
    """PUBREC came for it: from here on only PUBREL is repeated."""

    def __init__(self, key: SessionKey, number: int, place: int) -> None:
        self.key = key
        self.number = number
        self.place = place


@final
class Settled(Record):
    """These deliveries are done: acknowledged, expired or dropped. `places` is where the store has them."""

    def __init__(self, key: SessionKey, numbers: list[int], places: list[int]) -> None:
        self.key = key
        self.numbers = numbers
        self.places = places


@final
class Received(Record):
    """A QoS 2 packet id a client has used and not yet released; `open` says which of the two happened."""

    def __init__(self, key: SessionKey, packet_id: int, open: bool) -> None:
        self.key = key
        self.packet_id = packet_id
        self.open = open


@final
class RetainedSet(Record):
    """The retained message of a topic; without a message it was removed."""

    def __init__(self, tenant: str, topic: str, message: Message | None) -> None:
        self.tenant = tenant
        self.topic = topic
        self.message = message


@final
class WillSet(Record):
    """A session's will and when it is due (0: with the connection); without a message it is gone.

    `lifetime` is its message expiry, counted from when it is published; 0 for none.
    """

    def __init__(self, key: SessionKey, message: Message | None, delay: int, due: float, lifetime: float) -> None:
        self.key = key
        self.message = message
        self.delay = delay
        self.due = due
        self.lifetime = lifetime


@final
class Kept(Record):
    """A small value under a name, for what is set at run time and has no record of its own; None removes it."""

    def __init__(self, space: str, name: str, value: bytes | None) -> None:
        self.space = space
        self.name = name
        self.value = value
