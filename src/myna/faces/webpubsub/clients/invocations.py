"""Invocations of one client: questions to the back end that it has yet to answer.

    invoke              asked as an event; the answer, a failure or the time-out goes back under its name
    cancelInvocation    forgotten: no answer
    socket lost         all forgotten, for clients give them up themselves then

What a newcomer gets wrong: the back end is not told of a cancellation. Its answer comes all the same, and finds nobody.
"""

from typing import TYPE_CHECKING, Final

from myna.core.deadlines import Deadline, Timed
from myna.faces.webpubsub.clients.notices import BAD_REQUEST, TIMEOUT, Failure, Invoked
from myna.faces.webpubsub.clients.requests import Data, Invoke
from myna.faces.webpubsub.naming import JSON
from myna.faces.webpubsub.upstream import NOT_FOUND, Reply, event_of, readable

if TYPE_CHECKING:
    from myna.faces.webpubsub.clients.pubsub_client import PubSubClient

NAMES: Final = {NOT_FOUND: "NotFound"}  # where invocations have another word than acks


class Invocation(Timed):
    def __init__(self, owner: "Invocations", invocation_id: str) -> None:
        self._owner = owner
        self.invocation_id = invocation_id
        self.deadline: Deadline | None = None

    def due(self, now: float) -> None:
        self._owner.fail(self, TIMEOUT, "The event handler has not answered in time.")

    def answered(self, reply: Reply, now: float) -> None:
        self._owner.answered(self, reply)


class Invocations:
    def __init__(self, client: "PubSubClient") -> None:
        self._client = client
        self._pending: dict[str, Invocation] = {}

    def ask(self, request: Invoke, now: float) -> None:
        client = self._client
        bounds = client.space.bounds
        if request.invocation_id in self._pending:
            self.refuse(request.invocation_id, "An invocation of this name is pending.")
            return
        if len(self._pending) >= bounds.invocations:
            self.refuse(request.invocation_id, f"A connection has at most {bounds.invocations} invocations pending.")
            return
        invocation = Invocation(self, request.invocation_id)
        self._pending[request.invocation_id] = invocation
        invocation.deadline = client.space.broker.deadlines.add(now + bounds.invocation_timeout, invocation)
        event = event_of(request.event, request.data_type, request.payload, request.metadata)
        client.space.upstream.ask(client, event, invocation.answered, now)

    def cancel(self, invocation_id: str) -> None:
        invocation = self._pending.get(invocation_id)
        if invocation is not None:
            self._forget(invocation)

    def abandon(self) -> None:
        for invocation in list(self._pending.values()):
            self._forget(invocation)

    def refuse(self, invocation_id: str, text: str) -> None:
        self._client.refuse(f"invocation:{BAD_REQUEST}", "invocation", text)
        self._client.say(Invoked(invocation_id, failure=Failure(BAD_REQUEST, text)))

    def answered(self, invocation: Invocation, reply: Reply) -> None:
        if self._pending.get(invocation.invocation_id) is not invocation:
            return
        reply = readable(reply)
        if not reply.is_success:
            self.fail(invocation, NAMES.get(reply.error, reply.error), reply.text)
            return
        self._forget(invocation)
        self._client.say(Invoked(invocation.invocation_id, _data_of(reply), reply.metadata()))

    def fail(self, invocation: Invocation, name: str, text: str) -> None:
        self._forget(invocation)
        self._client.refuse(f"invocation:{name}", "invocation", text)
        self._client.say(Invoked(invocation.invocation_id, failure=Failure(name, text)))

    def _forget(self, invocation: Invocation) -> None:
        del self._pending[invocation.invocation_id]
        if invocation.deadline is not None:
            invocation.deadline.cancel()


def _data_of(reply: Reply) -> Data | None:
    """JSON's null is no data either: the clients' protocols have no word for it."""
    data_type = reply.data_type()
    if not reply.body or (data_type == JSON and reply.body.strip() == b"null"):
        return None
    return data_type, reply.body
