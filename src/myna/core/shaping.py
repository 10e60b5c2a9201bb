"""A connection's bandwidth: it is read from and written to no faster than its tenant's limits say.

Each direction spends from a bucket of one second. What has been spent beyond it is borrowed: the connection then rests
until the debt has come in, so a chunk of any size passes whole and the rate holds over time. What a newcomer gets
wrong: a client that is not read from seems silent, so its keep-alive is counted from the end of the rest. And
messages count when their bytes have left: what waits for its turn is in the output, where QoS 0 is dropped if it
becomes too much.
"""

from typing import Final, final

from myna.core.deadlines import Deadline, Deadlines, Timed
from myna.core.limits import Bucket, bucket
from myna.core.link import BANDWIDTH, Link
from myna.core.output import DEFAULT_HIGH_WATER
from myna.core.quotas import INBOUND_BYTES, Quotas
from myna.core.tenant import Tenant
from myna.core.throughput import Throughput

# What may be gathered for a client, in bytes: acks and answers to pings wait behind it for as long as it takes.
WHILE_HELD: Final = 16 * 1024
AT_ONCE: Final = 64 * 1024
OUTSIDE_REST: Final = 0.5  # seconds a client is not read from when somebody outside says its tenant sends too much


@final
class ReadingRest(Timed):
    def __init__(self, shaping: "Shaping") -> None:
        self._shaping = shaping

    def due(self, now: float) -> None:
        self._shaping.read_on()


@final
class WritingRest(Timed):
    def __init__(self, shaping: "Shaping") -> None:
        self._shaping = shaping

    def due(self, now: float) -> None:
        self._shaping.write_on()


@final
class Shaping:
    """Both directions of one connection. While it `holds`, what is gathered for the client stays where it is."""

    def __init__(self, link: Link, deadlines: Deadlines, tenant: Tenant, asked: "Asked | None", now: float) -> None:
        limits = tenant.limits
        inbound, outbound = limits.inbound_bytes_per_second, limits.outbound_bytes_per_second
        self.holds = False
        self._asked = asked
        self._link = link
        self._deadlines = deadlines
        self._shaped = tenant.shaped
        self._deliveries: Bucket | None = bucket(limits.deliveries_per_second, now)
        self._of_all: Throughput | None = tenant.deliveries
        self._inbound: Bucket | None = Bucket(inbound, now) if inbound > 0.0 else None
        self._outbound: Bucket | None = Bucket(outbound, now) if outbound > 0.0 else None
        self._at_once = _gathered_at_once(tenant)
        link.output.high_water = self._at_once
        self._reading: Deadline | None = None
        self._writing: Deadline | None = None

    def received(self, count: int, now: float) -> None:
        bucket = self._inbound
        wait = 0.0 if bucket is None else bucket.borrow(float(count), now)
        if self._asked is not None and self._asked.is_short():
            wait = max(wait, OUTSIDE_REST)
        if wait > 0.0 and self._reading is None:
            self._link.last_heard = now + wait
            self._link.rest(BANDWIDTH)
            self._shaped.inbound_bytes += 1
            self._reading = self._deadlines.add(now + wait, ReadingRest(self))

    def sent(self, count: int, now: float) -> None:
        outbound = self._outbound
        wait = 0.0 if outbound is None else outbound.borrow(float(count), now)
        if wait > 0.0:
            self._shaped.outbound_bytes += 1
        delivered = self._link.delivered
        if delivered.is_metered:
            messages, delivered.unpaid = delivered.unpaid, 0
            if self._deliveries is not None:
                longer = self._deliveries.borrow(float(messages), now)
                if longer > 0.0:
                    self._shaped.outbound_messages += 1
                wait = max(wait, longer)
            if self._of_all is not None:
                wait = max(wait, self._of_all.owe(messages, count, now))
        if wait > 0.0 and self._writing is None:
            self.holds = True
            self._link.output.high_water = WHILE_HELD
            self._writing = self._deadlines.add(now + wait, WritingRest(self))

    def read_on(self) -> None:
        self._reading = None
        self._link.read_on(BANDWIDTH)

    def write_on(self) -> None:
        self._writing = None
        self.holds = False
        output = self._link.output
        output.high_water = self._at_once
        if output.has_pending():
            output.outlet.wake()

    def stop(self) -> None:
        """The connection ends: what it still has to say may leave at once."""
        self.holds = False
        for deadline in (self._reading, self._writing):
            if deadline is not None:
                deadline.cancel()


@final
class Asked:
    """Whoever outside has a say in what a tenant's clients may send together."""

    def __init__(self, quotas: Quotas, tenant: str) -> None:
        self._quotas = quotas
        self._tenant = tenant

    def is_short(self) -> bool:
        return not self._quotas.allows(self._tenant, INBOUND_BYTES)


def shape(link: Link, deadlines: Deadlines, quotas: Quotas, tenant: Tenant, now: float) -> Shaping | None:
    """Nothing, where the tenant has no bounds of the kind."""
    limits = tenant.limits
    asked = Asked(quotas, tenant.name) if quotas.asked else None
    of_bytes = limits.inbound_bytes_per_second > 0.0 or limits.outbound_bytes_per_second > 0.0
    of_messages = limits.deliveries_per_second > 0.0 or tenant.deliveries is not None
    if of_bytes or of_messages or asked is not None:
        return Shaping(link, deadlines, tenant, asked, now)
    return None


def _gathered_at_once(tenant: Tenant) -> int:
    """For a connection that is not held: about what it is going to get in a second; 0 where nothing is bounded."""
    limits = tenant.limits
    share = limits.tenant_delivered_bytes_per_second / max(tenant.connections, 1)
    rates = [rate for rate in (limits.outbound_bytes_per_second, share) if rate > 0.0]
    if not rates and limits.deliveries_per_second <= 0.0 and tenant.deliveries is None:
        return 0
    return max(int(min([*rates, float(DEFAULT_HIGH_WATER)])) if rates else 4 * AT_ONCE, AT_ONCE)
