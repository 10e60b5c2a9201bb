"""The verbs every API shares. Whatever dialect a message comes in by, it passes through here.

Synchronous, no I/O: a verb answers at once with an Outcome or a Refusal, and what must be durable is awaited by its
sequence. Knows sessions only as Receivers. What a newcomer gets wrong: `publish` does not ask whether the origin may;
callers ask `may_publish` first, because they remember the answer per topic.
"""

from typing import final

from myna.core.bans import Bans
from myna.core.census import Census
from myna.core.counters import Counters
from myna.core.deadlines import Deadlines
from myna.core.fanout import count_persistent, deliver, deliver_chosen, deliver_to
from myna.core.identity import ALLOW_ALL, UNSAID, Identity, Rules, Waiting
from myna.core.journal import Journal
from myna.core.kept import KeptValues
from myna.core.limits import Bucket, Limits, ProcessLimits, bucket
from myna.core.logins import Logins
from myna.core.message import Message
from myna.core.outbox import Outboxes
from myna.core.outcome import MATCHED, UNMATCHED, Outcome, Refusal
from myna.core.output import OutputMemory
from myna.core.ports import CARRIED, LEFT, TAKEN, Peers, Store, Tap, Ticking, TopicGuard, Watcher
from myna.core.queue import QueueMemory
from myna.core.quotas import Quotas
from myna.core.receiver import Receiver, Subscription
from myna.core.retained_pages import RetainedPage
from myna.core.retaining import Retaining, may_retain
from myna.core.router import Route
from myna.core.selection import Selection
from myna.core.tenant import Tenant, forget_idle
from myna.wire import reasons


