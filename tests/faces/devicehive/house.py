"""A running DeviceHive without sockets: broker, face and registry, with clients whose packets are fed by hand.

    async def story(house: House) -> None:
        device = await house.user()
        assert (await device.ask("device/get", deviceId=SAMPLE))["device"]["name"] == "Sample Device"

What a newcomer gets wrong: what a client must not get is proved by asking something else and seeing its answer come
first.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from myna.access.authenticator import AccessContext, NoSettings
from myna.access.chain import Chain
from myna.access.open import TENANT, Open
from myna.cluster.solo import SoloPeers
from myna.core.broker import Broker
from myna.core.connection import Connection
from myna.core.ports import Outlet, Peer
from myna.faces.async_broker import AsyncBroker
from myna.faces.contract import FaceContext
from myna.faces.devicehive.face import DeviceHiveFace, Settings
from myna.registry.registry import Registry, open_registry
from myna.store.memory import MemoryStore
from myna.testing.outgoing import ScriptedHttp
from myna.watch.watchers import Watchers
from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    Will,
)
from myna.wire.properties import Properties
from myna.wire.reader import FrameReader
from tests.registry.databases import fresh_database

ADMIN = "dhadmin"
PASSWORD = "dhadmin_#911"
SAMPLE = "e50d6085-2aba-48e9-b1c3-73c673e414be"
PATIENCE = 60.0

Json = dict[str, Any]
Story = Callable[["House"], Awaitable[None]]


class House:
    """One broker with the face. `alone` makes `devicehive` the only authenticator."""

    def __init__(self, registry: Registry, settings: Settings, *, alone: bool, development: bool) -> None:
        self.registry = registry
        self.time = time.time()
        self._numbers = itertools.count(1)
        watchers = Watchers()
        self.broker = Broker(MemoryStore(), SoloPeers(), watcher=watchers)
        self.face = DeviceHiveFace(self._context(development), settings)
        claims = self.face.claims()
        for tenant, guard in claims.guards:
            self.broker.guard(guard, tenant)
        for watcher in claims.watchers:
            watchers.add(watcher)
        judge = claims.authenticators["devicehive"]
        everybody = Open(NoSettings(), AccessContext(self.now, None, ScriptedHttp(), self.broker, str))
        self.gate = Chain([judge] if alone else [judge, everybody], self.now)

    def now(self) -> float:
        return self.time

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.broker.tick(self.time)

    async def connect(
        self,
        client_id: str | None = None,
        user: str | None = None,
        password: str | None = None,
        *,
        level: int = 4,
        clean: bool = True,
        will: Will | None = None,
        expiry: int = 0,
    ) -> "Client":
        """A connection that has been answered, one way or the other; see `connack`."""
        client = Client(self, client_id or f"c{next(self._numbers)}", level)
        connect = Connect(level, client.id, clean, 0)
        connect.user_name = user
        connect.password = None if password is None else password.encode()
        connect.will = will
        if expiry:
            connect.properties = Properties()
            connect.properties.session_expiry = expiry
        client.send(connect)
        client.connack = await client.next_of(Connack)
        return client

    async def anonymous(self, client_id: str | None = None, **options: Any) -> "Client":
        return await self.connect(client_id, **options)

    async def admin(self, client_id: str | None = None, **options: Any) -> "Client":
        client = await self.connect(client_id, ADMIN, PASSWORD, **options)
        assert client.connack.code == 0
        if client.level < 5 or not client.connack.session_present:
            client.subscribe("dh/response/#")
        return client

    async def newcomer(self, admin: "Client", login: str, networks: list[int], **user: Any) -> int:
        """A user of the client role, let into these networks: its id. The password is the login, twice."""
        made = await admin.ask("user/insert", user={"login": login, "password": login * 2, "role": 1, **user})
        for network in networks:
            await admin.ask("user/assignNetwork", userId=made["user"]["id"], networkId=network)
        id: int = made["user"]["id"]
        return id

    async def user(self, login: str, client_id: str | None = None, **options: Any) -> "Client":
        """A connection of somebody made by `newcomer`."""
        client = await self.connect(client_id, login, login * 2, **options)
        assert client.connack.code == 0
        client.subscribe("dh/response/#")
        return client

    async def settled(self) -> None:
        """Everything asked for by now has been done and told."""
        for _ in range(2):
            await self.face._requests.finish()
            await self.registry.delete_property("")  # behind all that has been written so far
            await self.registry.command("", 0)

    def _context(self, development: bool) -> FaceContext:
        def nothing(*arguments: Any) -> Any:
            raise AssertionError("the face has no use for this")

        return FaceContext(
            broker=AsyncBroker(self.broker, self.now, lambda: None),
            now=self.now,
            arm=lambda: None,
            development=development,
            default_tenant=TENANT,
            data=None,
            secret=nothing,
            http=ScriptedHttp(),
            gate=nothing,
            connect_mqtt=nothing,
            text_frame=nothing,
            binary_frame=nothing,
            urls={"http": ["http://localhost:8080"]},
            open_registry=lambda url, retention: self.registry,
        )


class Client(Outlet):
    """One client, packet by packet."""

    def __init__(self, house: House, client_id: str, level: int) -> None:
        super().__init__()
        self.house = house
        self.id = client_id
        self.level = level
        self.connack = Connack(False, 0)
        self.closed = False
        self.inbox: list[Packet] = []
        self._woken = asyncio.Event()
        self._reader = FrameReader(1 << 24, level)
        self._numbers = itertools.count(1)
        self.connection = Connection(house.broker, house.gate, self, Peer("127.0.0.1:1"), house.now())

    # As an outlet

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self.closed = True
        self._woken.set()

    def pause(self) -> None:
        return

    def resume(self) -> None:
        return

    # Packets

    def send(self, *packets: Packet) -> None:
        self.connection.feed(b"".join(encode(packet, self.level) for packet in packets), self.house.now())

    def collect(self) -> None:
        """What has been written goes to the inbox; messages are acknowledged."""
        if self.connection.has_pending():
            written = self.connection.take()
            self.connection.sent(len(written), self.house.now())
            self._reader.feed(written)
        self._woken.clear()
        while (packet := self._reader.next_packet(self.level)) is not None:
            self.inbox.append(packet)
            if isinstance(packet, Publish) and packet.qos == 1:
                self.send(Puback(packet.packet_id, 0))

    async def next_of(self, kind: type[Any]) -> Any:
        """The first packet of this kind, which leaves the inbox."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self.collect()
                for index, packet in enumerate(self.inbox):
                    if isinstance(packet, kind):
                        return self.inbox.pop(index)
                assert not self.closed, f"closed while waiting for {kind.__name__}"
                await self._woken.wait()

    def subscribe(self, filter: str, qos: int = 1) -> int:
        """The code that answers it."""
        return self.subscribe_all(filter, qos=qos)[0]

    def subscribe_all(self, *filters: str, qos: int = 1) -> list[int]:
        self.send(Subscribe(next(self._numbers), [SubscriptionRequest(filter, qos) for filter in filters]))
        self.collect()
        for index, packet in enumerate(self.inbox):
            if isinstance(packet, Suback):
                del self.inbox[index]
                return packet.codes
        raise AssertionError("no SUBACK")

    def unsubscribe(self, filter: str) -> None:
        self.send(Unsubscribe(next(self._numbers), [filter]))
        self.collect()
        self.inbox = [packet for packet in self.inbox if not isinstance(packet, Unsuback)]

    def publish(self, topic: str, payload: bytes | Json, qos: int = 0, *, retain: bool = False) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send(Publish(topic, body, qos, retain, packet_id=next(self._numbers) if qos else 0))

    def disconnect(self) -> None:
        self.send(Disconnect(0))

    def drop(self) -> None:
        """The network is gone."""
        self.connection.lost(self.house.now())
        self.closed = True

    # DeviceHive

    def request(self, action: str, **members: Any) -> None:
        self.publish("dh/request", {"action": action, **members})

    async def ask(self, action: str, **members: Any) -> Json:
        """The answer to a request; whatever comes before it stays in the inbox."""
        number = f"r{next(self._numbers)}"
        self.request(action, **{"requestId": number, **members})
        number = members.get("requestId", number)
        topic = f"dh/response/{action}@{self.id}"
        async with asyncio.timeout(PATIENCE):
            while True:
                self.collect()
                for index, packet in enumerate(self.inbox):
                    if isinstance(packet, Publish) and packet.topic == topic:
                        body: Json = json.loads(packet.payload)
                        if body.get("requestId") == number:
                            del self.inbox[index]
                            return body
                assert not self.closed, "closed while waiting for an answer"
                await self._woken.wait()

    async def refusal(self, action: str, **members: Any) -> tuple[int, str]:
        """Code and text of an answer that must be an error."""
        answer = await self.ask(action, **members)
        assert answer["status"] == "error", answer
        return answer["code"], answer["error"]

    async def next_message(self) -> tuple[str, Json]:
        packet = await self.next_of(Publish)
        return packet.topic, json.loads(packet.payload)

    async def messages(self) -> list[tuple[str, Json]]:
        """All that has come by now: everything that was done before this is asked has had its effect."""
        await self.house.settled()
        self.collect()
        found = [packet for packet in self.inbox if isinstance(packet, Publish)]
        self.inbox = [packet for packet in self.inbox if not isinstance(packet, Publish)]
        return [(packet.topic, json.loads(packet.payload)) for packet in found]


def tell(
    story: Story,
    backend: str,
    folder: Path,
    settings: Settings | None = None,
    *,
    alone: bool = False,
    development: bool = True,
) -> None:
    """Run a story in a house of its own."""

    async def run() -> None:
        registry = open_registry(fresh_database(backend, folder), development=True, synchronous="off")
        house = House(registry, settings or Settings(), alone=alone, development=development)
        await house.face.start()
        try:
            await story(house)
        finally:
            await house.face.stop()
            await registry.close()

    asyncio.run(run())
