"""One call of a handler: may it be called, is it our turn, what has it answered. Nothing is repeated here.

What a newcomer gets wrong: no answer is an answer, too. Whatever kept us from having one becomes a Reply with an error,
in words for the client that name no address; the broker's log gets the others.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from myna.core.broker import Broker
from myna.faces.webpubsub.events.cloud_event import request_headers
from myna.faces.webpubsub.events.pace import Pace
from myna.faces.webpubsub.events.protection import Protection
from myna.faces.webpubsub.events.row import Pending
from myna.faces.webpubsub.events.states import KeptStates
from myna.faces.webpubsub.events.turns import NoTurn, Turns, destination_of
from myna.faces.webpubsub.upstream import FAILED, TIMED_OUT, TOO_MANY, Reply
from myna.formats.outgoing import Answer, CallFailed, Cause, HttpCaller

LONGEST_STATE: Final = 8 * 1024
_STATE: Final = re.compile(r"[\x20-\x7e]*")


class Calls:
    """`keys` are the access keys, primary first; `origin` is the host that back ends know us by."""

    def __init__(
        self,
        broker: Broker,
        http: HttpCaller,
        protection: Protection,
        states: KeptStates,
        keys: Callable[[], Sequence[str]],
        origin: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._http = http
        self._protection = protection
        self._states = states
        self._keys = keys
        self._origin = origin
        self._now = now
        self._turns = Turns()
        self._pace = Pace()

    async def make(self, pending: Pending) -> Reply:
        reply, cause = await self._make(pending)
        if cause:
            line = pending.line
            source = line.source
            self._broker.watcher.refused(
                f"event '{pending.happening.name[:100]}' for {destination_of(pending.url)}",
                source.hub, source.connection_id, line.address, cause, self._now(),
            )  # fmt: skip
        return reply

    async def _make(self, pending: Pending) -> tuple[Reply, str]:
        """The reply, and what the log should know of it."""
        objection = await self._protection.objection(pending.validate)
        if objection:
            reply = Reply(502, error=FAILED, text="The event handler does not take calls from here.")
            return reply, f"the handler must not be called: {objection}"
        settings, hub = pending.settings, pending.line.source.hub
        try:
            async with self._turns.turn(hub, settings.calls, pending.url, pending.timeout / 2):
                await self._pace.wait(hub)
                answer = await self._call(pending)
        except NoTurn:
            reply = Reply(503, error=TOO_MANY, text="The event handlers are busy.")
            return (
                reply,
                f"no turn within {pending.timeout / 2:g} s: {settings.calls} calls at once are the hub's limit",
            )
        except CallFailed as failure:
            if failure.cause is Cause.TIMEOUT:
                return Reply(504, error=TIMED_OUT, text="The event handler has not answered in time."), str(failure)
            return Reply(502, error=FAILED, text="The event handler cannot be reached."), str(failure)
        reply, cause = _read(pending, answer)
        self._states.keep(pending.line)
        return reply, cause

    async def _call(self, pending: Pending) -> Answer:
        line = pending.line
        if pending.number < 0:
            pending.number = line.number()
        happening = pending.happening
        headers = request_headers(line.source, happening, pending.number, self._keys(), self._origin(), self._now())
        return await self._http.call("POST", pending.url, headers=headers, body=happening.body, timeout=pending.timeout)


def _read(pending: Pending, answer: Answer) -> tuple[Reply, str]:
    content_type = answer.headers.get("content-type", "")
    if not answer.is_success:
        text = f"The event handler answered {answer.status}."
        reply = Reply(answer.status, content_type, answer.body, answer.headers, FAILED, text)
        return reply, f"the handler answered {answer.status}"
    cause = ""
    if pending.then is not None:
        state = answer.headers.get("ce-connectionstate")
        if state is not None and len(state) <= LONGEST_STATE and _STATE.fullmatch(state):
            pending.line.source.state = state
        elif state is not None:
            cause = f"the handler's ce-connectionState is longer than {LONGEST_STATE} or not printable; ignored"
    return Reply(answer.status, content_type, answer.body, answer.headers), cause
