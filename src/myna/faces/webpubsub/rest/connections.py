"""One connection: does it exist, close it, take it out of its groups; and closing many at once.

A connection is a session. What a newcomer gets wrong: closing what is not there succeeds, and an MQTT session that is
away exists all the same.
"""

from collections.abc import Iterable

from myna.core.receiver import Receiver
from myna.faces.webpubsub.answers import NO_CONTENT, OK, Answer, not_existed
from myna.faces.webpubsub.rest.call import Call
from myna.wire import reasons


async def connection_exists(call: Call) -> Answer:
    return OK if call.connections() else not_existed("Warning", "Connection", call.names[0])


async def close_connection(call: Call) -> Answer:
    return await close(call, call.connections())


async def close_all_connections(call: Call) -> Answer:
    return await close(call, call.tenant().sessions())


async def close_group_connections(call: Call) -> Answer:
    return await close(call, call.backend.members(call.tenant(), call.group()))


async def close_user_connections(call: Call) -> Answer:
    return await close(call, call.user())


async def remove_connection_from_all_groups(call: Call) -> Answer:
    now = call.backend.now()
    for receiver in call.connections():
        call.backend.remove_from_all(receiver, now)
    await call.backend.broker.safe()
    return NO_CONTENT


async def close(call: Call, receivers: Iterable[Receiver]) -> Answer:
    """End these sessions, but for the excluded ones."""
    excluded = frozenset(call.texts("excluded"))
    closed = [receiver for receiver in receivers if receiver.key[2] not in excluded]
    await call.backend.close(closed, reasons.ADMINISTRATIVE_ACTION, call.text("reason") or "")
    return NO_CONTENT
