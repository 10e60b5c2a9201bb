"""The broker's verbs as coroutines: they return when what they promise is safe."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from myna.cluster.solo import SoloPeers
from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.message import Message, Origin
from myna.core.outcome import Outcome, Refusal
from myna.core.ports import Store
from myna.core.records import Record
from myna.core.session import Session
from myna.core.subscribing import Asked
from myna.faces.async_broker import AsyncBroker
from myna.testing import SlowRules
from myna.wire import reasons
from tests.watch.brokers import Client, make_broker

T = TypeVar("T")
ORIGIN = Origin("http", "acme")


class SlowStore(Store):
    """Durable, and commits when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.durable = True
        self.records: list[Record] = []

    def append(self, record: Record) -> int:
        self.records.append(record)
        self.sequence += 1
        return self.sequence


def message(topic: str = "a", payload: bytes = b"x", *, retain: bool = False, at: float = 0.0) -> Message:
    return Message(topic, payload, 1, retain, ORIGIN, at)


def at_once(verb: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that must not wait."""
    try:
        verb.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waited")


def in_memory(now: float = 0.0) -> AsyncBroker:
    return AsyncBroker(make_broker(), lambda: now, lambda: None)


def persistent_session(broker: Broker, client_id: str, *, expiry: int = 60, offline_since: float = 0.0) -> Session:
    tenant = broker.tenant("acme")
    session = Session(broker, tenant, ("acme", "", client_id), Identity("acme", "alice"), 0.0)
    session.expiry = expiry
    session.offline_since = offline_since
    tenant.enter(session)
    return session


def test_nothing_is_awaited_where_nothing_is_kept() -> None:
    broker = in_memory()
    client = Client()
    assert at_once(broker.subscribe(client, Asked("a", 1))).code == 1
    outcome = at_once(broker.publish("acme", message()))
    assert isinstance(outcome, Outcome)
    assert outcome.matched
    assert client.got == [("a", b"x", False)]
    assert at_once(broker.unsubscribe(client, "a")) == reasons.SUCCESS
    assert at_once(broker.disconnect([client], 0x98)) == 1
    assert client.ended == [0x98]


def test_an_illegal_topic_is_a_refusal() -> None:
    refusal = at_once(in_memory().publish("acme", message("a/#")))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reasons.TOPIC_NAME_INVALID


def test_a_durable_publish_returns_when_it_is_safe() -> None:
    async def run() -> None:
        store = SlowStore()
        core = Broker(store, SoloPeers())
        broker = AsyncBroker(core, lambda: 0.0, lambda: None)
        first = asyncio.ensure_future(broker.publish("acme", message("a", retain=True)))
        second = asyncio.ensure_future(broker.retain("acme", message("b", retain=True)))
        gone = asyncio.ensure_future(broker.clear_retained("acme", "a"))
        await asyncio.sleep(0)
        assert store.sequence == 3
        assert not first.done()
        gone.cancel()
        core.committed(1)
        await first
        assert not second.done()
        core.committed(3)
        assert await second == reasons.SUCCESS
        await broker.safe()

    asyncio.run(run())


def test_retained_messages_are_set_listed_and_cleared() -> None:
    broker = in_memory(100.0)
    for topic, at in (("a/1", 10.0), ("a/2", 90.0), ("b", 10.0)):
        assert at_once(broker.retain("acme", message(topic, retain=True, at=at))) == reasons.SUCCESS
    assert [held.topic for held in broker.retained("acme", "a/#").messages] == ["a/1", "a/2"]
    assert [held.topic for held in broker.retained("acme", "#", after="a/1", looks=1).messages] == ["a/2"]
    assert at_once(broker.clear_retained("acme", "b"))
    assert not at_once(broker.clear_retained("acme", "b"))
    assert at_once(broker.expire_retained("acme", 50.0)) == 1
    assert [held.topic for held in broker.retained("acme", "#").messages] == ["a/2"]


def test_sessions_that_have_been_away_for_long_are_ended() -> None:
    broker = in_memory(1000.0)
    core = broker.core
    persistent_session(core, "overdue", expiry=100, offline_since=800.0)
    persistent_session(core, "long away", expiry=5000, offline_since=100.0)
    persistent_session(core, "just gone", expiry=5000, offline_since=990.0)
    core.tenant("acme").enter(Client(client_id="not persistent"))

    def left() -> list[str]:
        return [receiver.key[2] for receiver in broker.sessions("acme")]

    assert at_once(broker.expire("acme")) == 1
    assert left() == ["long away", "just gone", "not persistent"]
    assert at_once(broker.expire("acme", 600.0)) == 1
    assert left() == ["just gone", "not persistent"]
    assert at_once(broker.expire("acme", 0)) == 1
    assert left() == ["not persistent"]
    assert broker.session("acme", "", "just gone") is None


async def settle(task: "asyncio.Task[T]") -> None:
    """Let it go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()


def test_a_verdict_that_is_asked_for_elsewhere_is_waited_for() -> None:
    async def story() -> None:
        broker = in_memory()
        rules = broker.core.rules = SlowRules()
        alice = Identity("acme", "alice")
        publishing = asyncio.ensure_future(broker.may_publish(alice, "a", 1, False))
        subscribing = asyncio.ensure_future(broker.may_subscribe(alice, "a/#", 1))
        await settle(publishing)
        rules.forbid("publish a", 0.0)
        assert await publishing == reasons.NOT_AUTHORIZED
        await settle(subscribing)
        rules.allow("subscribe a/#", 0.0)
        assert await subscribing == 1

    asyncio.run(story())


def test_subscribing_in_a_clients_name_waits_for_the_rules_of_that_client() -> None:
    async def story() -> None:
        broker = in_memory()
        rules = broker.core.rules = SlowRules()
        session = persistent_session(broker.core, "phone")
        subscribing = asyncio.ensure_future(broker.subscribe(session, Asked("a", 1)))
        refused = asyncio.ensure_future(broker.subscribe(session, Asked("b", 1)))
        await settle(subscribing)
        rules.allow("subscribe a", 0.0)
        assert (await subscribing).code == 1
        rules.forbid("subscribe b", 0.0)
        assert (await refused).code == reasons.NOT_AUTHORIZED
        leaving = asyncio.ensure_future(broker.unsubscribe(session, "a"))
        await settle(leaving)
        rules.allow("unsubscribe a", 0.0)
        assert await leaving == reasons.SUCCESS
        assert session.subscriptions == {}

    asyncio.run(story())


def test_a_session_that_has_ended_while_the_rules_asked_is_subscribed_to_nothing() -> None:
    async def story() -> None:
        broker = in_memory()
        rules = broker.core.rules = SlowRules()
        session = persistent_session(broker.core, "phone")
        subscribing = asyncio.ensure_future(broker.subscribe(session, Asked("a", 1)))
        await settle(subscribing)
        session.end(reasons.ADMINISTRATIVE_ACTION, 0.0, discard=True)
        rules.allow("subscribe a", 0.0)
        assert (await subscribing).code == reasons.UNSPECIFIED_ERROR
        assert broker.core.tenant("acme").subscriptions == 0

    asyncio.run(story())


def test_a_receiver_that_goes_leaves_whatever_the_rules_say() -> None:
    async def story() -> None:
        broker = in_memory()
        rules = broker.core.rules = SlowRules()
        rules.allow("subscribe a", 0.0)
        rules.forbid("unsubscribe a", 0.0)
        session = persistent_session(broker.core, "phone")
        await broker.subscribe(session, Asked("a", 1))
        assert await broker.unsubscribe(session, "a") == reasons.NOT_AUTHORIZED
        assert await broker.unsubscribe(session, "a", judged=True) == reasons.SUCCESS

    asyncio.run(story())


def test_whoever_gives_up_waiting_for_a_verdict_is_not_told() -> None:
    async def story() -> None:
        broker = in_memory()
        rules = broker.core.rules = SlowRules()
        asking = asyncio.ensure_future(broker.may_publish(Identity("acme", "alice"), "a", 1, False))
        await settle(asking)
        asking.cancel()
        rules.allow("publish a", 0.0)
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()

    asyncio.run(story())
