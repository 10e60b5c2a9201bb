"""Groups: who is in them, adding and removing one connection, and whole selections at once.

What a newcomer gets wrong: pages are ordered by connection id, and a continuation token is the last id that was seen,
so that members who come and go meanwhile neither repeat nor hide others.
"""

import base64
import binascii
from heapq import nsmallest
from typing import Any, Final

from myna.core.receiver import Receiver
from myna.faces.webpubsub.answers import (
    INVALID_GROUP,
    INVALID_JSON,
    NO_CONTENT,
    OK,
    Answer,
    Refused,
    invalid,
    json_answer,
    not_existed,
    of_reason,
)
from myna.faces.webpubsub.naming import is_group
from myna.faces.webpubsub.rest.call import Call, read_filter
from myna.faces.webpubsub.selecting import Chosen
from myna.wire import reasons

PAGE: Final = 200


async def group_exists(call: Call) -> Answer:
    group = call.group()
    return OK if call.backend.members(call.tenant(), group) else not_existed("Warning", "Group", group)


async def list_group_connections(call: Call) -> Answer:
    group = call.group()
    page = call.integer("maxpagesize", PAGE, 1, PAGE)
    top = call.integer("top", 0, 1)
    after = _read_continuation(call.text("continuationToken"))
    left = [member for member in call.backend.members(call.tenant(), group) if _place(member) > after]
    size = min(page, top) if top else page
    shown = nsmallest(size, left, key=_place)  # of a hundred thousand members, a fifth of the time that sorting takes
    listed: dict[str, object] = {"value": [_describe(member) for member in shown]}
    if len(left) > size and top != size:
        fields: dict[str, object] = {"api-version": call.version}
        if call.text("maxpagesize"):
            fields["maxpagesize"] = page
        if top:
            fields["top"] = top - size
        fields["continuationToken"] = _continuation(shown[-1])
        listed["nextLink"] = call.address_with(fields)
    return json_answer(listed)


async def add_connection_to_group(call: Call) -> Answer:
    group = call.group()
    connections = call.connections(1)
    if not connections:
        return not_existed("Error", "Connection", call.names[1])
    return await add_to_group(call, connections, group)


async def remove_connection_from_group(call: Call) -> Answer:
    group = call.group()
    now = call.backend.now()
    for receiver in call.connections(1):
        call.backend.remove(receiver, group, now)
    await call.backend.broker.safe()
    return NO_CONTENT


async def add_to_groups(call: Call) -> Answer:
    """Everybody the filter matches, into every group. A name no MQTT session can subscribe to leaves those out."""
    groups, receivers = await _selected(call)
    await call.backend.change(receivers, groups, call.backend.add)
    return OK


async def remove_from_groups(call: Call) -> Answer:
    groups, receivers = await _selected(call)
    await call.backend.change(receivers, groups, call.backend.remove)
    return OK


async def add_to_group(call: Call, receivers: list[Receiver], group: str) -> Answer:
    """All of them; the first refusal, if there is one, is the answer."""
    now = call.backend.now()
    refusal = reasons.SUCCESS
    for receiver in receivers:
        refusal = refusal or call.backend.add(receiver, group, now)
    await call.backend.broker.safe()
    return OK if refusal == reasons.SUCCESS else of_reason(refusal)


async def _selected(call: Call) -> tuple[list[str], list[Receiver]]:
    body: Any = await call.json()
    if not isinstance(body, dict):
        raise Refused(invalid("body", INVALID_JSON))
    fields = {name.lower(): value for name, value in body.items()}
    groups, text = fields.get("groups"), fields.get("filter")
    if not isinstance(groups, list) or not groups:
        raise Refused(invalid("Groups", "At least one group is needed."))
    if not all(isinstance(group, str) and is_group(group) for group in groups):
        raise Refused(invalid("Groups", INVALID_GROUP))
    if text is not None and not isinstance(text, str):
        raise Refused(invalid("Filter", "The filter is not a string."))
    receivers = call.tenant().sessions()
    if text:
        chosen = Chosen(frozenset(), read_filter(call.backend.filters, text, "Filter"))
        receivers = [receiver for receiver in receivers if chosen.takes(receiver)]
    return groups, receivers


def _describe(receiver: Receiver) -> dict[str, object]:
    described: dict[str, object] = {"connectionId": receiver.key[2]}
    if receiver.identity.user:
        described["userId"] = receiver.identity.user
    return described


def _place(receiver: Receiver) -> tuple[str, str]:
    return receiver.key[2], receiver.key[1]


def _continuation(last: Receiver) -> str:
    text = "\0".join(_place(last))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")


def _read_continuation(token: str | None) -> tuple[str, str]:
    if not token:
        return "", ""
    try:
        data = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        client_id, _, scope = data.decode().rpartition("\0")
    except (binascii.Error, ValueError):
        raise Refused(invalid("continuationToken", "Invalid continuation token.")) from None
    return client_id, scope
