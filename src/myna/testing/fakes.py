"""A fake for every port of the core. Each remembers what it was asked, and answers what a test says."""

from typing import Any

from myna.core.identity import LATER, Identity, Rules, Waiting
from myna.core.message import Message
from myna.core.ports import (
    CARRIED,
    GRANT,
    LEFT,
    LOST,
    NOT_CARRIED,
    PASS,
    Gate,
    Outlet,
    Peers,
    Store,
    Tap,
    Ticket,
    TopicGuard,
    Watcher,
)
from myna.core.receiver import TAKEN, Receiver, SessionKey, Subscription
from myna.core.records import Record
from myna.wire import reasons
from myna.wire.properties import Properties

TENANT = "tenant"
FOREVER = 0xFFFFFFFF


def properties(**fields: Any) -> Properties:
    """`properties(message_expiry=5)`: properties with these set."""
    made = Properties()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


class FakeOutlet(Outlet):
    """Remembers what was asked of it, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = 0
        self.closed = False
        self.paused = False

    def wake(self) -> None:
        self.wakes += 1

    def close(self) -> None:
        self.closed = True

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class KeepsNothing(Store):
    """A store that is not durable and must not be given records."""

    def append(self, record: Record) -> int:
        raise AssertionError(f"{record!r} for a store that keeps nothing")


class CommitsOnCommand(Store):
    """A durable store in memory. What it was given is safe once a test says so: `world.commit()`."""

    def __init__(self) -> None:
        super().__init__()
        self.durable = True
        self.records: list[Record] = []

    def append(self, record: Record) -> int:
        self.records.append(record)
        self.sequence += 1
        return self.sequence


class FakePeers(Peers):
    """Other nodes: they want every message whose topic is in `wanted`."""

    def __init__(self, alone: bool = True) -> None:
        super().__init__()
        self.alone = alone
        self.wanted: set[str] = set()
        self.forwarded: list[Message] = []
        self.announced: list[tuple[str, str, bool]] = []
        self.claimed: list[SessionKey] = []

    def forward(self, tenant: str, message: Message) -> bool:
        self.forwarded.append(message)
        return message.topic in self.wanted

    def announce(self, tenant: str, filter: str, wanted: bool) -> None:
        self.announced.append((tenant, filter, wanted))

    def claim(self, tenant: str, scope: str, client_id: str) -> None:
        self.claimed.append((tenant, scope, client_id))


class FakeTap(Tap):
    """Sees every message; takes those whose topic is in `wanted`, and fails for those in `failing`."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: set[str] = set()
        self.failing: set[str] = set()
        self.offers: list[Message] = []

    def offered(self, tenant: str, message: Message, now: float) -> int:
        self.offers.append(message)
        if message.topic in self.failing:
            return NOT_CARRIED
        return CARRIED if message.topic in self.wanted else LEFT


class FakeGuard(TopicGuard):
    """Answers what a test says; remembers what it was asked."""

    def __init__(self, first_level: str) -> None:
        super().__init__(first_level)
        self.publish_verdict = PASS
        self.subscribe_verdict = GRANT
        self.rewrite: str | None = None
        self.barred: set[str] = set()  # client ids nothing is delivered to
        self.published: list[Message] = []
        self.subscribed: list[str] = []
        self.gone: list[str] = []

    def publishing(self, message: Message, now: float) -> int:
        self.published.append(message)
        return self.publish_verdict

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        self.subscribed.append(subscription.text)
        if self.rewrite is not None:
            subscription.filter = self.rewrite
        return self.subscribe_verdict

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return receiver.key[2] not in self.barred

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self.gone.append(subscription.text)


