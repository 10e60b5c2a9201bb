from hypothesis import given
from hypothesis import strategies as st

from myna.core.limits import DROP_OLDEST, LIMIT_NAMES, Bucket, Limits, vars_of


def test_every_limit_is_listed_by_name() -> None:
    values = vars_of(Limits())
    assert list(values) == list(LIMIT_NAMES)
    assert values["queue_messages"] == 100_000


def test_a_copy_has_every_value_and_a_life_of_its_own() -> None:
    limits = Limits()
    limits.levels = (5,)
    limits.queue_policy = DROP_OLDEST
    copy = limits.copy()
    assert vars_of(copy) == vars_of(limits)
    copy.maximum_qos = 0
    assert limits.maximum_qos == 2


def test_a_bucket_gives_a_burst_of_one_second_and_then_its_rate() -> None:
    bucket = Bucket(10.0, 100.0)
    assert [bucket.take(1.0, 100.0) for _ in range(11)] == [True] * 10 + [False]
    assert bucket.wait(1.0) == 0.1
    assert bucket.take(1.0, 100.2)
    assert bucket.take(1.0, 100.2)
    assert not bucket.take(1.0, 100.2)


def test_a_bucket_never_holds_more_than_one_second() -> None:
    bucket = Bucket(2.0, 0.0)
    assert [bucket.take(1.0, 1000.0) for _ in range(3)] == [True, True, False]
    assert Bucket(2.0, 0.0).wait(1.0) == 0.0


def test_a_bucket_can_be_looked_into_and_run_into_debt() -> None:
    bucket = Bucket(10.0, 0.0)
    assert bucket.missing(10.0, 0.0) == 0.0
    assert bucket.missing(50.0, 0.0) == 0.0  # nobody waits for more than a full bucket
    bucket.spend(15.0)
    assert bucket.missing(0.0, 0.0) == 0.5
    assert bucket.missing(5.0, 0.5) == 0.5
    assert bucket.missing(5.0, 1.0) == 0.0


def test_a_bucket_lends_and_says_how_long_it_takes_to_pay_back() -> None:
    bucket = Bucket(10.0, 0.0)
    assert bucket.borrow(10.0, 0.0) == 0.0
    assert bucket.borrow(5.0, 0.0) == 0.5
    assert bucket.borrow(1.0, 0.5) == 0.1
    assert bucket.borrow(1.0, 100.0) == 0.0


def test_a_rate_below_one_a_second_lets_something_through() -> None:
    bucket = Bucket(0.5, 0.0)
    assert [bucket.take(1.0, now) for now in (0.0, 1.0, 2.0, 2.5, 4.0)] == [True, False, True, False, True]
    assert bucket.missing(1.0, 4.0) == 2.0


RATES = st.floats(0.1, 10_000)
STEPS = st.lists(st.tuples(st.floats(-2, 5), st.floats(0, 100)), max_size=60)


@given(RATES, STEPS)
def test_a_bucket_never_gives_more_than_its_rate_and_one_burst(rate: float, steps: list[tuple[float, float]]) -> None:
    bucket = Bucket(rate, 100.0)
    now, passed, given_out = 100.0, 0.0, 0.0
    for step, amount in steps:
        now += step
        passed += max(step, 0.0)
        if bucket.take(amount, now):
            given_out += amount
        assert given_out <= max(rate, 1.0) + passed * rate + 1e-6


@given(RATES, STEPS)
def test_who_waits_as_long_as_a_bucket_says_gets_what_was_asked_for(
    rate: float, steps: list[tuple[float, float]]
) -> None:
    bucket = Bucket(rate, 0.0)
    now = 0.0
    for step, amount in steps:
        now += max(step, 0.0)
        wanted = min(amount, max(rate, 1.0))
        now += bucket.missing(wanted, now)
        assert bucket.missing(wanted, now) < 1e-6
        bucket.spend(wanted)


@given(RATES, STEPS)
def test_what_is_borrowed_is_paid_back_in_the_time_a_bucket_says(rate: float, steps: list[tuple[float, float]]) -> None:
    bucket = Bucket(rate, 0.0)
    now = 0.0
    for step, amount in steps:
        now += max(step, 0.0)
        wait = bucket.borrow(amount, now)
        assert wait >= 0.0
        assert bucket.missing(0.0, now + wait) < 1e-6
        now += wait
