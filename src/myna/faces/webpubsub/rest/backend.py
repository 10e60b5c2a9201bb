"""What the handlers work with: the broker in their words. No HTTP here.

What a newcomer gets wrong: `wait` is what makes an answer a promise. Handlers change things at once and return it last;
where that is thousands of things, others have their turns in between, and some may be gone when it is theirs.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from myna.core.bans import words_of
from myna.core.broker import Broker
from myna.core.identity import LATER, Waiting
from myna.core.joining import join, part, publish_to_name
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome, Refusal
from myna.core.receiver import Receiver, Subscription
from myna.core.selection import Selection
from myna.core.subscribing import Asked, subscribe, unsubscribe
from myna.core.tenant import Tenant
from myna.faces.async_broker import AsyncBroker
from myna.faces.webpubsub.clients.client import GROUP_QOS, WebSocketClient
from myna.faces.webpubsub.filter import Filters
from myna.faces.webpubsub.granted import KeptGrants
from myna.faces.webpubsub.naming import DIALECT, SERVER_MESSAGES, tenant_of
from myna.faces.webpubsub.oidc import OidcTokens
from myna.faces.webpubsub.payloads import carry
from myna.faces.webpubsub.selecting import is_ours
from myna.faces.webpubsub.tokens import Tokens
from myna.wire import reasons

ORIGINS: Final = 10_000  # hubs that are remembered
PER_TURN: Final = 256  # connections or groups changed in one turn of the loop, some ten milliseconds

Change = Callable[[Receiver, str, float], object]


@dataclass(slots=True)
class Backend:
    broker: AsyncBroker
    tokens: Tokens
    oidc: OidcTokens
    granted: KeptGrants
    default_tenant: str
    now: Callable[[], float]
    group_qos: int  # of MQTT sessions that are put into a group
    filters: Filters = field(default_factory=Filters)
    _origins: dict[str, Origin] = field(default_factory=dict)

    @property
    def core(self) -> Broker:
        return self.broker.core

    def tenant(self, hub: str) -> Tenant:
        return self.core.tenant(tenant_of(hub, self.default_tenant))

    def banned(self, hub: str, address: str, now: float) -> str:
        """What somebody is told who must not call from there; empty for everybody else."""
        tenant = tenant_of(hub, self.default_tenant)
        ban = self.core.bans.banned(tenant, "", "", address, now)
        if ban is None:
            return ""
        self.core.counters.refuse("webpubsub_rest:banned")
        self.core.watcher.refused("a REST call", tenant, "", address, words_of(ban), now)
        return words_of(ban)

    async def wait(self, outcome: Outcome | Refusal) -> None:
        """Return when what was published would survive."""
        if isinstance(outcome, Outcome) and outcome.sequence > self.core.journal.store.committed:
            await self.broker.safe()

    # Messages

    def message(
        self,
        tenant: Tenant,
        topic: str,
        data_type: str,
        payload: bytes,
        ttl: int,
        metadata: dict[str, str] | None,
        now: float,
    ) -> Message:
        origin = self._origins.get(tenant.name)
        if origin is None:
            if len(self._origins) >= ORIGINS:
                self._origins.clear()
            origin = Origin(DIALECT, tenant.name)
            self._origins[tenant.name] = origin
        message = Message(topic, payload, GROUP_QOS, False, origin, now, now + ttl if ttl else 0.0)
        carry(message, data_type, metadata)
        return message

    def send(self, tenant: Tenant, receivers: list[Receiver], message: Message, now: float) -> Outcome:
        """Straight to those of them that this dialect has admitted."""
        assert message.topic == SERVER_MESSAGES
        self.core.counters.messages_received += 1
        tenant.messages_received += 1
        terms = [_terms(receiver, message.topic) for receiver in receivers if is_ours(receiver)]
        return self.core.deliver_to(tenant, message, terms, now)

    def publish(self, tenant: Tenant, message: Message, selection: Selection | None, now: float) -> Outcome | Refusal:
        return publish_to_name(self.core, tenant, message, now, selection)

    # Many at once

    async def close(self, receivers: Sequence[Receiver], reason: int, text: str) -> None:
        for start in range(0, len(receivers), PER_TURN):
            if start:
                await asyncio.sleep(0)
            piece = [receiver for receiver in receivers[start : start + PER_TURN] if self.is_here(receiver)]
            await self.broker.disconnect(piece, reason, discard=True, text=text)

    async def change(self, receivers: Sequence[Receiver], groups: Sequence[str], change: Change) -> None:
        done = 0
        for receiver in receivers:
            for group in groups:
                if done and done % PER_TURN == 0:
                    await asyncio.sleep(0)
                done += 1
                if not self.is_here(receiver):
                    break
                change(receiver, group, self.now())
        await self.broker.safe()

    def is_here(self, receiver: Receiver) -> bool:
        """Still, after others have had their turn."""
        tenant, scope, client_id = receiver.key
        return self.core.session(tenant, scope, client_id) is receiver

    # Groups

    def members(self, tenant: Tenant, group: str) -> list[Receiver]:
        return [subscription.receiver for subscription in tenant.router.subscribers(group)]

    def add(self, receiver: Receiver, group: str, now: float) -> int:
        """Into a group; an MQTT session subscribes. SUCCESS, or the reason why not.

        Where the broker's rules for a client that is not this dialect's have to ask elsewhere, it follows when they
        know.
        """
        if isinstance(receiver, WebSocketClient):
            return join(self.core, receiver, group, GROUP_QOS, now)
        if group in receiver.subscriptions:
            return reasons.SUCCESS  # with the options its client wished for
        granted = subscribe(self.core, receiver, Asked(group, self.group_qos), now, judged=True)
        if granted.code == LATER:
            self.core.await_verdict(receiver.identity, _AddedLater(self, receiver, group))
            return reasons.SUCCESS
        if granted.code >= 0x80:
            return granted.code
        if granted.retained and granted.subscription is not None:
            receiver.deliver_retained(granted.retained, granted.subscription, now)
        return reasons.SUCCESS

    def remove(self, receiver: Receiver, group: str, now: float) -> None:
        if isinstance(receiver, WebSocketClient):
            part(self.core, receiver, group, now)
        else:
            unsubscribe(self.core, receiver, group, now, judged=True)

    def remove_from_all(self, receiver: Receiver, now: float) -> None:
        for group in list(receiver.subscriptions):
            self.remove(receiver, group, now)


class _AddedLater(Waiting):
    """A client that is to be in a group as soon as the rules say so; unless it has gone meanwhile."""

    def __init__(self, backend: Backend, receiver: Receiver, group: str) -> None:
        self._backend = backend
        self._receiver = receiver
        self._group = group

    def decided(self, now: float) -> None:
        if self._backend.is_here(self._receiver):
            self._backend.add(self._receiver, self._group, now)


def _terms(receiver: Receiver, topic: str) -> Subscription:
    """A client need not subscribe to what is sent to it; one that does gets it on the terms of its subscription."""
    held = receiver.subscriptions.get(topic)
    return Subscription(receiver, topic, topic, GROUP_QOS) if held is None else held
