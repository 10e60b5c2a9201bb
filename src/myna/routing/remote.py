"""A connection to another MQTT broker that comes back: what it should be told is sent while it is there, what it was
asked for is handed on.

What a newcomer gets wrong: messages from there are acknowledged when they are safe here, so whoever publishes them
here must not return before they are in the journal. And what we sent and they did not settle is the courier's to send
again, under another packet id: what they still hold of it at QoS 2 has to be released first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from myna.client import Client, ClientError, Introduction, Session
from myna.client.address import Address
from myna.formats.outgoing import backoff
from myna.wire.packets import MQTT_5, Publish, SubscriptionRequest

log = logging.getLogger("myna.routing")

IDS = 128  # packet ids: more than the window
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


class Remote:
    """`receive` gets the messages of `subscriptions`; `safe` is awaited before they are acknowledged."""

    def __init__(
        self,
        name: str,
        address: Address,
        introduction: Introduction,
        subscriptions: Sequence[SubscriptionRequest],
        receive: Callable[[Publish], None],
        safe: Callable[[], Awaitable[None]],
        qos: int = 2,
    ) -> None:
        """`qos`: at most, of what is sent."""
        self.name = name
        self.address = address
        self.client: Client | None = None  # while it is there
        self.trouble = ""  # why it is not
        self.refused: list[str] = []  # filters we may not subscribe to
        self.connections = 0
        self._subscribed = False  # since their session began
        self._introduction = introduction
        self._subscriptions = list(subscriptions)
        self._receive = receive
        self._safe = safe
        self._releases = qos == 2 and not introduction.clean_start
        self._received: set[int] = set()  # QoS 2 ids that wait for their release, over all connections
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self.client is not None:
            await self.client.disconnect()
            self.client = None

    async def wait_connected(self, timeout: float) -> Client | None:
        """The client, if there is one by then."""
        try:
            async with asyncio.timeout(timeout):
                while self.client is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self.client

    async def _stay(self) -> None:
        attempt = 0
        while True:
            client = self._make()
            try:
                connack = await client.connect()
                if not connack.session_present or not self._subscribed:
                    self._subscribed = False
                    await self._subscribe(client)
                    self._subscribed = True
                self.client, self.trouble = client, ""
                self.connections += 1
                attempt = 0
                self._changed.set()
                log.info("routing: %s is connected to %s", self.name, self.address)
                await client.wait_closed()
            except ClientError as error:
                self._complain(str(error), attempt)
            finally:
                self.client = None
            await client.disconnect()
            attempt += 1
            await asyncio.sleep(backoff(attempt - 1, first=FIRST_WAIT, longest=LONGEST_WAIT))

    def _make(self) -> Client:
        session = Session(IDS)
        session.received = self._received
        if self._releases:
            session.release_all()
        return Client(self.address, self._introduction, self._take, session, before_acks=self._safe)

    def _take(self, packet: Publish) -> bool:
        self._receive(packet)
        return True

    async def _subscribe(self, client: Client) -> None:
        if not self._subscriptions:
            return
        requests = self._subscriptions
        if client.level < MQTT_5:
            requests = [SubscriptionRequest(one.filter, one.qos) for one in requests]
        codes = await client.subscribe(requests)
        self.refused = []
        for request, code in zip(requests, codes, strict=False):
            if code >= 0x80:
                self.refused.append(request.filter)
                log.error("routing: %s may not subscribe to %s at %s", self.name, request.filter, self.address)

    def _complain(self, why: str, attempt: int) -> None:
        if why != self.trouble or attempt == 0:
            log.warning("routing: %s: %s; trying again", self.name, why)
        self.trouble = why
