from myna.core.limits import Limits
from myna.testing import TENANT
from tests.faces.admin.desk import Desk


def test_use_is_shown_against_limits() -> None:
    limits = Limits()
    limits.sessions = 10
    limits.tenant_publishes_per_second = 100.0
    desk = Desk(limits)
    desk.world.connected("one").subscribe("a")
    desk.world.connected("two", expiry=9).drop()
    desk.world.publish("r", b"x", retain=True)
    first = desk.get(f"/tenants/{TENANT}")
    assert first["connections"] == {"used": 1, "limit": None}
    assert first["sessions"] == {"used": 2, "limit": 10}
    assert first["subscriptions"] == {"used": 1, "limit": None}
    assert first["retained_messages"] == {"used": 1, "limit": 1_000_000}
    assert first["messages_received"] == 1
    assert first["messages_per_second"] is None
    for _ in range(30):
        desk.world.publish("r")
    desk.world.pass_time(10)
    listed = desk.get("/tenants")["tenants"]
    assert listed[0]["messages_per_second"] == {"used": 3.0, "limit": 100.0}


def test_a_tenant_nobody_has_used_is_not_there() -> None:
    desk = Desk()
    assert desk.problem("GET", "/tenants/ghost") == (404, "")
    assert desk.get("/tenants") == {"tenants": [], "next": None}
