"""How many publishes of MQTT clients were accepted, and how many messages went to them, by QoS and RETAIN, of the
clients that speak alike.

All connections of a tenant that are of one version and came the same way share one of these, so nothing is left to add
up when one of them ends. What a newcomer gets wrong: refused publishes are not here, and neither are wills.
"""

from abc import ABC, abstractmethod
from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from myna.core.counters import Counters

NEVER: Final = float("inf")


@mypyc_attr(allow_interpreted_subclasses=True)
class Sampler(ABC):
    """Wants to know now and then how long a publish takes. Counting is not its business."""

    @abstractmethod
    def sampled(self, published: "Published", qos: int, retain: bool, sequence: int, now: float) -> None:
        """One that came at `now` is answered once `sequence` is safe. It sets `sample_at` when it wants another."""


@final
class Published:
    __slots__ = (
        "qos_0",
        "qos_1",
        "qos_2",
        "retained_0",
        "retained_1",
        "retained_2",
        "sample_at",
        "sampler",
    )

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.sampler = sampler
        self.sample_at = NEVER if sampler is None else 0.0
        self.qos_0: i64 = 0
        self.qos_1: i64 = 0
        self.qos_2: i64 = 0
        self.retained_0: i64 = 0
        self.retained_1: i64 = 0
        self.retained_2: i64 = 0

    def add(self, qos: i64, retain: bool, count: i64) -> None:
        if retain:
            if qos == 0:
                self.retained_0 += count
            elif qos == 1:
                self.retained_1 += count
            else:
                self.retained_2 += count
        elif qos == 0:
            self.qos_0 += count
        elif qos == 1:
            self.qos_1 += count
        else:
            self.qos_2 += count

    def answered(self, qos: int, retain: bool, count: int, sequence: int, now: float) -> None:
        """As `add`, of such as are acknowledged: when `sequence` is safe."""
        self.add(qos, retain, count)
        if now >= self.sample_at:
            self.sample_at = NEVER
            if self.sampler is not None:
                self.sampler.sampled(self, qos, retain, sequence, now)

    def counts(self) -> list[tuple[int, bool, int]]:
        """QoS, RETAIN and how many; only what there was."""
        every = [
            (0, False, self.qos_0),
            (1, False, self.qos_1),
            (2, False, self.qos_2),
            (0, True, self.retained_0),
            (1, True, self.retained_1),
            (2, True, self.retained_2),
        ]
        return [one for one in every if one[2]]


@final
class Delivered:
    """What is written to clients, resent or not, in the broker's own counter as well.

    Where a tenant bounds what its connections are sent, each has one of its own, `is_metered`, that shares the counts.
    """

    __slots__ = ("_counters", "by_flags", "is_metered", "unpaid")

    def __init__(self, counters: Counters, by_flags: Published, is_metered: bool = False) -> None:
        self._counters = counters
        self.by_flags = by_flags
        self.is_metered = is_metered
        self.unpaid: i64 = 0  # messages sent since somebody took them off the connection's rate

    def of_connection(self) -> "Delivered":
        return Delivered(self._counters, self.by_flags, True)

    def sent(self, flags: i64, count: i64) -> None:
        """So many PUBLISH packets with this first byte."""
        self._counters.messages_sent += count
        if self.is_metered:
            self.unpaid += count
        if flags == 0x30:
            self.by_flags.qos_0 += count
        else:
            self.by_flags.add(flags >> 1 & 0x03, flags & 0x01 != 0, count)


NOBODY_YET: Final = Delivered(Counters(), Published())  # of a connection that serves no session
