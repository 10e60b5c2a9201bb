"""Permissions of one connection, granted and revoked while it lives. Those of stored MQTT sessions are stored, too.

What a newcomer gets wrong: sessions that another gate admitted follow that gate's rules. They can be asked about
here, but nothing can be given to them or taken from them: that is refused rather than forgotten.
"""

from typing import Final

from myna.core.grants import Grants
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.faces.webpubsub.answers import NO_CONTENT, OK, Answer, Refused, error, invalid, not_existed
from myna.faces.webpubsub.naming import JOIN_LEAVE, PERMISSIONS, is_group
from myna.faces.webpubsub.rest.call import Call
from myna.faces.webpubsub.roles import Permissions
from myna.faces.webpubsub.selecting import is_ours
from myna.wire import reasons

MAXIMUM_QOS: Final = 2


async def grant_permission(call: Call) -> Answer:
    return await _say(call, allowed=True)


async def revoke_permission(call: Call) -> Answer:
    return await _say(call, allowed=False)


async def check_permission(call: Call) -> Answer:
    permission, group = _asked(call)
    connections = call.connections(1)
    if not connections:
        return not_existed("Info", "Connection", call.names[1])
    for receiver in connections:
        if not await _is_allowed(call, receiver, permission, group):
            return not_existed("Info", "Permission", permission)
    return OK


async def _say(call: Call, *, allowed: bool) -> Answer:
    permission, group = _asked(call)
    connections = call.connections(1)
    if not connections:
        return not_existed("Info", "Connection", call.names[1]) if allowed else NO_CONTENT
    backend = call.backend
    for receiver in connections:
        rules = receiver.identity.rules
        if isinstance(rules, Permissions):
            grants = rules.say(permission, group, allowed=allowed)
        elif is_ours(receiver):  # its client has not been back since the broker was started
            grants = backend.granted.of(receiver.key) or Grants()
            grants.say(permission, group, allowed)
        else:
            return error(
                409, "Error.Connection.OtherAccess", "The rules of another gate hold for this connection.", "Connection"
            )
        if isinstance(receiver, Session) and receiver.is_persistent():
            backend.granted.keep(receiver.key, grants)
    backend.core.rules_changed()
    await backend.broker.safe()
    return OK if allowed else NO_CONTENT


def _asked(call: Call) -> tuple[str, str | None]:
    """Permission and group; no group means all."""
    given = call.names[0]
    permission = next((name for name in PERMISSIONS if name.lower() == given.lower()), None)
    if permission is None:
        raise Refused(invalid("permission", f"The value '{given[:64]}' is not valid for Permission."))
    group = call.text("targetName") or call.text("group")
    if group and not is_group(group):
        raise Refused(invalid("targetName", "Invalid group name."))
    return permission, group or None


async def _is_allowed(call: Call, receiver: Receiver, permission: str, group: str | None) -> bool:
    identity = receiver.identity
    rules = identity.rules
    if isinstance(rules, Permissions):
        return rules.allows(permission, group)
    if is_ours(receiver):  # which roles it will bring is not known before it is back
        grants = call.backend.granted.of(receiver.key)
        return grants is not None and grants.check(permission, group) is True
    broker = call.backend.broker
    if permission == JOIN_LEAVE:
        return await broker.may_subscribe(identity, group or "#", 0) <= MAXIMUM_QOS
    return await broker.may_publish(identity, group or "#", 0, False) == reasons.SUCCESS
