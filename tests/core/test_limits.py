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
