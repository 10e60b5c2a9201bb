"""GET /session, GET /session/inbox, DELETE /session and DELETE /kill, over real sockets with real clients."""

import json
import socket
import time

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.commands.processes import Serving
from tests.faces.bifromq.talk import VERSIONS, Api, Paho, new_tenant, paho

LEVELS = {"3.1.1": "4", "5": "5"}


def show(api: Api, key: dict[str, str]) -> dict[str, object]:
    reply = api.call("GET", "/session", key)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    described: dict[str, object] = json.loads(reply.body)
    assert reply.body == json.dumps(described, indent=2).encode()
    return described


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_is_described(broker: Serving, api: Api, version: str, persistent: bool) -> None:
    tenant = new_tenant()
    with paho(broker, version, tenant, persistent=persistent) as client:
        described = show(api, client.key)
        assert (described["tenantId"], described["type"]) == (tenant, "MQTT")
        metadata = described["metadata"]
        assert isinstance(metadata, dict)
        assert metadata["ver"] == LEVELS[version]
        assert (metadata["userId"], metadata["clientId"]) == ("alice", client.client_id)
        assert metadata["sessionType"] == ("p" if persistent else "t")
        assert metadata["address"].startswith("/127.0.0.1:")
        assert metadata["channelId"]
        assert metadata["broker"]
        assert show(api, client.key) == described


