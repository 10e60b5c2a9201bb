import pytest

from myna.core.counters import Counters
from myna.core.framed import FramedReceiver, KeptFrames
from myna.core.identity import Identity
from myna.core.message import Message, Origin
from myna.core.ports import AT_ONCE, Outlet
from myna.core.receiver import TAKEN, Subscription

LARGE = b"l" * AT_ONCE


class Tap(Outlet):
    """Takes so many bytes of each piece."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.taken: list[bytes] = []

    def wake(self) -> None:
        raise AssertionError("whoever sends now wakes nobody")

    def close(self) -> None:
        raise AssertionError("nobody closes here")

    pause = resume = close

    def send_now(self, data: bytes) -> int:
        self.taken.append(data[: self.most])
        return len(self.taken[-1])


class Listener(FramedReceiver):
    """Remembers what was left to the face."""

    def __init__(self, direct: Outlet | None) -> None:
        super().__init__(("t", "", "c"), Identity("t", "u"), 1, Counters())
        self.direct = direct
        self.framed: list[Message] = []
        self.sent: list[bytes] = []

    def deliver_framed(self, message: Message, now: float) -> int:
        self.framed.append(message)
        return TAKEN

    def send_frame(self, frame: bytes, now: float) -> int:
        self.sent.append(frame)
        return TAKEN


def message(frame: bytes | None, expires_at: float = 0.0) -> Message:
    made = Message("g", b"payload", 0, False, Origin("test", "t"), 1.0, expires_at)
    kept = KeptFrames(2)
    kept.frames[1] = frame
    made.attachment = kept
    return made


def deliver(listener: Listener, given: Message) -> None:
    assert listener.deliver(given, Subscription(listener, "g", "g", 0), 1.0) == TAKEN


def test_a_large_frame_that_exists_goes_out_at_once_and_counts() -> None:
    tap = Tap(1 << 20)
    listener = Listener(tap)
    deliver(listener, message(LARGE))
    assert (tap.taken, listener.framed, listener.sent) == ([LARGE], [], [])
    assert listener.counters.messages_sent == 1


@pytest.mark.parametrize("most", [0, 1, AT_ONCE - 1])
def test_what_has_not_gone_is_sent_the_ordinary_way(most: int) -> None:
    listener = Listener(Tap(most))
    deliver(listener, message(LARGE))
    assert listener.sent == [LARGE[most:]]
    assert listener.counters.messages_sent == 0, "the face counts it"


def test_a_small_frame_is_left_to_be_collected() -> None:
    tap = Tap(1 << 20)
    listener = Listener(tap)
    deliver(listener, message(LARGE[1:]))
    assert (tap.taken, listener.framed, listener.sent) == ([], [], [LARGE[1:]])


@pytest.mark.parametrize(
    "given",
    [message(None), message(LARGE, expires_at=9.0)],
    ids=["not made yet", "may have expired"],
)
def test_everything_else_is_the_faces_affair(given: Message) -> None:
    tap = Tap(1 << 20)
    listener = Listener(tap)
    deliver(listener, given)
    assert (tap.taken, listener.framed) == ([], [given])


def test_an_attachment_of_another_kind_is_no_frame() -> None:
    given = message(LARGE)
    given.attachment = {"frames": [LARGE, LARGE]}
    listener = Listener(Tap(1 << 20))
    deliver(listener, given)
    assert listener.framed == [given]


def test_without_an_outlet_the_face_decides() -> None:
    listener = Listener(None)
    deliver(listener, message(LARGE))
    assert len(listener.framed) == 1
