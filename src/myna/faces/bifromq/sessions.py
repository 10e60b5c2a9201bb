"""GET /session, DELETE /session, GET /session/inbox and DELETE /kill.

A session is named by tenant, user and client id. What a newcomer gets wrong: /session and /kill know only clients that
are connected; one that is away has an inbox, and nothing to kill.
"""

from itertools import count
from typing import Any, Final

from myna.core.link import Link
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.faces.bifromq import answers
from myna.faces.bifromq.answers import Answer, json_answer
from myna.faces.bifromq.calls import Call
from myna.faces.bifromq.inbox import describe_inbox
from myna.faces.bifromq.naming import (
    CLIENT_ID,
    CLIENT_TYPE,
    EXPIRY_SECONDS,
    SERVER_REDIRECT,
    SERVER_REFERENCE,
    USER_ID,
    Unusable,
    read_pairs,
)
from myna.faces.contract import FaceContext
from myna.wire import reasons

REDIRECTS: Final = {
    "no": reasons.SESSION_TAKEN_OVER,
    "move": reasons.SERVER_MOVED,
    "temp_use": reasons.USE_ANOTHER_SERVER,
}
LONGEST_REFERENCE: Final = 65_535


class Sessions:
    def __init__(self, context: FaceContext, node: str) -> None:
        self._broker = context.broker
        self._node = node
        self._channels = count(1)

    async def show(self, call: Call) -> Answer:
        receiver = self.find_online(call)
        return answers.NOT_FOUND if receiver is None else json_answer(self._describe(receiver))

    async def show_inbox(self, call: Call) -> Answer:
        now = self._broker.now()
        for receiver in self._find(call):
            if isinstance(receiver, Session) and not receiver.is_overdue(now):
                return json_answer(describe_inbox(receiver))
        return answers.NO_INBOX

    async def expire(self, call: Call) -> Answer:
        """End persistent sessions: those overdue, those away for so long, or with 0 all of them."""
        older_than = call.optional_number(EXPIRY_SECONDS)
        if older_than is not None and older_than < 0:
            raise Unusable(f'For input string: "{older_than}"')
        await self._broker.expire(call.tenant, older_than, reasons.IMPLEMENTATION_SPECIFIC_ERROR, "NO_INBOX")
        return answers.DONE

    async def kill(self, call: Call) -> Answer:
        """Disconnect one client, all of a user or all of a tenant. Sessions stay.

        404 where nobody was connected. A client id without its user is refused, although BifroMQ then empties the
        tenant: a forgotten header must not do that.
        """
        call.raw(CLIENT_TYPE)
        reason = REDIRECTS.get((call.optional_text(SERVER_REDIRECT) or "no").lower())
        if reason is None:
            return answers.INVALID_REDIRECT
        reference = call.optional_text(SERVER_REFERENCE) or ""
        if len(reference) > LONGEST_REFERENCE:
            return answers.LONG_REFERENCE
        user, client_id = _whom(call)
        everybody = self._broker.sessions(call.tenant, user=user, client_id=client_id)
        text = read_pairs(call.metadata()).get("address", "")
        if reason == reasons.SESSION_TAKEN_OVER:
            reference = ""
        online = [receiver for receiver in everybody if receiver.is_online()]
        killed = await self._broker.disconnect(online, reason, reference=reference, text=text)
        return answers.DONE if killed else answers.NOT_FOUND

    def find_online(self, call: Call) -> Receiver | None:
        """Raises Unusable where the call does not say whom it means."""
        return next((receiver for receiver in self._find(call) if receiver.is_online()), None)

    def _find(self, call: Call) -> list[Receiver]:
        user = call.text(USER_ID)
        return self._broker.sessions(call.tenant, user=user, client_id=call.text(CLIENT_ID))

    def _describe(self, receiver: Receiver) -> dict[str, Any]:
        tenant, _, client_id = receiver.key
        metadata = dict(receiver.identity.attributes)
        metadata |= {"userId": receiver.identity.user, "clientId": client_id, "broker": self._node}
        metadata["sessionType"] = "p" if receiver.is_persistent() else "t"
        link = receiver.link if isinstance(receiver, Session) else None
        if link is not None:
            metadata |= {"ver": str(link.level), "channelId": self._channel(link), "address": f"/{link.address}"}
        kind = "MQTT" if isinstance(receiver, Session) else receiver.dialect()
        described = {"tenantId": tenant, "type": kind, "metadata": metadata}
        return {name: value for name, value in described.items() if value}

    def _channel(self, link: Link) -> str:
        """A name for this connection, which nobody needed before."""
        if not link.channel:
            link.channel = f"{self._node}-{int(link.connected_at * 1000):012x}-{next(self._channels):08x}"
        return link.channel


def _whom(call: Call) -> tuple[str | None, str | None]:
    """User and client id, as far as they are given. One that is given must name somebody."""
    user, client_id = call.optional_text(USER_ID), call.optional_text(CLIENT_ID)
    if user == "" or (user is None and client_id is not None):
        raise Unusable("header not found: user_id")
    if client_id == "":
        raise Unusable("header not found: client_id")
    return user, client_id
