import pytest

from myna.core import counters
from myna.faces.admin.explanations import DROPPED, REFUSED, explain
from myna.faces.contract import Reloaded
from tests.faces.admin.desk import URLS, Desk


def test_counters_come_with_explanations() -> None:
    desk = Desk()
    desk.world.broker.counters.drop(counters.DROP_QUEUE_FULL, 3)
    desk.world.broker.counters.refuse("connect:not authorized")
    desk.world.broker.counters.refuse("of_tomorrow")
    shown = desk.get("/counters")
    (dropped,) = shown["dropped"]
    assert dropped["count"] == 3
    assert "queue_messages" in dropped["explanation"]
    assert [one["explanation"] for one in shown["refused"]] == ["CONNECT refused: not authorized", "of tomorrow"]
    assert shown["totals"]["messages_received"] == 0


def test_every_cause_of_a_drop_is_explained() -> None:
    causes = {value for name, value in vars(counters).items() if name.startswith("DROP_")}
    assert causes <= set(DROPPED)
    assert explain("banned", REFUSED) == REFUSED["banned"]


@pytest.mark.parametrize(
    "cause",
    [
        "call:access_token",
        "call:oidc_token",
        "call:not authorized",
        "webpubsub_connect:401",
        "webpubsub_event:Timeout",
        "webpubsub_event_without_handler",
        "webpubsub_invocation:NotFound",
        "webpubsub_malformed",
        "webpubsub_recovery",
        "webpubsub_request:Forbidden",
        "webpubsub_send:throughput",
        "webpubsub_send_without_permission",
        "webpubsub_slow_client",
        "webpubsub_stream:IdleTimeout",
    ],
)
def test_what_a_hub_refuses_is_explained(cause: str) -> None:
    assert explain(cause, REFUSED) != cause.replace("_", " ")
    assert DROPPED["webpubsub_notification"]


def test_health_says_why() -> None:
    desk = Desk()
    assert desk.get("/health") == {"healthy": True, "status": "ok", "listeners": URLS}
    desk.process.healthy = False
    assert desk.get("/health")["status"] == "draining"


def test_a_reload_says_what_took_effect_and_what_waits() -> None:
    desk = Desk()
    assert desk.call("POST", "/reload").json() == {"in_force": ["limits"], "waiting": ["mqtt"]}
    desk.process.reloaded = Reloaded(problems=["myna.toml:3: no"])
    answer = desk.call("POST", "/reload")
    assert answer.status == 409
    assert answer.json()["problems"] == ["myna.toml:3: no"]
