from myna.testing import TENANT, FakeGuard
from tests.faces.admin.desk import Desk


def found(desk: Desk, query: str) -> list[tuple[str, str, str]]:
    holders = desk.get(f"/subscriptions?tenant={TENANT}&{query}")["holders"]
    return [(one["client_id"], one["filter"], one["group"]) for one in holders]


def test_who_holds_a_filter() -> None:
    desk = Desk()
    for name in ("one", "two"):
        desk.world.connected(name).subscribe("a/+", 1)
    desk.world.connected("three").subscribe("a/b")
    assert found(desk, "filter=a/%2B") == [("one", "a/+", ""), ("two", "a/+", "")]
    assert found(desk, "filter=a/b") == [("three", "a/b", "")]
    assert found(desk, "filter=nobody") == []


def test_who_is_in_a_group() -> None:
    desk = Desk()
    desk.world.connected("one").subscribe("$share/workers/jobs")
    assert found(desk, "filter=$share/workers/jobs") == [("one", "$share/workers/jobs", "$share/workers")]
    assert found(desk, "filter=$oshare/workers/jobs") == []


def test_who_would_get_a_message() -> None:
    desk = Desk()
    both = desk.world.connected("both")
    both.subscribe("a/#", 0)
    both.subscribe("a/b", 1)
    desk.world.connected("worker").subscribe("$share/g/a/b")
    desk.world.connected("other").subscribe("c")
    assert found(desk, "topic=a/b") == [("both", "a/b", ""), ("worker", "$share/g/a/b", "$share/g")]
    page = desk.get(f"/subscriptions?tenant={TENANT}&topic=a/b&limit=1")
    assert len(page["holders"]) == 1
    assert page["holders"][0]["qos"] == 1
    assert found(desk, f"topic=a/b&cursor={page['next']}") == [("worker", "$share/g/a/b", "$share/g")]


def test_the_guard_of_a_topic_is_asked() -> None:
    desk = Desk()
    guard = FakeGuard("kept")
    desk.world.broker.guard(guard)
    desk.world.connected("one").subscribe("kept/x")
    assert found(desk, "topic=kept/x") == [("one", "kept/x", "")]
    guard.barred.add("one")
    assert found(desk, "topic=kept/x") == []


def test_what_is_neither_topic_nor_filter_is_refused() -> None:
    desk = Desk()
    desk.world.connected("one")
    assert desk.problem("GET", "/subscriptions?topic=a") == (400, "tenant")
    assert desk.problem("GET", f"/subscriptions?tenant={TENANT}") == (400, "topic")
    assert desk.problem("GET", f"/subscriptions?tenant={TENANT}&topic=a&filter=b") == (400, "topic")
    assert desk.problem("GET", f"/subscriptions?tenant={TENANT}&topic=a/%2B") == (400, "topic")
    assert desk.problem("GET", f"/subscriptions?tenant={TENANT}&filter=a%23") == (400, "filter")
    assert desk.get("/subscriptions?tenant=unknown&topic=a") == {"holders": [], "next": None}
