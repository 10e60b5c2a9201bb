from myna.core.limits import Limits
from myna.testing import TENANT, FakeGuard
from tests.faces.admin.desk import Desk

ONE = f"/retained/{TENANT}/a%2Fb"


def topics(desk: Desk, query: str = "") -> list[str]:
    return [one["topic"] for one in desk.get(f"/retained?tenant={TENANT}{query}")["retained"]]


def test_a_message_is_set_read_and_removed() -> None:
    desk = Desk()
    client = desk.world.connected("c")
    client.subscribe("a/b")
    assert desk.call("PUT", f"{ONE}?qos=2", b"hello").status == 204
    assert client.messages() == []  # set, not published
    read = desk.call("GET", ONE)
    assert read.status == 200
    assert read.body == b"hello"
    assert read.headers[b"content-type"] == b"application/octet-stream"
    assert read.headers[b"myna-qos"] == b"2"
    client.subscribe("a/+")
    assert client.payloads() == [b"hello"]
    assert desk.call("DELETE", ONE).status == 204
    assert desk.problem("GET", ONE) == (404, "")
    assert desk.problem("DELETE", ONE) == (404, "")


def test_a_message_expires_when_it_was_said_to() -> None:
    desk = Desk()
    desk.call("PUT", f"{ONE}?expires_after=10", b"x")
    assert desk.get(f"/retained?tenant={TENANT}")["retained"][0]["expires"] == "1970-01-01T00:16:50Z"
    desk.world.pass_time(11)
    assert desk.problem("GET", ONE) == (404, "")
    assert topics(desk) == []


def test_lists_are_narrowed_by_a_filter_and_come_in_pages() -> None:
    desk = Desk()
    for topic in ("b", "a/2", "a/1", "a/1/x"):
        desk.world.publish(topic, retain=True)
    assert topics(desk) == ["a/1", "a/1/x", "a/2", "b"]
    assert topics(desk, "&filter=a/%2B") == ["a/1", "a/2"]
    page = desk.get(f"/retained?tenant={TENANT}&limit=3")
    assert topics(desk, f"&limit=3&cursor={page['next']}") == ["b"]
    assert desk.get("/retained?tenant=unknown")["retained"] == []


def test_what_cannot_be_retained_is_refused_with_its_cause() -> None:
    limits = Limits()
    limits.retained_messages = 1
    limits.packet_size = 10
    limits.topic_levels = 2
    desk = Desk(limits)
    desk.world.broker.guard(FakeGuard("kept"))
    assert desk.problem("PUT", ONE, b"") == (400, "body")
    assert desk.problem("PUT", f"/retained/{TENANT}/a%2F%23", b"x") == (400, "topic")
    assert desk.problem("PUT", f"/retained/{TENANT}/a%2Fb%2Fc", b"x") == (400, "topic")
    assert desk.problem("PUT", f"/retained/{TENANT}/kept%2Fx", b"x") == (403, "topic")
    assert desk.problem("PUT", ONE, b"x" * 11) == (413, "")
    assert desk.problem("PUT", f"{ONE}?qos=3", b"x") == (400, "qos")
    assert desk.call("PUT", ONE, b"x").status == 204
    assert desk.problem("PUT", f"/retained/{TENANT}/other", b"x") == (507, "")
    limits.retain_available = False
    assert desk.problem("PUT", ONE, b"x") == (409, "")
    assert desk.problem("GET", f"/retained?tenant={TENANT}&filter=$share/g/a") == (400, "filter")


def test_asking_about_a_tenant_does_not_make_it() -> None:
    desk = Desk()
    desk.call("GET", "/retained/ghost/a")
    desk.call("DELETE", "/retained/ghost/a")
    desk.call("GET", "/retained?tenant=ghost")
    assert "ghost" not in desk.world.broker.tenants
