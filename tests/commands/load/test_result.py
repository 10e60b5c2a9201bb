from myna.commands.load.result import Result, describe, percentiles


def result(**changed: object) -> Result:
    made = Result("pairs", 4, 1, 64, 2, 2, 100, 1.0, 1000, 1000.0)
    made.expected = made.received = 1000
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_percentiles_are_in_microseconds() -> None:
    assert percentiles([n / 1000 for n in range(101)]) == {"p50": 50_000.0, "p99": 99_000.0, "max": 100_000.0}
    assert percentiles([]) == {}
    assert percentiles([0.001])["p99"] == 1000.0


def test_a_complete_run_says_so() -> None:
    assert result().is_complete
    assert "all 1,000 messages arrived, once and in order" in describe(result())


def test_every_trouble_is_named() -> None:
    text = describe(result(received=990, misplaced=3, foreign=1, refused=2))
    assert "FAILED: of 1,000 messages: 10 lost, 3 repeated or out of order, 1 not of this run, 2 refused" in text
    assert not result(misplaced=1).is_complete
    assert not result(received=1001).is_complete


def test_a_busy_machine_is_mentioned() -> None:
    assert "busy with something else" in describe(result(others_cores=0.5))
    assert "busy" not in describe(result(others_cores=0.01))


def test_what_was_measured_of_the_broker_is_shown() -> None:
    measured = result(broker_us_per_delivery=1.5, broker_cores=0.9, broker_threads=3, broker_resident_bytes=5_000_000)
    assert "1.50 µs of processor per delivery (0.90 cores, 3 threads, 5.0 MB)" in describe(measured)
    assert measured.as_json()["complete"] is True
