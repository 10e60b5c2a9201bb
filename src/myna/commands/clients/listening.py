"""A subscription that is kept up: connect, subscribe, listen; and when the connection breaks, all of it again.

The first attempt must succeed, so that a wrong host name is said at once. Later ones are repeated with growing pauses.
A broker that ends the connection for a reason that will not pass (another client took the session, we are not allowed
to be here) is not tried again: two clients with one id would throw each other out for ever.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from myna.client import CannotConnect, Client, ConnectionLost, Refused, Session
from myna.commands.clients.connection_options import Approach, approach
from myna.commands.clients.printer import Printer
from myna.wire import reasons
from myna.wire.packets import MQTT_5, SubscriptionRequest
from myna.wire.reasons import UNSPECIFIED_ERROR, reason_name
from myna.wire.topics import check_filter

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_RETAIN_HANDLING: Final = {"always": 0, "new": 1, "never": 2}

# Why a broker may have refused us or sent us away, and take us again a little later.
_PASSING: Final = frozenset(
    {
        reasons.NORMAL_DISCONNECTION,
        reasons.UNSPECIFIED_ERROR,
        reasons.IMPLEMENTATION_SPECIFIC_ERROR,
        reasons.SERVER_UNAVAILABLE,
        reasons.SERVER_BUSY,
        reasons.SERVER_SHUTTING_DOWN,
        reasons.KEEP_ALIVE_TIMEOUT,
        reasons.MESSAGE_RATE_TOO_HIGH,
        reasons.QUOTA_EXCEEDED,
        reasons.CONNECTION_RATE_EXCEEDED,
        reasons.MAXIMUM_CONNECT_TIME,
        reasons.SERVER_UNAVAILABLE_3,
    }
)


@dataclass(frozen=True)
class Wishes:
    """What the user asked for."""

    approach: Approach
    requests: list[SubscriptionRequest]
    unsubscribe: list[str]
    only_subscribe: bool
    reconnect: bool
    patience: float
    trace: bool


def wishes(args: argparse.Namespace) -> Wishes:
    """Raises ValueError with a text for the user."""
    to = approach(args)
    filters = [*args.topic, *([to.topic] if to.topic is not None else [])]
    if not filters and not args.unsubscribe:
        raise ValueError("to what? Name a topic or filter with -t")
    for filter in (*filters, *args.unsubscribe):
        if not check_filter(filter):
            raise ValueError(f"{filter!r} is no topic filter: + and # stand alone between slashes, # only at the end")
    handling = _RETAIN_HANDLING[args.retain_handling]
    if to.introduction.level < MQTT_5 and (args.no_local or args.retain_as_published or handling):
        raise ValueError("--no-local, --retain-as-published and --retain-handling are MQTT 5's; leave -V out")
    requests = [
        SubscriptionRequest(filter, args.qos, args.no_local, args.retain_as_published, handling) for filter in filters
    ]
    reconnect = not (args.no_reconnect or args.exit_after_subscribe)
    return Wishes(
        to, requests, args.unsubscribe, args.exit_after_subscribe, reconnect, args.connect_timeout, args.debug
    )


class Listening:
    def __init__(self, wanted: Wishes, printer: Printer, tell: Callable[[str], object]) -> None:
        self._wanted = wanted
        self._printer = printer
        self._tell = tell
        self._session = Session()
        self._was_connected = False
        self._was_subscribed = False
        self._failures = 0

    async def run(self) -> None:
        """Returns when there have been enough messages. Raises ClientError when there is no going on."""
        while True:
            try:
                await self._listen()
                return
            except (CannotConnect, ConnectionLost, Refused) as error:
                if not self._may_retry(error):
                    raise
                pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
                self._failures += 1
                self._tell(f"{error}; trying again in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        to = self._wanted.approach
        trace = _trace if self._wanted.trace else None
        client = Client(to.address, to.introduction, self._printer.show, self._session, trace=trace)
        try:
            connack = await client.connect(self._wanted.patience)
            resumed = self._was_connected and connack.session_present
            self._was_connected = True
            if not resumed:
                await self._subscribe(client)
            self._was_subscribed = True
            self._failures = 0
            if not self._wanted.only_subscribe:
                await self._until_enough(client)
        finally:
            await client.disconnect(properties=to.properties.get("disconnect"))

    async def _subscribe(self, client: Client) -> None:
        """Unsubscribe comes first: a filter that is in both is begun anew."""
        sets = self._wanted.approach.properties
        if self._wanted.unsubscribe:
            codes = await client.unsubscribe(self._wanted.unsubscribe, sets.get("unsubscribe"))
            self._tell_refused("unsubscribing from", self._wanted.unsubscribe, codes)
        requests = self._wanted.requests
        if not requests:
            return
        codes = await client.subscribe(requests, sets.get("subscribe"))
        self._tell_refused("subscription to", [request.filter for request in requests], codes)
        if all(code >= UNSPECIFIED_ERROR for code in codes):
            raise Refused("no subscription was accepted", max(codes))

    def _tell_refused(self, what: str, filters: list[str], codes: list[int]) -> None:
        for filter, code in zip(filters, codes, strict=False):  # before MQTT 5 an UNSUBACK has no codes
            if code >= UNSPECIFIED_ERROR:
                self._tell(f"{what} {filter!r} refused: {reason_name(code)}")

    async def _until_enough(self, client: Client) -> None:
        enough = asyncio.create_task(self._printer.enough.wait())
        closed = asyncio.create_task(client.wait_closed())
        try:
            await asyncio.wait([enough, closed], return_when=asyncio.FIRST_COMPLETED)
            if not enough.done():
                closed.result()  # raises why
        finally:
            enough.cancel()
            closed.cancel()

    def _may_retry(self, error: CannotConnect | ConnectionLost | Refused) -> bool:
        if not self._wanted.reconnect or not self._was_connected:
            return False
        if isinstance(error, Refused) and not self._was_subscribed:
            return False
        return error.code is None or error.code in _PASSING


def _trace(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
