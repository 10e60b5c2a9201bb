from typing import Any

from bench.loads import LOADS
from bench.table import HEADINGS, as_markdown, as_text, rows


def measured(rate: float, processor: float, p99: float, complete: bool = True) -> dict[str, Any]:
    return {
        "deliveries_per_second": rate,
        "broker_us_per_delivery": processor,
        "latency_us": {"p99": p99},
        "generator_cores": 0.25,
        "complete": complete,
    }


PAIRS = next(load for load in LOADS if not load.latency)
PACED = next(load for load in LOADS if load.latency)


def test_medians_stand_beside_their_ratio_to_the_peer() -> None:
    ours = [measured(rate, 1.0, 0) for rate in (100.0, 900.0, 1000.0)]
    (first, second) = rows({PAIRS.title: {"myna": ours, "mosquitto": [measured(300, 7.5, 0)]}}, "mosquitto")
    assert first == [PAIRS.title, "myna", "900", "3.0", "1.00", "7.5", "", "", "0.25"]
    assert second == ["", "mosquitto", "300", "", "7.50", "", "", "", "0.25"]


def test_at_a_fixed_rate_latency_counts_and_lower_is_better() -> None:
    found = {PACED.title: {"myna": [measured(5000, 10, 100)], "mosquitto": [measured(5000, 20, 50)]}}
    assert rows(found, "mosquitto")[0] == [PACED.title, "myna", "", "", "10.00", "2.0", "100", "0.5", "0.25"]


def test_a_broker_that_lost_messages_is_marked() -> None:
    found = {PAIRS.title: {"peer": [measured(100, 1, 0), measured(100, 1, 0, complete=False)]}}
    assert rows(found, None)[0][2] == "100 LOST"


def test_both_forms_hold_every_row() -> None:
    table = rows({PAIRS.title: {"myna": [measured(1, 1, 1)]}}, None)
    assert as_text(table).splitlines()[0].split() == " ".join(HEADINGS).split()
    assert len(as_text(table).splitlines()) == 2
    assert len(as_markdown(table).splitlines()) == 3
