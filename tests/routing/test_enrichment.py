"""What a rule adds to its events."""

from typing import Any

import msgspec
import pytest

from myna.core.identity import Identity
from myna.core.message import Message, Origin
from myna.routing.enrichment import Enrichment, EnrichmentSettings, host_of
from myna.testing import FakeTap, World, properties
from myna.wire.packets import Publish


def enrichment(static: list[dict[str, Any]] | None = None, **dynamic: str) -> Enrichment:
    raw = {"static": static or [], "dynamic": [{"key": key, "value": value} for key, value in dynamic.items()]}
    return Enrichment(msgspec.convert(raw, EnrichmentSettings))


IDENTITY = Identity("tenant", "alice", attributes={"room": "7", "tags": "a,b"})
ORIGIN = Origin("http-publish", "tenant", user="alice", client_id="c1", identity=IDENTITY, address="10.0.0.9:55")
MESSAGE = Message(
    "campus/b17",
    b"x",
    1,
    True,
    ORIGIN,
    1000.0,
    1030.0,
    properties(
        payload_format=1,
        content_type="text/plain",
        response_topic="r",
        correlation_data=b"\0\xff\x10",
        user_properties=[("a", "1"), ("b c", "2"), ("a", "3"), ("it's \\", "4")],
    ),
)
BARE = Message("t", b"", 0, False, Origin("mqtt", "tenant"), 1000.0)


@pytest.mark.parametrize(
    ("variable", "value", "nothing"),
    [
        ("${client.authenticationName}", "alice", ""),
        ("${client.attributes.room}", "7", ""),
        ("${client.attributes['tags']}", "a,b", ""),
        ("${client.attributes.none}", "", ""),
        ("${client.sessionName}", "c1", ""),
        ("${client.sourceIp}", "10.0.0.9", ""),
        ("${mqtt.message.userProperties.a}", "1,3", ""),
        ("${mqtt.message.userProperties['b c']}", "2", ""),
        ("${mqtt.message.userProperties['it\\'s \\\\']}", "4", ""),
        ("${mqtt.message.topicName}", "campus/b17", "t"),
        ("${mqtt.message.responseTopic}", "r", ""),
        ("${mqtt.message.correlationData}", "AP8Q", ""),
        ("${mqtt.message.pfi}", 1, 0),
        ("${mqtt.message.qos}", 1, 0),
        ("${mqtt.message.retain}", "true", "false"),
        ("${mqtt.message.contentType}", "text/plain", ""),
        ("${mqtt.message.expiry}", 30, ""),
        ("${mqtt.message.protocol}", "http-publish", "mqtt"),
    ],
)
def test_each_variable(variable: str, value: object, nothing: object) -> None:
    made = enrichment(x=variable)
    assert made.of(MESSAGE) == {"x": value}
    assert made.of(BARE) == {"x": nothing}


@pytest.mark.parametrize(
    ("level", "websocket", "name"),
    [(4, False, "MQTT3"), (5, False, "MQTT5"), (4, True, "MQTT3-WS"), (5, True, "MQTT5-WS")],
)
def test_the_protocol_of_a_client(level: int, websocket: bool, name: str) -> None:
    world, tap = World(), FakeTap()
    world.broker.carry(tap)
    client = world.connected("c", level)
    client.connection.websocket = websocket
    client.send(Publish("a", b"x"))
    assert enrichment(p="${mqtt.message.protocol}").of(tap.offers[0]) == {"p": name}


def test_fixed_ones_come_first_and_need_no_message() -> None:
    made = enrichment([{"key": "ns", "value": "123", "valueType": "string"}], who="${client.authenticationName}")
    assert list(made.of(MESSAGE).items()) == [("ns", "123"), ("who", "alice")]
    assert made.of_no_message() == {"ns": "123", "who": ""}


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("Upper", "${mqtt.message.topicName}", "a-z and 0-9"),
        ("a_b", "${mqtt.message.topicName}", "a-z and 0-9"),
        ("", "${mqtt.message.topicName}", "a-z and 0-9"),
        ("x" * 21, "${mqtt.message.topicName}", "at most 20"),
        ("subject", "${mqtt.message.topicName}", "every event has"),
        ("azspx", "${mqtt.message.topicName}", "reserved"),
        ("x", "topic ${mqtt.message.topicName}", "one whole variable"),
        ("x", "${mqtt.message.topicName}${mqtt.message.qos}", "one whole variable"),
        ("x", "plain", "one whole variable"),
        ("x", "${mqtt.message.nope}", "there is no variable"),
        ("x", "${mqtt.message.userProperties}", "names nothing"),
        ("x", "${mqtt.message.userProperties['a}", "names nothing"),
        ("x", "${mqtt.message.userProperties['a'b']}", "names nothing"),
        ("x", "${client.attributes.a b}", "names nothing"),
        ("x", "${client.attributes." + "a" * 128 + "}", "at most 128"),
    ],
)
def test_what_cannot_be_meant_is_explained(key: str, value: str, why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        enrichment(None, **{key: value})


def test_keys_are_unique_few_and_of_fixed_ones_the_type_is_text() -> None:
    one = {"key": "a", "value": "x"}
    with pytest.raises(msgspec.ValidationError, match="given twice: a"):
        enrichment([one, one])
    with pytest.raises(msgspec.ValidationError, match="valueType is string"):
        enrichment([one | {"valueType": "int"}])
    with pytest.raises(msgspec.ValidationError, match="at most 20 enrichments"):
        enrichment([{"key": f"a{number}", "value": ""} for number in range(21)])
    with pytest.raises(msgspec.ValidationError, match="at most 128"):
        enrichment([one | {"value": "x" * 129}])


def test_an_address_without_its_port() -> None:
    assert [host_of(one) for one in ("[::1]:5", "1.2.3.4:5", "", "unix:")] == ["::1", "1.2.3.4", "", "unix:"]
