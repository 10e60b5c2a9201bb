"""PUT /sub and DELETE /unsub: a client's own doing, done for it."""

import pytest

from tests.commands.processes import Serving
from tests.faces.bifromq.talk import VERSIONS, Api, Paho, Reply, new_tenant, paho


def sub(api: Api, client: Paho, filter: str, qos: str = "1") -> Reply:
    return api.call("PUT", "/sub", {**client.key, "topic_filter": filter, "sub_qos": qos})


def unsub(api: Api, client: Paho, filter: str) -> Reply:
    return api.call("DELETE", "/unsub", {**client.key, "topic_filter": filter})


FULL = {"tenant_id": "t", "user_id": "u", "client_id": "c", "topic_filter": "a", "sub_qos": "1"}


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (["topic_filter", "sub_qos", "user_id", "client_id"], "topic_filter"),
        (["sub_qos", "user_id", "client_id"], "sub_qos"),
        (["user_id", "client_id"], "user_id"),
        (["client_id"], "client_id"),
    ],
)
def test_a_missing_header_is_named(api: Api, missing: list[str], named: str) -> None:
    headers = {name: value for name, value in FULL.items() if name not in missing}
    assert api.call("PUT", "/sub", headers).told() == (400, f"header not found: {named}")
    if named != "sub_qos":
        assert api.call("DELETE", "/unsub", headers).told() == (400, f"header not found: {named}")


def test_nobody_there_is_404(broker: Serving, api: Api) -> None:
    assert api.call("PUT", "/sub", FULL).told() == (404, "")
    assert api.call("DELETE", "/unsub", FULL).told() == (404, "")
    away = Paho(broker, "5", new_tenant(), "alice", persistent=True)
    away.connect()
    away.leave()
    assert sub(api, away, "a").told() == (404, "")
    assert unsub(api, away, "a").told() == (404, "")


@pytest.mark.parametrize(
    ("filter", "qos", "status", "body"),
    [
        ("a", "3", 400, "Invalid sub qos: 3"),
        ("a", "-1", 400, "Invalid sub qos: -1"),
        ("a", "x", 400, 'For input string: "x"'),
        ("", "1", 400, "TOPIC_FILTER_INVALID"),
        ("a/#/b", "1", 400, "TOPIC_FILTER_INVALID"),
        ("a+", "1", 400, "TOPIC_FILTER_INVALID"),
        ("$share/g", "1", 400, "TOPIC_FILTER_INVALID"),
        ("a/#", "0", 200, "OK"),
        ("$share/g/a/#", "2", 200, "OK"),
        ("$oshare/g/a/#", "2", 200, "OK"),
    ],
)
def test_sub_answers_as_the_table_says(
    broker: Serving, api: Api, filter: str, qos: str, status: int, body: str
) -> None:
    with paho(broker, "5", new_tenant()) as client:
        assert sub(api, client, filter, qos).told() == (status, body)
        if status == 200:
            assert sub(api, client, filter, qos).told() == (200, "EXISTS")
            assert unsub(api, client, filter).told() == (200, "OK")
            assert unsub(api, client, filter).told() == (200, "NO_SUB")
        elif qos == "1":
            assert unsub(api, client, filter).told() == (400, "TOPIC_FILTER_INVALID")


def test_the_limits_of_the_tenant_hold(broker: Serving, api: Api) -> None:
    with paho(broker, "5", "narrow") as client:
        assert sub(api, client, "+").told() == (400, "WILDCARD_NOT_SUPPORTED")
        assert sub(api, client, "$share/g/a").told() == (400, "SHARED_SUBSCRIPTION_NOT_SUPPORTED")
        assert sub(api, client, "a").told() == (200, "OK")
        assert sub(api, client, "b").told() == (400, "EXCEED_LIMIT")
        assert sub(api, client, "a", "2").told() == (200, "EXISTS")
    with paho(broker, "5", "pairs") as client, paho(broker, "5", "pairs") as second:
        assert sub(api, client, "$share/g/a").told() == (200, "OK")
        assert sub(api, second, "$share/g/a").told() == (400, "EXCEED_LIMIT")
    with paho(broker, "5", "vendor") as client:
        assert sub(api, client, "/".join("x" * 17)).told() == (400, "TOPIC_FILTER_INVALID")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_client_gets_retained_messages_and_what_is_published(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    api.retain(tenant, "a/kept", b"kept", 2)
    with paho(broker, version, tenant) as client:
        assert sub(api, client, "a/#", "1").told() == (200, "OK")
        message = client.next()
        assert (message.payload, message.qos, message.retain) == (b"kept", 1, True)
        api.publish(tenant, "a/b", b"live", 2)
        message = client.next()
        assert (message.payload, message.qos, message.retain) == (b"live", 1, False)
        assert sub(api, client, "a/#", "0").told() == (200, "EXISTS")
        assert client.next().payload == b"kept"
        api.publish(tenant, "a/b", b"live", 2)
        assert client.next().qos == 0
        assert unsub(api, client, "a/#").told() == (200, "OK")
        assert api.publish(tenant, "a/b").told() == (200, "NO_MATCH")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_subscribed_lives_as_long_as_the_session(broker: Serving, api: Api, version: str) -> None:
    tenant = new_tenant()
    for persistent, answer in ((True, "OK"), (False, "NO_MATCH")):
        client = Paho(broker, version, tenant, "alice", persistent=persistent)
        client.connect()
        assert sub(api, client, "a").told() == (200, "OK")
        client.leave()
        assert api.publish(tenant, "a", b"x").told() == (200, answer)
        if persistent:
            with paho(broker, version, tenant, "alice", client.client_id, persistent=True) as back:
                assert back.next().payload == b"x"
                assert unsub(api, back, "a").told() == (200, "OK")


def test_both_kinds_of_subscribing_are_one(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant) as client:
        client.subscribe("own")
        assert unsub(api, client, "own").told() == (200, "OK")
        sub(api, client, "theirs")
        assert int(client.unsubscribe("theirs")[0].value) == 0
        assert int(client.unsubscribe("theirs")[0].value) == 0x11


def test_a_group_shares_and_an_ordered_one_keeps_a_publisher_with_one_member(broker: Serving, api: Api) -> None:
    tenant = new_tenant()
    with paho(broker, "5", tenant) as one, paho(broker, "3.1.1", tenant) as two:
        for member in (one, two):
            assert sub(api, member, "$share/g/shared").told() == (200, "OK")
            assert sub(api, member, "$oshare/g/ordered").told() == (200, "OK")
            member.subscribe("end")
        for number in range(40):
            api.publish(tenant, "shared", b"%d" % number)
            api.publish(tenant, "ordered", b"%d" % number)
        api.publish(tenant, "end")
        got = {"shared": [0, 0], "ordered": [0, 0]}
        for index, member in enumerate((one, two)):
            while (message := member.next()).topic != "end":
                got[message.topic][index] += 1
        assert sum(got["shared"]) == 40
        assert min(got["shared"]) > 0
        assert sorted(got["ordered"]) == [0, 40]
