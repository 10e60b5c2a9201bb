"""What all publishers of a tenant may do together in a second, whatever protocol they speak: messages and bytes.

What a newcomer gets wrong: there are two ways to draw on it. Who can be told to come back later takes, or is told how
long to wait; who cannot be told owes, and is not read from until the debt is paid off.
"""

from typing import final

from myna.core.deadlines import Deadline, Deadlines, Timed
from myna.core.limits import Bucket, Limits
from myna.core.link import Link
from myna.wire.packets import MQTT_5, Publish


@final
class Throughput:
    """`short_of_messages`, `short_of_bytes`: how often somebody had to wait for want of these."""

    __slots__ = ("_bytes", "_messages", "short_of_bytes", "short_of_messages")

    def __init__(self, limits: Limits, now: float) -> None:
        messages = limits.tenant_publishes_per_second
        size = limits.tenant_bytes_per_second
        self._messages: Bucket | None = Bucket(messages, now) if messages > 0 else None
        self._bytes: Bucket | None = Bucket(float(size), now) if size > 0 else None
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
        if self._messages is not None:
            self._messages.missing(0.0, now)  # fills it up to now, before there is a debt
        if self._bytes is not None:
            self._bytes.missing(0.0, now)
        self._spend(count, size)
        return self._wait(0, 0, now)

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
        return wait

    def _spend(self, count: int, size: int) -> None:
        if self._messages is not None:
            self._messages.spend(float(count))
        if self._bytes is not None:
            self._bytes.spend(float(size))


@final
class Share(Timed):
    """One connection's dealings with it: told to come back later where that can be said, else not read from."""

    def __init__(self, deadlines: Deadlines, link: Link) -> None:
        self._deadlines = deadlines
        self._link = link
        self._silence: Deadline | None = None

    def draw(self, throughput: Throughput, packet: Publish, now: float) -> bool:
        """False if it must be refused, which only MQTT 5 can say, and only of what it acknowledges."""
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
        self._link.output.outlet.resume()

    def end(self) -> None:
        """The connection is gone."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _be_silent(self, until: float) -> None:
        """Pause, or go on pausing for longer."""
        silence = self._silence
        if silence is None:
            self._link.output.outlet.pause()
        else:
            silence.cancel()  # the debt has grown, so it lasts longer
        self._link.last_heard = until  # it is not allowed to be heard, so keep-alive begins behind that
        self._silence = self._deadlines.add(until, self)
