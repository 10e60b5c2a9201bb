"""$SYS/broker/… for those who expect it."""

from myna.core.message import Message, Origin
from myna.core.outcome import Refusal
from myna.core.subscribing import Asked, subscribe
from myna.watch.sys_topics import SysGuard, SysTopics
from myna.wire import reasons
from tests.watch.brokers import Client, make_broker


def test_they_are_retained_in_one_tenant_and_only_said_when_they_change() -> None:
    broker = make_broker()
    client = Client("DevOnly")
    topics = SysTopics(broker, "DevOnly", 100.0)
    topics.publish(100.0)
    asked = subscribe(broker, client, Asked("$SYS/#"), 100.0)
    said = {message.topic: message.payload for message in asked.retained or ()}
    assert said["$SYS/broker/uptime"] == b"0 seconds"
    assert b"myna version" in said["$SYS/broker/version"]
    topics.publish(110.0)
    assert ("$SYS/broker/uptime", b"10 seconds", True) in client.got
    assert "$SYS/broker/version" not in [topic for topic, _, _ in client.got]
    assert list(broker.tenants) == ["DevOnly"]


def test_they_do_not_count_themselves() -> None:
    broker = make_broker()
    SysTopics(broker, "DevOnly", 0.0).publish(0.0)
    assert broker.counters.messages_received == broker.counters.unmatched == 0


def test_a_filter_of_everything_does_not_reach_them() -> None:
    broker = make_broker()
    client = Client("DevOnly")
    subscribe(broker, client, Asked("#"), 0.0)
    SysTopics(broker, "DevOnly", 0.0).publish(0.0)
    assert client.got == []


def test_nobody_else_may_publish_there() -> None:
    broker = make_broker()
    broker.guard(SysGuard())
    topics = SysTopics(broker, "DevOnly", 0.0)
    topics.publish(0.0)
    forged = Message("$SYS/broker/version", b"forged", 0, True, Origin("mqtt", "DevOnly"), 0.0)
    answer = broker.publish(broker.tenant("DevOnly"), forged, 0.0)
    assert isinstance(answer, Refusal)
    assert answer.reason == reasons.NOT_AUTHORIZED
    (version,) = broker.retained(broker.tenant("DevOnly"), "$SYS/broker/version", 0.0).messages
    assert b"myna" in version.payload
