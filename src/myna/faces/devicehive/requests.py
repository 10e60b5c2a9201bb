"""Requests under dh/request: taken in order, checked in the original's order, answered to whoever asked.

    parse -> action known? -> somebody? -> permission and access to what is named -> the action -> answer

What a newcomer gets wrong: one connection's requests are done one after another, but what only waits for a commit
(inserting a notification) does not hold up the next; a later request that reads waits for it. Answers for which the
client has no subscription are not sent; the request has been done all the same.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final

import msgspec

from myna.core.broker import Broker
from myna.core.message import Message, Origin
from myna.core.ports import TAKEN
from myna.core.receiver import Subscription
from myna.core.tenant import Tenant
from myna.faces.devicehive import texts
from myna.faces.devicehive.actions import ACTIONS, Action, check_access
from myna.faces.devicehive.answers import (
    MALFORMED,
    Members,
    Refused,
    Stored,
    refusal_of,
    write_error,
    write_success,
)
from myna.faces.devicehive.callers import Caller
from myna.faces.devicehive.desk import Call, Desk
from myna.faces.devicehive.naming import response_topic
from myna.faces.devicehive.parameters import NotAnObject, Parameters, read_object
from myna.wire import reasons
from myna.wire.topics import check_topic, matches

log = logging.getLogger("myna.devicehive")

MOST_WAITING: Final = 1_000  # requests of one connection; beyond, they are refused until it has caught up
MOST_BYTES: Final = 4 * 1024 * 1024  # of those
NULL: Final = b"null"


class Request:
    """One request of one caller. `name` is the action as it was sent, `encoded` the same in JSON."""

    __slots__ = ("action", "call", "encoded", "id", "name")

    def __init__(self, name: str, encoded: bytes, id: bytes, action: Action, call: Call) -> None:
        self.name = name
        self.encoded = encoded
        self.id = id
        self.action = action
        self.call = call


class Requests:
    def __init__(self, broker: Broker, tenant: Tenant, desk: Desk, now: Callable[[], float]) -> None:
        self._broker = broker
        self._tenant = tenant
        self._desk = desk
        self._now = now
        self._origin = Origin("devicehive", tenant.name)
        self._tasks: set[asyncio.Task[None]] = set()
        self._encoded = {name: msgspec.json.encode(name) for name in ACTIONS}

    def accept(self, caller: Caller, payload: bytes) -> int:
        """Take a request; TAKEN, or a reason code where there are too many already."""
        try:
            parameters = read_object(payload)
        except NotAnObject:
            self._send(caller, "", MALFORMED)
            return TAKEN
        if self.is_behind(caller, len(payload)):
            self._broker.counters.refuse("devicehive:too_many_requests")
            return reasons.QUOTA_EXCEEDED
        request = self._identify(caller, parameters)
        if request is not None:
            self.in_turn(caller, partial(self._begin, caller, request), len(payload))
        return TAKEN

    def is_behind(self, caller: Caller, size: int) -> bool:
        """Has so much been asked for that nothing more may wait?"""
        return len(caller.queue) >= MOST_WAITING or (bool(caller.queue) and caller.queued_bytes + size > MOST_BYTES)

    def in_turn(self, caller: Caller, work: Callable[[], None], size: int) -> None:
        """Do it now, or when what this caller asked for before has been done."""
        if caller.busy:
            caller.queue.append((work, size))
            caller.queued_bytes += size
        else:
            work()

    def start(self, caller: Caller, work: Coroutine[Any, Any, None]) -> None:
        """Something of this caller's that takes its time and has no answer; what comes behind it waits."""
        caller.busy = True
        self._keep(asyncio.ensure_future(self._work_unanswered(caller, work)))

    async def finish(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _identify(self, caller: Caller, parameters: Parameters) -> Request | None:
        """Which action it is; None when that had to be answered with an error."""
        id = parameters.raw("requestId") or NULL
        try:
            name = parameters.text("action")
        except Refused:
            name = None
        if name is None:
            refused = Refused(500, texts.NO_ACTION)
            self._send(caller, "", write_error(NULL, id, refused))
            return None
        action = ACTIONS.get(name)
        if action is None:
            refused = Refused(400, texts.ILLEGAL_ACTION % name)
            self._send(caller, name, write_error(msgspec.json.encode(name), id, refused))
            return None
        return Request(name, self._encoded[name], id, action, Call(caller, None, parameters))

    def _begin(self, caller: Caller, request: Request) -> None:
        """Do it now if it can be done now; otherwise the caller is busy until it is done."""
        try:
            request.call.principal = self._desk.allowed_principal(caller)
            check_access(self._desk, request.action, request.call)
            result = request.action.run(self._desk, request.call)
        except Exception as error:
            self._fail(caller, request, error)
            return
        if isinstance(result, dict):
            self._succeed(caller, request, result)
        elif isinstance(result, Stored):
            self._await_commit(caller, request, result)
        else:
            caller.busy = True
            self._keep(asyncio.ensure_future(self._work(caller, request, result)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, caller: Caller, request: Request, result: Awaitable[Members]) -> None:
        try:
            if caller.last_stored is not None:
                await asyncio.wait((caller.last_stored,))
            members: Members = await result
        except Exception as error:
            self._fail(caller, request, error)
        else:
            self._succeed(caller, request, members)
        self._go_on(caller)

    async def _work_unanswered(self, caller: Caller, work: Coroutine[Any, Any, None]) -> None:
        try:
            if caller.last_stored is not None:
                await asyncio.wait((caller.last_stored,))
            await work
        except Exception:
            log.exception("a publish failed by a bug of ours")
        self._go_on(caller)

    def _go_on(self, caller: Caller) -> None:
        caller.busy = False
        while caller.queue and not caller.busy:
            work, size = caller.queue.popleft()
            caller.queued_bytes -= size
            self.in_turn(caller, work, size)

    def _await_commit(self, caller: Caller, request: Request, stored: Stored) -> None:
        future: asyncio.Future[None] = stored.done
        caller.last_stored = future

        def settled(done: asyncio.Future[None]) -> None:
            if caller.last_stored is done:
                caller.last_stored = None
            error = done.exception()
            try:
                if error is not None:
                    raise error
                members = stored.finish()
            except Exception as failure:
                self._fail(caller, request, failure)
            else:
                self._succeed(caller, request, members)

        future.add_done_callback(settled)

    # Answers

    def _succeed(self, caller: Caller, request: Request, members: Members) -> None:
        if caller.is_connected():
            self._send(caller, request.name, write_success(request.encoded, request.id, members))
        followed = request.action.after
        if followed is not None:
            followed(self._desk, request.call)

    def _fail(self, caller: Caller, request: Request, error: Exception) -> None:
        refused = refusal_of(error)
        if refused is None:
            log.error("%s failed by a bug of ours", request.name, exc_info=error)
            refused = Refused(500, texts.INTERNAL)
        self._send(caller, request.name, write_error(request.encoded, request.id, refused))

    def _send(self, caller: Caller, action: str, payload: bytes) -> None:
        """To this session alone, if it has asked for these answers and is there to have them."""
        if not caller.is_connected():
            return
        subscription = self._wanted(caller, action)
        if subscription is not None:
            topic = response_topic(action, caller.client_id)
            now = self._now()
            message = Message(topic, payload, 1, False, self._origin, now)
            self._broker.deliver_to(self._tenant, message, [subscription], now)

    def _wanted(self, caller: Caller, action: str) -> Subscription | None:
        """The caller's subscription for the answers of an action."""
        if action in caller.answers:
            return caller.answers[action]
        topic = response_topic(action, caller.client_id)
        found = None
        if check_topic(topic):
            for held in caller.receiver.subscriptions.values():
                if held.filter[0] not in "+#" and matches(held.filter, topic):
                    found = held
                    break
        if action in ACTIONS:
            caller.answers[action] = found
        return found
