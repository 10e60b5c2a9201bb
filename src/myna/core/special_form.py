"""A PUBLISH for one client alone: with its subscription identifiers, its topic aliases, within its maximum packet size.

What a newcomer gets wrong: a packet that is not written at once must define no alias. What is written before it would
use one that the client has not been told of.
"""

from myna.core.link import Link
from myna.core.message import Message
from myna.wire.fields import write_u16

QOS_BITS = 0x06


def special_form(
    link: Link, message: Message, flags: int, identifiers: list[int] | None, packet_id: int, at_once: bool, now: float
) -> tuple[bytes, bytes, bytes] | None:
    """Head, packet id and tail; None if that is more than the client takes."""
    aliases = link.aliases
    alias = 0 if aliases is None else aliases.known(message.topic)
    if (alias == 0 and identifiers is None and aliases is None) or link.level < 5:
        head, tail = message.head(link.form, flags, now), message.tail(link.form, now)
    else:
        known = alias != 0
        if aliases is not None and not known and at_once:
            alias = aliases.next_free()
        head, tail = message.special_form(flags, identifiers, alias, not known, now)
    middle = write_u16(packet_id) if flags & QOS_BITS else b""
    if len(head) + len(middle) + len(tail) > link.maximum_packet_size:
        return None
    if aliases is not None and alias:
        aliases.bind(message.topic, alias)
    return head, middle, tail
