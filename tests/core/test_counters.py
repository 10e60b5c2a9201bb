from myna.core.counters import Counters


def test_each_drop_and_each_refusal_is_counted_under_its_cause() -> None:
    counters = Counters()
    counters.drop("queue_full")
    counters.drop("queue_full", 3)
    counters.drop("expired")
    counters.refuse("connect:banned")
    counters.refuse("connect:banned")
    assert counters.dropped == {"queue_full": 4, "expired": 1}
    assert counters.refused == {"connect:banned": 2}
