"""Users: all connections of one user id, together.

What a newcomer gets wrong: a user exists while it has a connection. Adding one without to a group is 404, but for the
first version of the API, which did not look.
"""

from myna.faces.webpubsub.answers import NO_CONTENT, OK, Answer, not_existed
from myna.faces.webpubsub.rest.call import Call
from myna.faces.webpubsub.rest.groups import add_to_group
from myna.faces.webpubsub.rest.versions import OLDEST


async def user_exists(call: Call) -> Answer:
    return OK if call.user() else not_existed("Warning", "User", call.names[0])


async def add_user_to_group(call: Call) -> Answer:
    group = call.group(1)
    connections = call.user()
    if not connections and call.version != OLDEST:
        return not_existed("Error", "User", call.names[0])
    return await add_to_group(call, connections, group)


async def remove_user_from_group(call: Call) -> Answer:
    group = call.group(1)
    now = call.backend.now()
    for receiver in call.user():
        call.backend.remove(receiver, group, now)
    await call.backend.broker.safe()
    return NO_CONTENT


async def remove_user_from_all_groups(call: Call) -> Answer:
    now = call.backend.now()
    for receiver in call.user():
        call.backend.remove_from_all(receiver, now)
    await call.backend.broker.safe()
    return NO_CONTENT


async def is_user_in_group(call: Call) -> Answer:
    group = call.group(1)
    if any(group in receiver.subscriptions for receiver in call.user()):
        return OK
    return not_existed("Warning", "Group", group)
