"""The broker's verbs for those who can wait: they return when what they promise is safe.

Where nothing has to be awaited (QoS 0, no durable store, nobody to queue for) they return without giving up the loop.
Names of tenants are enough here; the tenant appears when it is first used. What a newcomer gets wrong: a message has
reached its receivers when the verb is called, not when it returns; what is awaited is only that it would survive.
"""

import asyncio
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Final

from myna.core.broker import Broker
from myna.core.identity import LATER, Identity, Waiting
from myna.core.limits import NEVER
from myna.core.message import Message
from myna.core.outcome import Outcome, Refusal
from myna.core.receiver import MISSED, Receiver, Subscription
from myna.core.retained_pages import RetainedPage
from myna.core.session import Session
from myna.core.subscribing import Asked, Granted, subscribe, unsubscribe
from myna.wire import reasons


class AsyncBroker:
    """`core` is the broker itself: what it answers at once needs no coroutine."""

    def __init__(self, core: Broker, now: Callable[[], float], arm: Callable[[], None]) -> None:
        self.core: Final = core
        self.now: Final = now
        self._arm = arm
        self._store = core.journal.store
        self._commits = Commits(core)

    # Messages

    async def publish(self, tenant: str, message: Message) -> Outcome | Refusal:
        """Publish as `message.origin`, who has been found to be allowed to; see `may_publish`."""
        core = self.core
        outcome = core.publish(core.tenant(tenant), message, self.now())
        if isinstance(outcome, Outcome) and outcome.sequence > self._store.committed:
            await self._commits.wait(outcome.sequence)
        return outcome

    async def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        """SUCCESS, or the reason code of a refusal."""
        while True:
            verdict = self.core.may_publish(identity, topic, qos, retain)
            if verdict != LATER:
                return verdict
            await self._verdict(identity)

    async def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        """The QoS it would get, or the reason code of a refusal."""
        while True:
            verdict = self.core.may_subscribe(identity, filter, qos)
            if verdict != LATER:
                return verdict
            await self._verdict(identity)

    async def retain(self, tenant: str, message: Message) -> int:
        """Make it its topic's retained message, or remove that if it is empty. Delivers to nobody; a reason code."""
        core = self.core
        code = core.retain(core.tenant(tenant), message, self.now())
        await self.safe()
        return code

    async def clear_retained(self, tenant: str, topic: str) -> bool:
        """Remove a topic's retained message: was there one?"""
        core = self.core
        removed = core.clear_retained(core.tenant(tenant), topic)
        await self.safe()
        return removed

    async def expire_retained(self, tenant: str, older_than: float) -> int:
        """Remove the retained messages of at least this age in seconds: how many were there?"""
        core = self.core
        held = core.tenant(tenant)
        published_before = self.now() - older_than
        topics = []
        for topic in held.retained.topics():
            message = held.retained.get(topic)
            if message is not None and message.published_at <= published_before:
                topics.append(topic)
        for topic in topics:
            core.clear_retained(held, topic)
        await self.safe()
        return len(topics)

    def retained(self, tenant: str, filter: str, after: str = "", looks: int = 0) -> RetainedPage:
        """Retained messages in the order of their topics, from behind `after` on; 0 looks at all topics."""
        return self.core.retained(self.core.tenant(tenant), filter, self.now(), after, looks)

    # Sessions

    def session(self, tenant: str, scope: str, client_id: str) -> Receiver | None:
        return self.core.session(tenant, scope, client_id)

    def sessions(self, tenant: str, *, user: str | None = None, client_id: str | None = None) -> list[Receiver]:
        """A tenant's sessions, connected or not; of one user, or bearing one client id, if either is given."""
        return self.core.sessions(tenant, user=user, client_id=client_id)

    async def subscribe(self, receiver: Receiver, asked: Asked) -> Granted:
        """Subscribe in a client's name; it gets the retained messages as if it had asked itself."""
        now = self.now()
        granted = subscribe(self.core, receiver, asked, now)
        while granted.code == LATER:
            await self._verdict(receiver.identity)
            if isinstance(receiver, Session) and receiver.ended:  # meanwhile
                return Granted(reasons.UNSPECIFIED_ERROR)
            now = self.now()
            granted = subscribe(self.core, receiver, asked, now)
        if granted.retained and granted.subscription is not None:
            receiver.deliver_retained(granted.retained, granted.subscription, now)
        if granted.sequence > self._store.committed:
            await self._commits.wait(granted.sequence)
        return granted

    async def unsubscribe(self, receiver: Receiver, text: str, *, judged: bool = False) -> int:
        """SUCCESS, NO_SUBSCRIPTION_EXISTED, or why it must stay. `text` is the filter as it was subscribed, share
        prefix included. `judged`: nobody is asked; for receivers that go.
        """
        code = unsubscribe(self.core, receiver, text, self.now(), judged=judged)
        while code == LATER:
            await self._verdict(receiver.identity)
            code = unsubscribe(self.core, receiver, text, self.now())
        await self.safe()
        return code

    async def disconnect(
        self, receivers: Iterable[Receiver], reason: int, *, discard: bool = False, reference: str = "", text: str = ""
    ) -> int:
        """End these connections, with `discard` their sessions as well: how many were connected?"""
        online = self.core.disconnect(
            list(receivers), reason, self.now(), discard=discard, reference=reference, text=text
        )
        self._arm()
        await self.safe()
        return online

    async def expire(
        self,
        tenant: str,
        older_than: float | None = None,
        reason: int = reasons.ADMINISTRATIVE_ACTION,
        text: str = "",
    ) -> int:
        """End persistent sessions whose clients have been away for so many seconds: how many?

        None ends only those whose own time has passed; 0 ends all of them, connected ones too.
        """
        now = self.now()
        ended = 0
        for receiver in self.core.sessions(tenant):
            if isinstance(receiver, Session) and receiver.is_persistent() and _is_due(receiver, older_than, now):
                receiver.end(reason, now, discard=True, text=text)
                ended += 1
        self._arm()
        await self.safe()
        return ended

    async def _verdict(self, identity: Identity) -> None:
        """The rules are asking elsewhere: return when there is an answer."""
        answered = _Answered()
        self.core.await_verdict(identity, answered)
        await answered.future

    # The store

    async def settle(self) -> None:
        """After a verb of the core that may have ended connections or set a deadline: as `safe`."""
        self._arm()
        await self.safe()

    async def safe(self) -> None:
        """Return when all that has been done up to here would survive."""
        sequence = self._store.sequence
        if sequence > self._store.committed:
            await self._commits.wait(sequence)


def _is_due(session: Session, older_than: float | None, now: float) -> bool:
    if older_than == 0:
        return True
    if session.is_online():
        return False
    own = float("inf") if session.expiry == NEVER else float(session.expiry)
    return now - session.offline_since >= (own if older_than is None else min(older_than, own))


class _Answered(Waiting):
    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def decided(self, now: float) -> None:
        if not self.future.done():  # whoever waited may have given up
            self.future.set_result(None)


class Commits(Receiver):
    """Those who wait for the store. The core tells receivers of commits, so this is one; it takes no messages."""

    def __init__(self, core: Broker) -> None:
        super().__init__(("", "", ""), Identity("", ""))
        self._core = core
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    async def wait(self, sequence: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self._count += 1  # so that equal sequences never compare futures
        heappush(self._heap, (sequence, self._count, future))
        self._core.await_sequence(self, sequence)
        await future

    def settled(self, sequence: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= sequence:
            future = heappop(heap)[2]
            if not future.done():  # whoever waited may have given up
                future.set_result(None)
        if heap:  # the core forgets who has been told
            self._core.await_sequence(self, heap[0][0])

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        return MISSED
