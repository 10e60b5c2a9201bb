"""What is counted and noted down of MQTT clients."""

import json
from pathlib import Path

import pytest

from myna.faces.eventgrid.importing import build_namespace, parse_document
from myna.faces.eventgrid.mqtt_watch import error_of
from myna.faces.eventgrid.settings import Settings
from myna.testing import World
from myna.wire.packets import Connect, Publish
from tests.faces.eventgrid.harness import Desk
from tests.faces.eventgrid.test_gates import connected
from tests.faces.eventgrid.test_tokens import ISSUER, SENSORS


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
    client.publish("elsewhere", b"x", 1)
    client.subscribe("elsewhere/#", 1)
    await connected(desk, "session-3", method="OAUTH2-JWT", exp=1)
    text = desk.face.metrics()
    assert 'mqtt_connections{protocol="MQTT5"} 1' in text
    assert 'mqtt_connections{protocol="MQTT3"} 1' in text
    assert 'mqtt_failed_published_messages_total{protocol="MQTT5",error="AuthorizationError"} 1' in text
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
    assert publish["identity"]["clientIdentity"] == "Device-17"
    assert publish["properties"]["topicName"] == "elsewhere"
    assert publish["properties"]["sessionName"] == "session-1"
    assert lines[3]["properties"]["topicFilters"] == ["elsewhere/#"]


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
    assert not [line for line in lines if line.startswith("mqtt_successful_publish_latency")]


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
