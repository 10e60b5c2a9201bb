"""What is counted and noted down of MQTT clients."""

import asyncio
import json
from pathlib import Path

import pytest

from myna.core.limits import Limits
from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.mqtt_watch import error_of
from myna.faces.eventgrid.settings import Settings
from myna.testing import CommitsOnCommand, World
from myna.wire.packets import Connect, Publish, Subscribe, SubscriptionRequest, Unsubscribe
from tests.faces.eventgrid.harness import Desk
from tests.faces.eventgrid.test_gates import connected
from tests.faces.eventgrid.test_tokens import ISSUER, SENSORS

ROLE = "EventGrid TopicSpaces Subscriber"


def watched(file: Path) -> Desk:
    desk = Desk(Settings(issuers=(ISSUER,), log_file=str(file)), development=False)
    desk.face._directory.replace(build_namespace(parse_document(SENSORS)))
    desk.world.broker.watcher = desk.face.claims().watchers[0]
    return desk


async def test_clients_are_counted_by_protocol_and_their_failures_by_cause(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    desk = watched(file)
    client, _ = await connected(desk, "session-1", method="OAUTH2-JWT", sub="device-17")
    old, _ = await connected(desk, "session-2", password=True, level=4, sub="device-17")
    client.publish("elsewhere", b"x", 1, retain=True)
    client.subscribe("elsewhere/#", 1)
    await connected(desk, "session-3", method="OAUTH2-JWT", exp=1)
    text = desk.face.metrics()
    assert 'mqtt_connections{protocol="MQTT5"} 1' in text
    assert 'mqtt_connections{protocol="MQTT3"} 1' in text
    failed = 'mqtt_failed_published_messages_total{protocol="MQTT5",qos="1",retain="true",error="AuthorizationError"} 1'
    assert failed in text
    assert 'mqtt_successful_connect_latency_milliseconds_count{protocol="MQTT5"} 1' in text
    assert 'operation_type="Subscribe",protocol="MQTT5",error="AuthorizationError"} 1' in text
    assert 'mqtt_requests_total{operation_type="Connect",result="ClientError",error="AuthenticationError"} 1' in text
    old.drop()
    client.disconnect()
    assert 'mqtt_connections{protocol="MQTT3"} 0' in desk.face.metrics()
    assert 'mqtt_dropped_sessions_total{drop_reason="TransientSession"} 2' in desk.face.metrics()
    await desk.face.stop()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["category"] for line in lines] == [
        "SuccessfulMqttConnections",
        "SuccessfulMqttConnections",
        "FailedMqttPublishedMessages",
        "FailedMqttSubscriptionOperations",
        "FailedMqttConnections",
        "MqttDisconnections",
        "MqttDisconnections",
    ]
    publish = lines[2]
    assert publish["operationName"] == "Microsoft.EventGrid/topicspaces/publish"
    assert publish["resultSignature"] == "AuthorizationError"
    assert publish["resultDescription"] == "Topic name 'elsewhere' does not match any topicspaces"
    assert publish["identity"] == {
        "authenticationType": "AccessToken",
        "clientIdentitySource": "JWT",
        "authenticationAuthority": "Local",
        "clientIdentity": "Device-17",
    }
    properties = publish["properties"]
    assert len(properties.pop("traceId")) == 36
    assert properties == {
        "sessionName": "session-1",
        "protocol": "MQTT5",
        "qos": 1,
        "topicName": "elsewhere",
        "operationCount": 1,
        "sourceIp": "192.0.2.1:4711",
    }
    assert lines[3]["operationName"] == "Microsoft.EventGrid/topicspaces/subscribe"
    assert lines[3]["resultDescription"] == "Topic filter 'elsewhere/#' does not match any topicspaces"
    assert lines[3]["properties"]["topicFilters"] == ["elsewhere/#"]
    assert lines[5]["identity"]["clientIdentitySource"] == "JWT"
    assert lines[5]["properties"]["protocol"] == "MQTT3"


