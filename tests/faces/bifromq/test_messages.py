"""POST /pub, POST /retain and DELETE /retain: every row of their tables, over real sockets with real clients."""

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.commands.processes import Serving
from tests.faces.bifromq.talk import VERSIONS, Api, Paho, new_tenant, paho

BASE = {"tenant_id": "rows", "topic": "a/b", "qos": "1", "client_type": "test"}
TEXT = "text/plain; charset=UTF-8"


def row(**changes: str | None) -> dict[str, str]:
    merged = {**BASE, **changes}
    return {name: value for name, value in merged.items() if value is not None}


PUB_ROWS = [
    (row(topic=None), 400, "header not found: topic"),
    (row(qos=None), 400, "header not found: qos"),
    (row(qos="one"), 400, 'For input string: "one"'),
    (row(qos="99999999999"), 400, 'For input string: "99999999999"'),
    (row(expiry_seconds="soon"), 400, 'For input string: "soon"'),
    (row(expiry_seconds="2147483648"), 400, 'For input string: "2147483648"'),
    (row(topic=""), 403, "Unaccepted Topic"),
    (row(topic="a/+"), 403, "Unaccepted Topic"),
    (row(topic="a/#"), 403, "Unaccepted Topic"),
    (row(topic="$share/g/t"), 403, "Unaccepted Topic"),
    (row(topic="$oshare/g/t"), 403, "Unaccepted Topic"),
    (row(tenant_id="vendor", topic="x" * 41), 403, "Unaccepted Topic"),
    (row(tenant_id="vendor", topic="/".join("x" * 17)), 403, "Unaccepted Topic"),
    (row(tenant_id="vendor", topic="/".join("x" * 16)), 200, "NO_MATCH"),
    (row(topic="a/+", qos="7"), 403, "Unaccepted Topic"),  # the topic is judged first
    (row(qos="3"), 400, "Invalid QoS"),
    (row(qos="-1"), 400, "Invalid QoS"),
    (row(qos="3", expiry_seconds="0"), 400, "Invalid QoS"),
    (row(expiry_seconds="0"), 400, "Invalid expiry seconds"),
    (row(expiry_seconds="-5", client_type=None), 400, "Invalid expiry seconds"),
    (row(client_type=None), 400, "header not found: client_type"),
    (row(), 200, "NO_MATCH"),
    (row(topic="/leading"), 200, "NO_MATCH"),
    (row(client_type=""), 200, "NO_MATCH"),
    (row(qos=" +2 "), 200, "NO_MATCH"),
]


@pytest.mark.parametrize(("headers", "status", "body"), PUB_ROWS)
def test_pub_answers_as_the_table_says(api: Api, headers: dict[str, str], status: int, body: str) -> None:
    reply = api.call("POST", "/pub", headers, b"21.5")
    assert reply.told() == (status, body)
    assert reply.headers.get("content-type") == (None if status == 200 else TEXT)


RETAIN_ROWS = [
    (row(topic=None), 400, "header not found: topic"),
    (row(qos=None), 400, "header not found: qos"),
    (row(qos="x"), 400, 'For input string: "x"'),
    (row(tenant_id="forgetful"), 401, ""),
    (row(tenant_id="forgetful", topic="#"), 401, ""),
    (row(topic="a/+"), 400, ""),
    (row(topic="$share/g/t"), 400, ""),
    (row(qos="3"), 400, ""),
    (row(expiry_seconds="x"), 400, 'For input string: "x"'),
    (row(client_type=None), 400, "header not found: client_type"),
    (row(), 200, "RETAINED"),
    (row(), 200, "RETAINED"),
    (row(expiry_seconds="0"), 200, "RETAINED"),
    (row(expiry_seconds="-1"), 200, "RETAINED"),
]


@pytest.mark.parametrize(("headers", "status", "body"), RETAIN_ROWS)
def test_retain_answers_as_the_table_says(api: Api, headers: dict[str, str], status: int, body: str) -> None:
    assert api.call("POST", "/retain", headers, b"kept").told() == (status, body)