class FakeWatcher(Watcher):
    """Everything it was told, as lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.subscriptions: list[str] = []
        self.answers: list[str] = []
        self.refused_users: list[str] = []

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        self.lines.append(f"{receiver.key[2]} connected")

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        how = "lost" if reason == LOST else f"{'left' if by_client else 'cut off'} 0x{reason:02x}"
        self.lines.append(f"{receiver.key[2]} {how}")

    def session_ended(self, receiver: Receiver, reason: int, now: float) -> None:
        self.lines.append(f"{receiver.key[2]} ended 0x{reason:02x}")

    def answered(self, receiver: Receiver, what: str, filters: list[str], codes: list[int], now: float) -> None:
        answers = " ".join(f"{text}:0x{code:02x}" for text, code in zip(filters, codes, strict=True))
        self.answers.append(f"{receiver.key[2]} {what} {answers}")

    def not_published(
        self, receiver: Receiver, topic: str, qos: int, retain: bool, reason: int, address: str, now: float
    ) -> None:
        self.answers.append(f"{receiver.key[2]} PUBLISH {topic} {qos}{'r' if retain else ''}:0x{reason:02x}")

    def subscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self.subscriptions.append(f"{receiver.key[2]} + {subscription.text}")

    def unsubscribed(self, receiver: Receiver, subscription: Subscription, now: float) -> None:
        self.subscriptions.append(f"{receiver.key[2]} - {subscription.text}")

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        self.lines.append(f"{client_id or 'somebody'} refused {what}: {cause}")
        self.refused_users.append(user)


class OpenGate(Gate):
    """Lets everybody in as the user they say they are."""

    def __init__(self, tenant: str = TENANT, *, client_ids_per_user: bool = False) -> None:
        super().__init__()
        self.tenant = tenant
        self.client_ids_per_user = client_ids_per_user
        self.rules: Rules | None = None
        self.groups: list[str] = []
        self.lasts_until = 0.0

    def identity(self, user: str | None) -> Identity:
        return Identity(
            self.tenant,
            user or "user",
            client_ids_per_user=self.client_ids_per_user,
            rules=self.rules,
            groups=self.groups,
            expires_at=self.lasts_until,
        )

    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.admit(self.identity(ticket.user_name), now)


class SlowGate(Gate):
    """Answers when the test does, by the tickets it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Ticket] = []
        self.answers: list[bytes | None] = []

    def admit(self, ticket: Ticket, now: float) -> None:
        self.asked.append(ticket)

    def answered(self, ticket: Ticket, now: float) -> None:
        self.answers.append(ticket.data)


class ClosedGate(Gate):
    """Lets nobody in."""

    def __init__(self, reason: int = reasons.NOT_AUTHORIZED, text: str = "") -> None:
        super().__init__()
        self.reason = reason
        self.text = text

    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.refuse(self.reason, now, self.text)


class FakeRules(Rules):
    """Forbids the topics and filters it lists; counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: dict[str, int] = {}
        self.judged = 0

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        self.judged += 1
        return self.forbidden.get(topic, reasons.SUCCESS)

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        self.judged += 1
        return self.forbidden.get(filter, reasons.SUCCESS)


class SlowRules(Rules):
    """The broker's rules, and what they have been asked about is answered when the test does: `allow`, `forbid`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []  # and not answered yet
        self.answers: dict[str, int] = {}
        self.waiting: list[Waiting] = []

    def may_connect(self, identity: Identity) -> int:
        return self._ask(f"connect {identity.client_id}")

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        return self._ask(f"publish {topic}")

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        return self._ask(f"subscribe {filter}")

    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        return self._ask(f"unsubscribe {filter}")

    def await_answer(self, identity: Identity, waiting: Waiting) -> None:
        self.waiting.append(waiting)

    def allow(self, question: str, now: float) -> None:
        self.answer(question, reasons.SUCCESS, now)

    def forbid(self, question: str, now: float) -> None:
        self.answer(question, reasons.NOT_AUTHORIZED, now)

    def answer(self, question: str, code: int, now: float) -> None:
        if question in self.asked:
            self.asked.remove(question)
        self.answers[question] = code
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            one.decided(now)

    def _ask(self, question: str) -> int:
        answer = self.answers.get(question, LATER)
        if answer == LATER and question not in self.asked:
            self.asked.append(question)
        return answer


class FakeReceiver(Receiver):
    """Something that is no MQTT client and takes messages all the same."""

    def __init__(self, name: str = "service", tenant: str = TENANT) -> None:
        super().__init__((tenant, "", name), Identity(tenant, name, dialect="fake"))
        self.messages: list[Message] = []
        self.verdict = TAKEN
        self.online = True
        self.ready = True
        self.persistent = False
        self.ended: list[tuple[int, bool]] = []

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        self.messages.append(message)
        return self.verdict

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        self.ended.append((reason, discard))

    def is_online(self) -> bool:
        return self.online

    def is_ready(self) -> bool:
        return self.ready

    def is_persistent(self) -> bool:
        return self.persistent