@final
class Broker(Ticking):
    def __init__(
        self,
        store: Store,
        peers: Peers,
        *,
        limits: Limits | None = None,
        tenant_limits: dict[str, Limits] | None = None,
        watcher: Watcher | None = None,
        memory: OutputMemory | None = None,
        name_seed: str = "myna",
    ) -> None:
        self.journal = Journal(store)
        self.peers = peers
        self._tap: Tap | None = None
        self.watcher: Watcher = Watcher() if watcher is None else watcher
        self.counters = Counters()
        self.deadlines = Deadlines()
        self.memory: OutputMemory = OutputMemory() if memory is None else memory
        self.tenants: dict[str, Tenant] = {}
        self.rules: Rules = ALLOW_ALL  # of those who bring none
        self.rules_version = 0
        self.census = Census()
        self.queued = QueueMemory()
        self.process = ProcessLimits()
        self.connect_rate: Bucket | None = None
        self.quotas: Quotas = Quotas()
        self.packet_size = 1024 * 1024  # before a CONNECT says whose limits hold
        self._limits: Limits = Limits() if limits is None else limits
        self._tenant_limits: dict[str, Limits] = {} if tenant_limits is None else tenant_limits
        self._guards: list[tuple[str, TopicGuard]] = []  # tenant, or "" for every tenant
        self._name_seed = name_seed  # random for each process, so that names it gives never repeat
        self._names_given = 0
        self._waiting: dict[Receiver, int] = {}
        self.retaining = Retaining(self.journal, self.deadlines, self.counters)
        self.kept = KeptValues(self.journal)
        self.logins = Logins(self.counters)
        self.outboxes = Outboxes(self.journal)
        self.bans = Bans(self.kept, self.tenants, self.counters, self.deadlines)

    # Tenants and sessions

    def tenant(self, name: str) -> Tenant:
        """The tenant of this name; it appears when first used."""
        tenant = self.tenants.get(name)
        if tenant is None:
            tenant = Tenant(name, self.limits_of(name), self.census)
            tenant.router.asks_quotas = self.quotas.asked
            for owner, guard in self._guards:
                if owner in ("", name):
                    tenant.router.guards[guard.first_level] = guard
            tenant.router.tap = self._tap
            self.tenants[name] = tenant
        return tenant

    def limits_of(self, tenant: str) -> Limits:
        """What holds for a tenant, whether it has been used yet or not."""
        return self._tenant_limits.get(tenant, self._limits)

    def set_limits(self, default: Limits, by_tenant: dict[str, Limits]) -> None:
        """New bounds; connections that are open keep the ones they read when they came."""
        self._limits = default
        self._tenant_limits = by_tenant
        for name, tenant in self.tenants.items():
            tenant.set_limits(self.limits_of(name))
            tenant.router.retire()
        self.rules_changed()  # connections that remember routes measure no throughput

    def limit_tenant(self, name: str, limits: Limits | None) -> None:
        """Bounds of one tenant alone, or with None those of everybody; for whoever learns of them at run time."""
        if limits is None:
            self._tenant_limits.pop(name, None)
        else:
            self._tenant_limits[name] = limits
        tenant = self.tenants.get(name)
        if tenant is not None:
            tenant.set_limits(self.limits_of(name))
            tenant.router.retire()
            self.rules_changed()

    def limit_process(self, limits: ProcessLimits) -> None:
        """What all tenants share."""
        self.process = limits
        self.connect_rate = bucket(limits.connects_per_second, 0.0)
        self.census.most_subscriptions = limits.subscriptions
        self.census.most_retained_bytes = limits.retained_bytes

    def ask(self, quotas: Quotas) -> None:
        """Somebody outside has a say in how much a tenant may use."""
        self.quotas = quotas
        for tenant in self.tenants.values():
            tenant.router.asks_quotas = quotas.asked
            tenant.router.retire()

    def forget_idle_tenants(self, now: float) -> int:
        """Tenants that have held nothing for a while; they come back when they are used. Says how many went."""
        return forget_idle(self.tenants, self.process.idle_tenant, now)

    def guard(self, guard: TopicGuard, tenant: str = "") -> None:
        """Put a topic space under a guard, in one tenant or in every one."""
        self._guards.append((tenant, guard))
        for name, held in self.tenants.items():
            if tenant in ("", name):
                held.router.guards[guard.first_level] = guard
                held.router.retire()

    def carry(self, tap: Tap | None) -> None:
        """From now on this tap is offered the messages it wants."""
        self._tap = tap
        for tenant in self.tenants.values():
            tenant.router.tap = tap
        self.tap_changed()

    def tap_changed(self) -> None:
        """What the tap wants is another thing now."""
        for tenant in self.tenants.values():
            tenant.router.generation += 1

    def offer(self, tenant: str, message: Message, now: float) -> int:
        """To the tap alone, what some guard has delivered by itself: LEFT, CARRIED or NOT_CARRIED."""
        tap = self._tap
        if tap is None or not tap.wants(tenant, message.topic):
            return LEFT
        return tap.offered(tenant, message, now)

    def session(self, tenant: str, scope: str, client_id: str) -> Receiver | None:
        held = self.tenants.get(tenant)
        return None if held is None else held.session(scope, client_id)

    def sessions(self, tenant: str, *, user: str | None = None, client_id: str | None = None) -> list[Receiver]:
        """A tenant's sessions, connected or not; of one user, or bearing one client id, if either is given."""
        held = self.tenants.get(tenant)
        if held is None:
            return []
        if user is None and client_id is None:
            return held.sessions()
        if user is None:
            return held.sessions_of_client(client_id or "")
        found = held.sessions_of_user(user)
        return found if client_id is None else [receiver for receiver in found if receiver.key[2] == client_id]

    def new_client_id(self) -> str:
        """A name no client has, for one that brought none [MQTT-3.1.3-6]."""
        self._names_given += 1
        return f"{self._name_seed}-{self._names_given:x}"

    # Messages

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        """SUCCESS, LATER or the reason why not. Judge once per identity and topic, and again when `rules_version`
        changes.
        """
        verdict = identity.rules.may_publish(identity, topic, qos, retain)
        return verdict if verdict != UNSAID else self.rules.may_publish(identity, topic, qos, retain)

    def may_connect(self, identity: Identity) -> int:
        """SUCCESS, LATER or the reason why not."""
        verdict = identity.rules.may_connect(identity)
        return verdict if verdict != UNSAID else self.rules.may_connect(identity)

    def may_subscribe(self, identity: Identity, filter: str, qos: int, *, judged: bool = False) -> int:
        """The QoS it gets, LATER or the reason why not. `judged`: the identity's own rules have no say in it."""
        verdict = identity.rules.may_subscribe(identity, filter, qos)
        if verdict == UNSAID:
            verdict = self.rules.may_subscribe(identity, filter, qos)
            return self.rules.granted_qos(identity, filter, qos) if verdict == reasons.SUCCESS else verdict
        return qos if judged or verdict == reasons.SUCCESS else verdict

    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        """SUCCESS, LATER or the reason why not."""
        verdict = identity.rules.may_unsubscribe(identity, filter)
        return verdict if verdict != UNSAID else self.rules.may_unsubscribe(identity, filter)

    def await_verdict(self, identity: Identity, waiting: Waiting) -> None:
        """One of these said LATER: `waiting` is told when to ask again."""
        self.rules.await_answer(identity, waiting)

    def rules_changed(self) -> None:
        """Answers of `may_publish` that somebody remembers hold no longer."""
        self.rules_version += 1

    def publish(self, tenant: Tenant, message: Message, now: float) -> Outcome | Refusal:
        route = tenant.router.route(message.topic_bytes())
        if route is None:
            self.counters.refuse("topic_invalid")
            return Refusal(reasons.TOPIC_NAME_INVALID)
        return self.publish_on(route, tenant, message, now)

    def publish_on(
        self, route: Route, tenant: Tenant, message: Message, now: float, selection: Selection | None = None
    ) -> Outcome | Refusal:
        """As `publish`, for callers that hold the route. This is the one road of every message."""
        guard = route.guard
        if guard is not None:
            verdict = guard.publishing(message, now)
            if verdict == TAKEN:
                return MATCHED
            if verdict >= 0x80:
                self.counters.refuse("guarded_topic")
                return Refusal(verdict)
        self.counters.messages_received += 1
        tenant.messages_received += 1
        journal = self.journal
        before = journal.store.sequence
        if message.retain:
            self.retain(tenant, message, now)
        if guard is None and selection is None and not route.bounded:
            matched = deliver(route, message, now)
        else:
            matched = deliver_chosen(self.counters, tenant, route, message, selection, self.quotas, now)
        if journal.durable:
            journal.close()
        carried = LEFT
        if route.tapped and self._tap is not None:
            carried = self._tap.offered(tenant.name, message, now)
            matched = matched or carried == CARRIED
        if not self.peers.alone and self.peers.forward(tenant.name, message):
            matched = True
        if not matched:
            self.counters.unmatched += 1
        if route.logged:
            self.watcher.published(tenant.name, message, matched, now)
        sequence = journal.store.sequence
        if sequence != before or carried != LEFT:
            return Outcome(matched, sequence if sequence != before else 0, carried)
        return MATCHED if matched else UNMATCHED

    def is_direct(self, route: Route) -> bool:
        """Only the receivers want to see each message of this route: no guard, tap or other node does."""
        if route.bounded or route.logged or route.tapped:
            return False
        return route.guard is None and self.peers.alone

    def publish_run(self, route: Route, tenant: Tenant, messages: list[Message], now: float) -> Outcome:
        """As `publish_on` for several messages of one direct route, none of them to be retained."""
        self.counters.messages_received += len(messages)
        tenant.messages_received += len(messages)
        journal = self.journal
        before = journal.store.sequence
        matched = False
        if journal.durable and count_persistent(route.subscriptions) > 1:  # a message for several is stored once
            for message in messages:
                matched = deliver(route, message, now) or matched
                journal.close()
        else:
            for subscription in route.subscriptions:
                if subscription.receiver.deliver_run(messages, subscription, now):
                    matched = True
            if journal.durable:
                journal.close()
        if not matched:
            self.counters.unmatched += len(messages)
        sequence = journal.store.sequence
        if sequence != before:
            return Outcome(matched, sequence)
        return MATCHED if matched else UNMATCHED

    def deliver_to(self, tenant: Tenant, message: Message, subscriptions: list[Subscription], now: float) -> Outcome:
        """Hand a message to these subscriptions and to nobody else: for a guard that finds the receivers itself.

        A share group among them asks the guard of the topic about each of its members.
        """
        journal = self.journal
        before = journal.store.sequence
        matched = deliver_to(tenant.router.guard_of(message.topic), subscriptions, message, now)
        if journal.durable:
            journal.close()
        sequence = journal.store.sequence
        return Outcome(matched, sequence) if sequence != before else MATCHED if matched else UNMATCHED

    def arrived(self, tenant: Tenant, message: Message, now: float) -> None:
        """A message from another node: route it here, and no further."""
        route = tenant.router.route(message.topic_bytes())
        if route is None:
            return
        if message.retain:
            self.retain(tenant, message, now)
        if route.guard is None and not route.bounded:
            deliver(route, message, now)
        else:
            deliver_chosen(self.counters, tenant, route, message, None, self.quotas, now)
        self.journal.close()

    def retain(self, tenant: Tenant, message: Message, now: float) -> int:
        """Keep it as its topic's retained message, or remove that if it is empty; deliver to nobody [MQTT-3.3.1-6]."""
        code = self.retaining.retain(tenant, message, self.quotas, now)
        if code in (reasons.QUOTA_EXCEEDED, reasons.PACKET_TOO_LARGE):
            origin = message.origin
            cause = f"{reasons.reason_name(code)}: delivered, but not retained"
            self.watcher.refused("RETAIN", tenant.name, origin.client_id, origin.address, cause, now, origin.user)
        return code

    def may_retain(self, tenant: Tenant, message: Message) -> int:
        """SUCCESS, or the reason why `retain` would not keep it."""
        return may_retain(tenant, message)

    def clear_retained(self, tenant: Tenant, topic: str) -> bool:
        """Remove a topic's retained message: was there one?"""
        return self.retaining.clear(tenant, topic)

    def retained(self, tenant: Tenant, filter: str, now: float, after: str = "", looks: int = 0) -> RetainedPage:
        """Retained messages in the order of their topics, from behind `after` on; 0 looks at all topics."""
        return tenant.retained.page(filter, now, after, looks)

    # Ends

    def disconnect(
        self,
        receivers: list[Receiver],
        reason: int,
        now: float,
        *,
        discard: bool = False,
        reference: str = "",
        text: str = "",
    ) -> int:
        """End these connections; with `discard` their sessions, too. Says how many were connected."""
        online = 0
        for receiver in receivers:
            if receiver.is_online():
                online += 1
            receiver.end(reason, now, discard=discard, reference=reference, text=text)
        return online

    # Time and the store

    def tick(self, now: float) -> None:
        self.deadlines.expire(now)

    def next_deadline(self) -> float:
        """When `tick` is next wanted; 0.0 if not at all."""
        return self.deadlines.next()

    def await_sequence(self, receiver: Receiver, sequence: int) -> None:
        """Tell this receiver of the next commit. It asks again if that was not enough."""
        self._waiting[receiver] = sequence

    def committed(self, sequence: int) -> None:
        """The store is done up to here: what waited for it goes on."""
        self.journal.store.committed = sequence
        if not self._waiting:
            return
        waiting = self._waiting
        self._waiting = {}
        for receiver in waiting:
            receiver.settled(sequence)
