"""How often a message has already left by routing and come back, so that rules which feed each other come to an end.

Within this broker it is part of where a message comes from; in a queue it lies among the properties of what is stored.
What a newcomer gets wrong: it is no part of the event, which others get to see.
"""

from typing import Final

from myna.core.message import Message, Origin
from myna.wire.properties import Properties

SOURCE: Final = "routing"
MOST: Final = 8  # times; a chain of rules that is meant is shorter
_NAME: Final = "hops"


def hops_of(message: Message) -> int:
    """Of a message that has been published."""
    source = message.origin.source
    return int(source[len(SOURCE) + 1 :] or 0) if source.startswith(SOURCE) else 0


def origin_after(event: Message, tenant: str) -> Origin:
    """Where a message comes from that is published for this event."""
    return Origin(f"{SOURCE} {stored_hops(event) + 1}", tenant)


def hop_properties(hops: int) -> Properties | None:
    """What is stored with an event of a message that has come so far."""
    if not hops:
        return None
    properties = Properties()
    properties.user_properties = [(_NAME, str(hops))]
    return properties


def stored_hops(event: Message) -> int:
    properties = event.properties
    pairs = None if properties is None else properties.user_properties
    return next((int(value) for name, value in pairs or () if name == _NAME), 0)
