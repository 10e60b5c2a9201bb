from myna.core.output import CROWDED_HIGH_WATER, Output, OutputMemory
from myna.testing import FakeOutlet


def test_the_first_pending_byte_wakes_the_outlet_and_no_other() -> None:
    outlet = FakeOutlet()
    output = Output(outlet, OutputMemory())
    assert not output.has_pending()
    output.write(b"a")
    output.write_parts(b"b", b"c", b"d")
    assert outlet.wakes == 1
    assert output.has_pending()
    assert output.take() == b"abcd"
    assert not output.has_pending()
    output.write_parts(b"e", b"", b"")
    assert outlet.wakes == 2
    assert output.take() == b"e"
    output.write(b"f")
    assert output.take() == b"f"
    assert output.take() == b""


def test_a_connection_is_congested_above_the_high_water_mark_of_gathered_and_unsent_bytes() -> None:
    output = Output(FakeOutlet(), OutputMemory(high_water=10))
    output.write(b"12345")
    output.take()
    output.write(b"12345")
    assert not output.is_congested()
    output.write(b"6")
    assert output.is_congested()
    output.sent(5)
    assert not output.is_congested()


def test_when_all_connections_hold_too_much_each_may_hold_little() -> None:
    memory = OutputMemory(limit=2 * CROWDED_HIGH_WATER)
    hog, other, small = Output(FakeOutlet(), memory), Output(FakeOutlet(), memory), Output(FakeOutlet(), memory)
    hog.write(b"x" * (2 * CROWDED_HIGH_WATER))
    hog.take()
    other.write(b"x" * (CROWDED_HIGH_WATER + 1))
    assert not other.is_congested()
    other.take()
    small.write(b"x")
    assert hog.is_congested()
    assert other.is_congested()
    assert not small.is_congested()
    hog.sent(2 * CROWDED_HIGH_WATER)
    assert not other.is_congested()


def test_it_overflows_at_twice_the_high_water_mark() -> None:
    memory = OutputMemory(limit=1000, high_water=100)
    output = Output(FakeOutlet(), memory)
    output.write(b"x" * 200)
    assert not output.is_overflowing()
    output.write(b"x")
    assert output.is_overflowing()
    roomy = OutputMemory(limit=1000, high_water=10_000_000)
    crowded = Output(FakeOutlet(), roomy)
    crowded.write(b"x" * (2 * CROWDED_HIGH_WATER + 1))
    assert not crowded.is_overflowing()
    crowded.take()
    assert crowded.is_overflowing()


def test_what_a_lost_connection_held_is_given_back() -> None:
    memory = OutputMemory()
    output = Output(FakeOutlet(), memory)
    output.write(b"12345")
    output.take()
    output.sent(2)
    output.write(b"678")
    assert memory.held == 3
    output.abandon()
    assert memory.held == 0
    assert output.unsent == 0
    assert not output.has_pending()