def test_an_empty_body_clears_whether_or_not_something_was_there(api: Api) -> None:
    tenant = new_tenant()
    assert api.retain(tenant, "a").told() == (200, "CLEARED")
    assert api.retain(tenant, "a", b"x").told() == (200, "RETAINED")
    assert api.retain(tenant, "a").told() == (200, "CLEARED")


def test_a_full_retained_store_is_a_limit(api: Api) -> None:
    assert api.retain("narrow", "one", b"x").told() == (200, "RETAINED")
    assert api.retain("narrow", "one", b"y").told() == (200, "RETAINED")
    assert api.retain("narrow", "two", b"x").told() == (400, "EXCEED_LIMIT")
    assert api.retain("narrow", "one").told() == (200, "CLEARED")


def test_a_tenant_that_has_too_much_to_do_is_overloaded(api: Api) -> None:
    told = [api.publish("busy", "a", b"x").told() for _ in range(3)]
    assert (400, "BACK_PRESSURE_REJECTED") in told
    assert (400, "BACK_PRESSURE_REJECTED") in [api.retain("busy", "a", b"x").told() for _ in range(3)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("sent", "held", "delivered"), [(0, 2, 0), (1, 2, 1), (2, 2, 2), (2, 1, 1), (2, 0, 0)])
def test_a_message_arrives_at_the_lower_qos(
    broker: Serving, api: Api, version: str, sent: int, held: int, delivered: int
) -> None:
    tenant = new_tenant()
    with paho(broker, version, tenant) as client:
        client.subscribe("plant/#", held)
        body = bytes(range(256))
        assert api.publish(tenant, "plant/1", body, sent).told() == (200, "OK")
        message = client.next()
        assert (message.topic, message.payload, message.qos, message.retain) == ("plant/1", body, delivered, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_body_is_published_as_it_is(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    with paho(broker, version, tenant) as client:
        client.subscribe("a")
        assert api.publish(tenant, "a").told() == (200, "OK")
        assert client.next().payload == b""


def test_no_property_but_expiry_reaches_mqtt_5(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant) as client:
        client.subscribe("a")
        api.publish(tenant, "a", b"x", expiry_seconds="60", client_meta_secret="s")
        properties = client.next().properties
        assert properties.json() == {"MessageExpiryInterval": 60}
        api.publish(tenant, "a", b"x", client_meta_secret="s")
        assert client.next().properties.json() == {}


def test_no_local_does_not_concern_http(broker: Serving, api: Api) -> None:
    from paho.mqtt.subscribeoptions import SubscribeOptions

    tenant = new_tenant()
    with paho(broker, "5", tenant) as client:
        client.client.subscribe("a", options=SubscribeOptions(qos=1, noLocal=True))
        client._granted.get(timeout=60)
        assert api.publish(tenant, "a", b"x", client_meta_userId="alice").told() == (200, "OK")
        assert client.next().payload == b"x"


def test_non_ascii_topics_arrive(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant) as client:
        client.subscribe("ż/é")
        assert api.publish(tenant, "ż/é", b"x").told() == (200, "OK")
        assert client.next().topic == "ż/é"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_offline_persistent_subscriber_counts_and_gets_it_later(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    client = Paho(broker, version, tenant, "alice", persistent=True)
    client.connect()
    client.subscribe("a")
    client.leave()
    assert api.publish(tenant, "a", b"1").told() == (200, "OK")
    assert api.publish(tenant, "a", b"2", expiry_seconds="100").told() == (200, "OK")
    with paho(broker, version, tenant, "alice", client.client_id, persistent=True) as back:
        assert [back.next().payload, back.next().payload] == [b"1", b"2"]


def test_qos_0_waits_for_a_persistent_session_where_the_tenant_says_so(broker: Serving, api: Api) -> None:
    """The tenant `vendor` has BifroMQ's settings, other tenants keep nothing at QoS 0."""
    for tenant, first in (("vendor", b"zero"), (new_tenant(), b"one")):
        client = Paho(broker, "5", tenant, "alice", persistent=True)
        client.connect()
        client.subscribe("q0")
        client.leave()
        api.publish(tenant, "q0", b"zero", 0)
        api.publish(tenant, "q0", b"one", 1)
        with paho(broker, "5", tenant, "alice", client.client_id, persistent=True) as back:
            assert back.next().payload == first


@pytest.mark.parametrize("version", VERSIONS)
def test_pub_never_retains_and_retain_delivers_to_nobody(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    with paho(broker, version, tenant) as client, paho(broker, version, tenant) as late:
        client.subscribe("a/#")
        assert api.retain(tenant, "a/kept", b"kept", 2).told() == (200, "RETAINED")
        assert api.publish(tenant, "a/live", b"live").told() == (200, "OK")
        assert client.next().payload == b"live"  # and nothing before it
        late.subscribe("a/#", 2)
        message = late.next()
        assert (message.topic, message.payload, message.qos, message.retain) == ("a/kept", b"kept", 2, True)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_the_header_says_at_which_qos_a_message_is_retained(broker: Serving, api: Api, qos: int) -> None:
    tenant = new_tenant()
    api.retain(tenant, "a", b"x", qos)
    with paho(broker, "5", tenant) as client:
        client.subscribe("a", 2)
        assert client.next().qos == qos


def test_an_expired_retained_message_replaces_and_is_not_delivered(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    api.retain(tenant, "a", b"before")
    assert api.retain(tenant, "a", b"gone", expiry_seconds="0").told() == (200, "RETAINED")
    api.retain(tenant, "b", b"lasting", expiry_seconds="60")
    with paho(broker, "5", tenant) as client:
        client.subscribe("+")
        message = client.next()
        assert message.payload == b"lasting"
        assert message.properties.MessageExpiryInterval in (59, 60)


def test_properties_of_a_retained_message_are_kept(broker: Serving) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant) as client, paho(broker, "5", tenant) as late:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = "text/x"
        properties.ResponseTopic = "answers"
        properties.CorrelationData = b"7"
        properties.PayloadFormatIndicator = 1
        properties.UserProperty = [("k", "v"), ("k", "w")]
        client.publish("a", b"x", retain=True, properties=properties)
        late.subscribe("a")
        assert late.next().properties.json() == properties.json()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("seconds", ["", "x", "-1"])
def test_expiring_retained_messages_needs_a_number(api: Api, seconds: str) -> None:
    reply = api.call("DELETE", "/retain", {"tenant_id": "rows", "expiry_seconds": seconds})
    assert reply.told() == (400, f'For input string: "{seconds}"')


def test_expiring_retained_messages_goes_by_their_age(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    assert api.call("DELETE", "/retain", {"tenant_id": tenant}).told() == (400, "header not found: expiry_seconds")
    api.retain(tenant, "old", b"x")
    api.retain(tenant, "$old", b"x")
    hour = {"tenant_id": tenant, "expiry_seconds": "3600"}
    assert api.call("DELETE", "/retain", hour).told() == (200, "")
    with paho(broker, "5", tenant) as client:
        client.subscribe("old")
        assert client.next().retain
    assert api.call("DELETE", "/retain", {**hour, "expiry_seconds": "0"}).told() == (200, "")
    api.retain(tenant, "new", b"new")
    with paho(broker, "5", tenant) as client:
        client.subscribe("$old")
        client.subscribe("+")
        assert client.next().payload == b"new"


@pytest.mark.parametrize("version", VERSIONS)
def test_tenants_never_see_each_other(broker: Serving, api: Api, version: str) -> None:
    one, other = new_tenant(), new_tenant()
    with paho(broker, version, one, "u", "same") as mine, paho(broker, version, other, "u", "same") as theirs:
        mine.subscribe("#")
        theirs.subscribe("#")
        theirs.subscribe("$share/g/only")
        assert api.publish(one, "secret", b"mine").told() == (200, "OK")
        assert api.publish(one, "only", b"mine too").told() == (200, "OK")
        assert api.publish(other, "b", b"theirs").told() == (200, "OK")
        assert mine.next().payload == b"mine"
        assert theirs.next().payload == b"theirs"
        api.retain(one, "kept", b"x")
        with paho(broker, version, other) as late:
            late.subscribe("kept")
            api.publish(other, "kept", b"live")
            assert late.next().payload == b"live"