async def test_publishes_are_counted_by_protocol_qos_and_retain(tmp_path: Path) -> None:
    desk = watched(tmp_path / "log.jsonl")
    client, _ = await connected(desk, "session-1", method="OAUTH2-JWT", sub="device-17")
    old, _ = await connected(desk, "session-2", password=True, level=4, sub="device-17")
    for _ in range(3):
        client.publish("devices/Device-17/x", b"x")
    client.publish("devices/Device-17/x", b"x", 1, retain=True)
    client.publish("elsewhere", b"x", 1)
    old.publish("devices/Device-17/x", b"x", 1)
    lines = desk.face.metrics().splitlines()
    published = "mqtt_successful_published_messages_total"
    assert [line.removeprefix(published) for line in lines if line.startswith(published)] == [
        '{protocol="MQTT5",qos="0",retain="false"} 3',
        '{protocol="MQTT5",qos="1",retain="true"} 1',
        '{protocol="MQTT3",qos="1",retain="false"} 1',
    ]
    assert 'mqtt_requests_total{operation_type="Publish",protocol="MQTT5",result="Success"} 4' in lines
    assert 'mqtt_requests_total{operation_type="Publish",protocol="MQTT3",result="Success"} 1' in lines


async def test_one_packet_is_one_request_and_each_filter_counts_for_itself(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    desk = watched(file)
    client, _ = await connected(desk, "session-1", method="OAUTH2-JWT", sub="device-17", roles=[ROLE])
    five = [SubscriptionRequest(text, 1) for text in ("other/1", "other/2", "no", "other/3", "nor")]
    client.send(Subscribe(1, five))
    client.send(Subscribe(2, five[:1]))  # what it has already
    client.send(Subscribe(3, five[2:3]))
    client.send(Unsubscribe(4, ["other/1", "never"]))
    lines = desk.face.metrics().splitlines()
    for expected in (
        'mqtt_requests_total{operation_type="Subscribe",protocol="MQTT5",result="Success"} 2',
        'mqtt_requests_total{operation_type="Subscribe",protocol="MQTT5",result="ClientError",'
        'error="AuthorizationError"} 1',
        'mqtt_requests_total{operation_type="Unsubscribe",protocol="MQTT5",result="Success"} 1',
        'mqtt_successful_subscription_operations_total{operation_type="Subscribe",protocol="MQTT5"} 4',
        "mqtt_failed_subscription_operations_total"
        '{operation_type="Subscribe",protocol="MQTT5",error="AuthorizationError"} 3',
        'mqtt_successful_subscription_operations_total{operation_type="Unsubscribe",protocol="MQTT5"} 2',
    ):
        assert expected in lines
    await desk.face.stop()
    noted = [json.loads(line) for line in file.read_text().splitlines()]
    failed = [line["properties"]["topicFilters"] for line in noted if "Failed" in line["category"]]
    assert failed == [["no", "nor"], ["no"]]


async def test_sessions_end_by_their_time_or_with_their_connection() -> None:
    desk = Desk(development=True)
    desk.world.broker.watcher = desk.face.claims().watchers[0]
    desk.world.connected("short").drop()
    desk.world.connected("long", expiry=60).drop()
    desk.world.pass_time(61)
    text = desk.face.metrics()
    assert 'mqtt_dropped_sessions_total{drop_reason="TransientSession"} 1' in text
    assert 'mqtt_dropped_sessions_total{drop_reason="SessionExpiry"} 1' in text


async def test_how_long_an_answer_takes_is_measured_now_and_then() -> None:
    desk = Desk(development=True, world=World(store=CommitsOnCommand()))
    client = desk.world.connected("c")
    client.publish("a", b"x", 1, retain=True)
    client.publish("a", b"x", 1, retain=True)  # too early for another sample
    await asyncio.sleep(0)  # it waits for the store
    desk.world.pass_time(2.0)
    name = "mqtt_successful_publish_latency_milliseconds"
    assert f"{name}_sum" not in desk.face.metrics()
    desk.world.commit()
    await asyncio.gather(*desk.face._latency._waiting)
    lines = desk.face.metrics().splitlines()
    assert f'{name}_sum{{protocol="MQTT5",qos="1",retain="true"}} 2000.0' in lines
    assert f'{name}_count{{protocol="MQTT5",qos="1",retain="true"}} 1' in lines
    client.publish("b", b"x", 2)  # nothing to wait for, and too early
    desk.world.pass_time(1.0)
    client.publish("b", b"x", 2)
    client.publish("b", b"x")
    lines = desk.face.metrics().splitlines()
    assert f'{name}_count{{protocol="MQTT5",qos="2",retain="false"}} 1' in lines
    assert not [line for line in lines if line.startswith(name) and 'qos="0"' in line]


@pytest.mark.parametrize(
    ("bounds", "kind"),
    [
        ({"subscribes_per_second": 1.0}, "SubscribeOperationsPerConnection"),
        ({"tenant_subscribes_per_second": 1.0}, "SubscribeOperationsPerNamespace"),
        ({"publishes_per_second": 1.0}, "IncomingPublishPacketsPerConnection"),
        ({"tenant_publishes_per_second": 1.0}, "IncomingPublishPacketsPerNamespace"),
        ({"tenant_bytes_per_second": 1}, "InboundBandwidthPerNamespace"),
        ({"inbound_bytes_per_second": 1.0}, "InboundBandwidthPerConnection"),
        ({"outbound_bytes_per_second": 1.0}, "OutboundBandwidthPerConnection"),
        ({"deliveries_per_second": 1.0}, "OutboundPublishPacketsPerConnection"),
        ({"tenant_deliveries_per_second": 1.0}, "OutboundPublishPacketsPerNamespace"),
        ({"tenant_delivered_bytes_per_second": 1}, "OutboundBandwidthPerNamespace"),
    ],
)
async def test_every_throttle_has_the_contract_s_name(bounds: dict[str, float], kind: str) -> None:
    limits = Limits()
    for name, value in bounds.items():
        setattr(limits, name, value)
    desk = Desk(development=True, world=World(limits=limits))
    desk.world.broker.watcher = desk.face.claims().watchers[0]
    client = desk.world.connected("c")
    for number in range(1, 4):
        client.send(Subscribe(number, [SubscriptionRequest("a", 1)]), Publish("a", b"x" * 100, 1, packet_id=number))
        client.received()
    assert f'mqtt_throttling_enforcements_total{{throttle_type="{kind}"}}' in desk.face.metrics()


async def test_deliveries_and_subscriptions_are_counted_by_protocol() -> None:
    desk = Desk(development=True)
    desk.world.broker.watcher = desk.face.claims().watchers[0]
    client, old = desk.world.connected("c"), desk.world.connected("old", 4)
    client.subscribe("a", 1)
    client.subscribe("b/#", 0)
    client.unsubscribe("b/#")
    old.subscribe("a", 0)
    for qos in (0, 1):
        desk.world.publish("a", b"x", qos)
    lines = desk.face.metrics().splitlines()
    for expected in (
        'mqtt_successful_subscription_operations_total{operation_type="Subscribe",protocol="MQTT5"} 2',
        'mqtt_successful_subscription_operations_total{operation_type="Unsubscribe",protocol="MQTT5"} 1',
        'mqtt_successful_subscription_operations_total{operation_type="Subscribe",protocol="MQTT3"} 1',
        'mqtt_successful_delivered_messages_total{protocol="MQTT5",qos="0",retain="false"} 1',
        'mqtt_successful_delivered_messages_total{protocol="MQTT5",qos="1",retain="false"} 1',
        'mqtt_successful_delivered_messages_total{protocol="MQTT3",qos="0",retain="false"} 2',
        'mqtt_requests_total{operation_type="Deliver",protocol="MQTT3",result="Success"} 2',
    ):
        assert expected in lines


async def test_clients_within_websockets_have_their_own_name() -> None:
    desk = Desk(development=True)
    desk.world.broker.watcher = desk.face.claims().watchers[0]
    client = desk.world.stranger()
    client.connection.websocket = True
    client.send(Connect(5, "c", True, 0), Publish("a", b"x"))
    text = desk.face.metrics()
    assert 'mqtt_connections{protocol="MQTT5-WS"} 1' in text
    assert 'mqtt_successful_published_messages_total{protocol="MQTT5-WS",qos="0",retain="false"} 1' in text


async def test_clients_of_other_tenants_are_somebody_else_s(tmp_path: Path) -> None:
    desk = Desk(Settings(tenant="mine"), world=World())
    desk.world.broker.watcher = desk.face.claims().watchers[0]
    desk.world.connected("c").drop()
    assert "mqtt_connections" not in desk.face.metrics()


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        ("not authorized", "AuthorizationError"),
        ("the token has expired", "AuthenticationError"),
        ("quota exceeded", "QuotaExceeded"),
        ("topic filter invalid", "ClientError"),
    ],
)
def test_causes_have_the_contract_s_words(cause: str, error: str) -> None:
    assert error_of(cause) == error