def test_a_channel_is_new_with_each_connection(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    channels = set()
    for _ in range(2):
        with paho(broker, "5", tenant, client_id="c") as client:
            channels.add(show(api, client.key)["metadata"]["channelId"])  # type: ignore[index]
            client.leave()
    assert len(channels) == 2


def test_an_anonymous_client_is_a_user_of_the_default_tenant(broker: Serving, api: Api) -> None:
    key = {"tenant_id": "DevOnly", "user_id": "DevUser", "client_id": "nobody"}
    with socket.create_connection(broker.address("mqtt")) as client:
        client.sendall(b"\x10\x12\0\x04MQTT\x04\x02\0\0\0\x06nobody")
        assert client.recv(4) == b"\x20\x02\0\0"
        assert show(api, key)["tenantId"] == "DevOnly"


@pytest.mark.parametrize("missing", ["user_id", "client_id"])
@pytest.mark.parametrize("path", ["/session", "/session/inbox"])
def test_who_is_meant_must_be_said(api: Api, path: str, missing: str) -> None:
    key = {"tenant_id": "t", "user_id": "u", "client_id": "c"}
    del key[missing]
    assert api.call("GET", path, key).told() == (400, f"header not found: {missing}")


def test_whoever_is_not_connected_is_not_found(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    client = Paho(broker, "5", tenant, "alice", persistent=True)
    client.connect()
    client.leave()
    assert api.call("GET", "/session", client.key).told() == (404, "")
    assert api.call("GET", "/session/inbox", client.key).status == 200
    assert api.call("GET", "/session/inbox", {**client.key, "user_id": "bob"}).told() == (404, "NO_INBOX")
    assert api.call("GET", "/session", {**client.key, "tenant_id": new_tenant()}).told() == (404, "")


def test_an_inbox_says_what_waits_in_it(broker: Serving, api: Api) -> None:
    client = Paho(broker, "5", "vendor", "alice", persistent=True)
    client.connect()
    client.subscribe("inbox/1", 1)
    client.subscribe("inbox/0", 0)
    online = json.loads(api.call("GET", "/session/inbox", client.key).body)
    assert "detachedAt" not in online
    client.leave()
    api.publish("vendor", "inbox/1", b"x")
    api.publish("vendor", "inbox/0", b"x", 0)
    reply = api.call("GET", "/session/inbox", client.key)
    assert reply.headers["content-type"] == "application/json"
    described = json.loads(reply.body)
    assert described["limit"] == 1000
    assert described["expirySeconds"] == 600
    assert described["topicFilters"] == {"inbox/1": {"qos": "AT_LEAST_ONCE"}, "inbox/0": {}}
    assert (described["undeliveredMsgCount"], described["unfetchedQoS0MsgCount"]) == ("1", "1")
    created, detached = int(described["createdAt"]), int(described["detachedAt"])
    assert created <= detached <= time.time() * 1000 + 1


def test_an_inbox_tells_of_the_will(broker: Serving, api: Api) -> None:
    client = Paho(broker, "3.1.1", new_tenant(), "alice")
    client.client.will_set("last/words", b"bye", 2, retain=True)
    client.connect()
    described = json.loads(api.call("GET", "/session/inbox", client.key).body)
    assert described["will"] == {"topic": "last/words", "qos": "EXACTLY_ONCE", "isRetain": True}
    assert "expirySeconds" not in described
    client.stop()


# DELETE /session


def expire(api: Api, tenant: str, seconds: str | None) -> tuple[int, str]:
    headers = {"tenant_id": tenant} | ({} if seconds is None else {"expiry_seconds": seconds})
    return api.call("DELETE", "/session", headers).told()


@pytest.mark.parametrize("seconds", ["-1", "soon", ""])
def test_sessions_expire_by_a_number_of_seconds(api: Api, seconds: str) -> None:
    assert expire(api, "t", seconds) == (400, f'For input string: "{seconds}"')


def test_without_a_number_each_session_has_its_own_time(broker: Serving, api: Api) -> None:
    client = Paho(broker, "5", new_tenant(), "alice", persistent=True)
    client.connect()
    client.leave()
    assert expire(api, client.key["tenant_id"], None) == (200, "")
    assert api.call("GET", "/session/inbox", client.key).status == 200
    assert expire(api, client.key["tenant_id"], "1000") == (200, "")  # its own 600 s count, and are not over
    assert api.call("GET", "/session/inbox", client.key).status == 200


def test_a_number_spares_those_who_are_connected(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant, persistent=True) as client:
        assert expire(api, tenant, "1") == (200, "")
        assert api.call("GET", "/session", client.key).status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_zero_ends_every_persistent_session_also_of_the_connected(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    away = Paho(broker, version, tenant, "alice", persistent=True)
    away.connect()
    away.leave()
    with (
        paho(broker, version, tenant, "bob") as transient,
        paho(broker, version, tenant, "eve", persistent=True) as online,
        paho(broker, version, new_tenant(), "eve", persistent=True) as elsewhere,
    ):
        assert expire(api, tenant, "0") == (200, "")
        flags, code, properties = online.end()
        if version == "5":
            assert code.value == 0x83
            assert properties.ReasonString == "NO_INBOX"
        assert flags.is_disconnect_packet_from_server == (version == "5")
        for gone in (away, online):
            assert api.call("GET", "/session/inbox", gone.key).told() == (404, "NO_INBOX")
        for there in (transient, elsewhere):
            assert api.call("GET", "/session", there.key).status == 200
    again = Paho(broker, version, tenant, "eve", online.client_id, persistent=True)
    flags, _, _ = again.connect()
    again.leave()
    assert not flags.session_present


def test_a_will_that_waits_is_published_when_its_session_ends(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    leaving = Paho(broker, "5", tenant, "bob", persistent=True)
    delay = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    delay.WillDelayInterval = 500
    leaving.client.will_set("wills", b"bob is gone", 1, properties=delay)
    with paho(broker, "5", tenant, "alice") as watching:
        watching.subscribe("wills")
        leaving.connect()
        assert api.kill(tenant, user_id="bob").told() == (200, "")
        leaving.end()
        assert expire(api, tenant, "0") == (200, "")
        assert watching.next().payload == b"bob is gone"


# DELETE /kill


def test_kill_judges_its_headers_in_order(api: Api) -> None:
    tenant = {"tenant_id": "t"}
    bad = {"server_redirect": "maybe"}
    assert api.call("DELETE", "/kill", {**tenant, **bad}).told() == (400, "header not found: client_type")
    assert api.kill("t", **bad, client_id="c").told() == (400, "Invalid server redirect value")


@pytest.mark.parametrize(
    "whom",
    [{"client_id": "same"}, {"client_id": "same", "user_id": ""}, {"user_id": ""}, {"user_id": "u", "client_id": ""}],
)
def test_a_forgotten_or_empty_header_disconnects_nobody(broker: Serving, api: Api, whom: dict[str, str]) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant, "u", "same") as client:
        reply = api.kill(tenant, **whom)
        assert reply.status == 400
        assert reply.body.startswith(b"header not found: ")
        assert api.call("GET", "/session", client.key).status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_kill_reaches_exactly_whom_it_names(broker: Serving, api: Api, version: str) -> None:
    one, other = new_tenant(), new_tenant()
    with (
        paho(broker, version, one, "alice", "a") as alice_a,
        paho(broker, version, one, "alice", "b") as alice_b,
        paho(broker, version, one, "bob", "a") as bob_a,
        paho(broker, version, other, "alice", "a") as stranger,
    ):
        assert api.kill(one, user_id="alice", client_id="x").told() == (404, "")
        assert api.kill(one, user_id="alice", client_id="a").told() == (200, "")
        alice_a.end()
        assert api.kill(one, user_id="alice", client_id="a").told() == (404, "")
        assert api.kill(one, user_id="alice").told() == (200, "")
        alice_b.end()
        assert api.call("GET", "/session", bob_a.key).status == 200
        assert api.kill(one).told() == (200, "")
        bob_a.end()
        assert api.kill(one).told() == (404, "")
        assert api.call("GET", "/session", stranger.key).status == 200


@pytest.mark.parametrize(
    ("asked", "code", "reference"),
    [
        ({}, 0x8E, None),
        ({"server_redirect": "no", "server_reference": "elsewhere"}, 0x8E, None),
        ({"server_redirect": "move", "server_reference": "new:1883"}, 0x9D, "new:1883"),
        ({"server_redirect": "temp_use"}, 0x9C, None),
    ],
)
def test_mqtt_5_is_told_why_and_where_to_go(
    broker: Serving, api: Api, asked: dict[str, str], code: int, reference: str | None
) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant) as client:
        assert api.kill(tenant, **asked, client_meta_address="10.0.0.1:99").told() == (200, "")
        flags, told, properties = client.end()
        assert flags.is_disconnect_packet_from_server
        assert told.value == code
        assert properties.ReasonString == "10.0.0.1:99"
        assert getattr(properties, "ServerReference", None) == reference


def test_mqtt_3_sees_a_closed_socket(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "3.1.1", tenant) as client:
        api.kill(tenant)
        flags, _, _ = client.end()
        assert not flags.is_disconnect_packet_from_server


@pytest.mark.parametrize("version", VERSIONS)
def test_the_will_of_who_is_killed_is_published_and_the_session_stays(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    killed = Paho(broker, version, tenant, "bob", persistent=True)
    killed.client.will_set("wills", b"bob is gone", 1)
    with paho(broker, version, tenant, "alice") as watching:
        watching.subscribe("wills")
        killed.connect()
        killed.subscribe("work")
        assert api.kill(tenant, user_id="bob").told() == (200, "")
        assert watching.next().payload == b"bob is gone"
        assert api.publish(tenant, "work", b"kept").told() == (200, "OK")
        killed.end()
        with paho(broker, version, tenant, "bob", killed.client_id, persistent=True) as back:
            assert back.next().payload == b"kept"


# Take-over


def test_one_client_id_may_serve_two_users_and_is_taken_over_by_the_same(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant, "alice", "c") as alice, paho(broker, "5", tenant, "bob", "c") as bob:
        for client in (alice, bob):
            assert api.call("GET", "/session", client.key).status == 200
        with paho(broker, "5", tenant, "bob", "c"):
            assert bob.end()[1].value == 0x8E
            assert api.call("GET", "/session", alice.key).status == 200
