from myna.core.held import HeldPackets
from myna.core.output import Output, OutputMemory
from myna.testing import World


def test_packets_leave_in_order_once_what_they_promise_is_safe() -> None:
    output = Output(World().connected("c").outlet, OutputMemory())
    held = HeldPackets()
    held.hold(b"one", 1)
    held.hold(b"two", 3)
    held.hold(b"three", 3)
    assert not held.settled(0, output)
    assert not held.settled(2, output)
    assert output.take() == b"one"
    assert held.settled(3, output)
    assert output.take() == b"twothree"
