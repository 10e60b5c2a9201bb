"""What all publishers of a tenant, or of a user, may do together in a second, over any protocol: messages and bytes.

What a newcomer gets wrong: there are two ways to draw on it. Who can be told to come back later takes, or is told how
long to wait; who cannot be told owes, and is not read from until the debt is paid off.
"""

from typing import final

from myna.core.deadlines import Deadline, Deadlines, Timed
from myna.core.limits import Bucket, bucket
from myna.core.link import THROUGHPUT, Link
from myna.wire.packets import MQTT_5, Publish


@final
class Throughput:
    """`short_of_messages`, `short_of_bytes`: how often somebody had to wait for want of these."""

    __slots__ = ("_bytes", "_messages", "above", "short_of_bytes", "short_of_messages")

    def __init__(self, messages: float, size: float, now: float, above: "Throughput | None" = None) -> None:
        self.above = above  # what is drawn from here is drawn from there as well
        self._messages: Bucket | None = bucket(messages, now)
        self._bytes: Bucket | None = bucket(size, now)
        self.short_of_messages = 0
        self.short_of_bytes = 0

    def take(self, count: int, size: int, now: float) -> float:
        """0.0 and it is taken; or the seconds to wait, and nothing is."""
        wait = self._wait(count, size, now)
        if wait == 0.0:
            self._spend(count, size)
        return wait

    def owe(self, count: int, size: int, now: float) -> float:
        """Taken in any case; the seconds to keep quiet for."""
        self._fill(now)  # before there is a debt
        self._spend(count, size)
        return self._wait(0, 0, now)

    def _fill(self, now: float) -> None:
        if self._messages is not None:
            self._messages.missing(0.0, now)
        if self._bytes is not None:
            self._bytes.missing(0.0, now)
        if self.above is not None:
            self.above._fill(now)

    def _wait(self, count: int, size: int, now: float) -> float:
        wait = 0.0
        if self._messages is not None:
            wait = self._messages.missing(float(count), now)
            if wait > 0.0:
                self.short_of_messages += 1
        if self._bytes is not None:
            for_bytes = self._bytes.missing(float(size), now)
            if for_bytes > 0.0:
                self.short_of_bytes += 1
            wait = max(wait, for_bytes)
        above = self.above
        return wait if above is None else max(wait, above._wait(count, size, now))

    def _spend(self, count: int, size: int) -> None:
        if self._messages is not None:
            self._messages.spend(float(count))
        if self._bytes is not None:
            self._bytes.spend(float(size))
        if self.above is not None:
            self.above._spend(count, size)


@final
class Shaped:
    """How often connections had to rest because of bounds of their own: what they send, and what they are sent."""

    __slots__ = ("inbound_bytes", "outbound_bytes", "outbound_messages")

    def __init__(self) -> None:
        self.inbound_bytes = 0
        self.outbound_bytes = 0
        self.outbound_messages = 0


def throughput(messages: float, size: float) -> Throughput | None:
    """None where neither is bounded."""
    return Throughput(messages, size, 0.0) if messages > 0.0 or size > 0.0 else None


@final
class Share(Timed):
    """One connection's dealings with it: told to come back later where that can be said, else not read from."""

    def __init__(self, deadlines: Deadlines, link: Link) -> None:
        self._deadlines = deadlines
        self._link = link
        self._silence: Deadline | None = None

    def draw(self, throughput: Throughput | None, packet: Publish, now: float) -> bool:
        """False if it must be refused, which only MQTT 5 can say, and only of what it acknowledges."""
        if throughput is None:
            return True  # there is no bound any more
        count = 2 if packet.retain else 1  # handled and kept
        size = len(packet.payload)
        if packet.qos and self._link.level == MQTT_5:
            return throughput.take(count, size, now) == 0.0
        wait = throughput.owe(count, size, now)
        if wait > 0.0:
            self._be_silent(now + wait)
        return True

    def due(self, now: float) -> None:
        self._silence = None
        self._link.read_on(THROUGHPUT)

    def end(self) -> None:
        """The connection is gone."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _be_silent(self, until: float) -> None:
        """Pause, or go on pausing for longer."""
        silence = self._silence
        if silence is None:
            self._link.rest(THROUGHPUT)
        else:
            silence.cancel()  # the debt has grown, so it lasts longer
        self._link.last_heard = until  # it is not allowed to be heard, so keep-alive begins behind that
        self._silence = self._deadlines.add(until, self)
