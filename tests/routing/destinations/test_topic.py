"""Events that become messages again."""

import json

import pytest

from myna.formats.cloudevents import STRUCTURED
from myna.routing.destinations.topic import TopicDestination, TopicSettings
from myna.routing.hops import hops_of
from myna.routing.verdict import Fate
from myna.testing import FakeTap
from tests.routing.harness import Depot

EVENT = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "a/b", "data": {"x": 1}}


def make(depot: Depot, **settings: object) -> TopicDestination:
    return TopicDestination(depot.context(), TopicSettings(kind="topic", **settings))  # type: ignore[arg-type]


async def test_an_event_is_published_where_its_attributes_say() -> None:
    depot = Depot()
    client = depot.world.connected("c")
    client.subscribe("out/#", 1)
    depot.put(json.dumps(EVENT).encode())
    destination = make(depot, topic="out/${type}/${subject}")
    (verdict,) = await destination.deliver(depot.line.take(1, 1))
    assert verdict.fate is Fate.DELIVERED
    (message,) = client.messages()
    assert (message.topic, json.loads(message.payload)) == ("out/t/a/b", EVENT)
    assert message.properties is not None
    assert message.properties.content_type == STRUCTURED


async def test_the_data_alone_is_what_the_message_was() -> None:
    depot = Depot()
    client = depot.world.connected("c")
    client.subscribe("out")
    for body in (EVENT, EVENT | {"data": "text", "datacontenttype": "text/plain"}):
        depot.put(json.dumps(body).encode())
    raw = {name: value for name, value in EVENT.items() if name != "data"} | {"data_base64": "AP8="}
    depot.put(json.dumps(raw).encode())
    await make(depot, topic="out", form="data").deliver(depot.line.take(9, 10_000))
    assert client.payloads() == [b'{"x":1}', b"text", b"\0\xff"]


async def test_what_cannot_be_published_is_not_repeated() -> None:
    depot = Depot()
    depot.put(json.dumps(EVENT | {"subject": "a/#"}).encode(), b"{", json.dumps(EVENT | {"data_base64": "?"}).encode())
    destination = make(depot, topic="${subject}", form="data")
    verdicts = await destination.deliver(depot.line.take(9, 10_000))
    assert [verdict.fate for verdict in verdicts] == [Fate.NEVER] * 3


async def test_each_time_round_is_counted() -> None:
    depot = Depot()
    tap = FakeTap()
    depot.world.broker.carry(tap)
    depot.put(json.dumps(EVENT).encode())
    await make(depot, topic="out").deliver(depot.line.take(1, 1))
    assert [hops_of(message) for message in tap.offers] == [1]


@pytest.mark.parametrize("topic", ["", "a/#", "a/+", "$SYS/x", "${Bad}\0"])
def test_a_topic_that_cannot_be_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="no topic"):
        make(Depot(), topic=topic)
