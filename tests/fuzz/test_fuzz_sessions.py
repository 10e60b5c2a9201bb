"""Devices that do everything the standard lets them, in any order, with connections that break anywhere between.

What is checked is what a client can see: packet ids, repetitions, quotas, aliases, sizes, no message twice at QoS 2 and
none lost; and in the end that nothing is left behind. Commits of the store come late, and so do acks.
"""

import random
import time

from myna.core.limits import Limits
from myna.testing import CommitsOnCommand, KeepsNothing, World, describe, properties
from myna.testing.world import Client
from myna.wire.encode import encode
from myna.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    Will,
)
from tests.fuzz.mutate import SECONDS, SEED

FILTERS = ("a/#", "a/+", "a/1", "+/1", "b/#")
SHARES = ("$share/g/s/+", "$oshare/o/s/#")  # one of them in each life
TOPICS = ("a/1", "a/2", "s/2", "b/1")
STEADY = "steady"  # of one that is there from the first to the last, and must get all of a/#
STEPS = 250


class Device:
    """A client with the memory that the standard wants of one: it outlives its connections."""

    def __init__(self, world: World, name: str, chance: random.Random, share: str) -> None:
        self.filters = (*FILTERS, share)
        self.world = world
        self.name = name
        self.chance = chance
        self.client: Client | None = None
        self.level = 5
        self.may_have_session = False
        self.coming: dict[int, Publish] = {}  # seen and not finished, by packet id
        self.released: set[int] = set()  # of those at QoS 2: PUBREC has been sent
        self.heard: set[int] = set()  # and has arrived
        self.settled: set[int] = set()  # on an earlier connection
        self.open: set[int] = set()  # of these, on this connection: they count for the quota
        self.going: dict[int, Publish] = {}  # sent and not finished
        self.let_go: set[int] = set()  # of those at QoS 2: PUBREC has come
        self.got: list[Publish] = []
        self.done: list[Publish] = []  # the broker has taken these on
        self.aliases: dict[int, str] = {}
        self.receive_maximum = 65_535
        self.largest = 1 << 28
        self.alias_maximum = 0
        self.last_id = 0

    def connect(self, clean: bool, *, roomy: bool = False) -> None:
        chance = self.chance
        self.level = 5 if roomy else chance.choice((4, 5, 5))  # 3.1 cannot tell whether there is a session
        self.receive_maximum = 65_535 if roomy or self.level < 5 else chance.choice((1, 2, 5, 65_535))
        self.largest = 1 << 28 if roomy or self.level < 5 or self.name == STEADY else chance.choice((40, 1 << 28))
        self.alias_maximum = 0 if roomy or self.level < 5 else chance.choice((0, 1, 3))
        asked = properties(
            session_expiry=1_000_000 if self.name == STEADY else chance.choice((0, 10, 1_000_000)),
            receive_maximum=self.receive_maximum,
            topic_alias_maximum=self.alias_maximum,
        )
        if self.largest < 1 << 28:
            asked.maximum_packet_size = self.largest
        will = Will("a/2", b"", chance.randrange(3), False) if self.name != STEADY and chance.random() < 0.3 else None
        if will is not None and self.level == 5:
            will.properties = properties(will_delay=chance.choice((0, 5)))
        self.client = Client(self.world, self.name, self.level, self.world.gate)
        self.aliases = {}
        self.open = set()
        self.settled = set(self.heard)
        if clean:
            self.may_have_session = False
        self.client.send(Connect(self.level, self.name, clean, 0, None, None, will, asked if self.level == 5 else None))
        self.read()  # or it would not know which session it has

    def say(self, *packets: Packet) -> bool:
        """Does it arrive?"""
        client = self.client
        if client is None or client.connection.session is None:
            return False
        data = b"".join([encode(packet, self.level) for packet in packets])
        at = self.chance.randrange(len(data) + 1)
        client.send_bytes(data[:at])
        client.send_bytes(data[at:])
        return True

    def publish(self, payload: bytes) -> None:
        qos = self.chance.randrange(3)
        message = Publish(self.chance.choice(TOPICS), payload, qos)
        if self.level == 5 and self.chance.random() < 0.2:
            message.properties = properties(message_expiry=1_000_000, user_properties=[("k", "v")])
        if qos and self.client is not None and self.client.connection.session is not None:
            self.last_id = message.packet_id = self.last_id % 200 + 1
            if message.packet_id in self.going:
                return
            self.going[message.packet_id] = message
        self.say(message)

    def repeat(self) -> None:
        """After CONNACK: everything that has not been finished, in order."""
        for packet_id, message in list(self.going.items()):
            if packet_id in self.let_go:
                self.say(Pubrel(packet_id))
            else:
                message.dup = True
                if self.level < 5:
                    message.properties = None
                self.say(message)

    def read(self) -> None:
        client = self.client
        if client is None:
            return
        while packets := client.received():
            for packet in packets:
                self.hear(packet)
        if client.is_closed():
            client.drop()
            self.client = None

    def hear(self, packet: Packet) -> None:
        assert len(encode(packet, self.level)) <= self.largest, describe(packet)
        if isinstance(packet, Connack):
            assert packet.code == 0, describe(packet)
            assert self.may_have_session or not packet.session_present
            if not packet.session_present:
                self.forget()
            self.may_have_session = True
            self.repeat()
        elif isinstance(packet, Publish):
            self.hear_message(packet)
        elif isinstance(packet, Pubrel):
            assert packet.packet_id not in self.coming or packet.packet_id in self.released, describe(packet)
            if self.chance.random() < 0.8:
                self.finish(packet.packet_id)
                self.say(Pubcomp(packet.packet_id))
        elif isinstance(packet, Puback | Pubcomp):
            message = self.going.pop(packet.packet_id, None)
            self.let_go.discard(packet.packet_id)
            if message is not None:
                self.done.append(message)
        elif isinstance(packet, Pubrec):
            if packet.packet_id in self.going:
                self.let_go.add(packet.packet_id)
                self.say(Pubrel(packet.packet_id))
        elif isinstance(packet, Disconnect):
            assert packet.code == 0x8E, describe(packet)  # taken over

    def hear_message(self, packet: Publish) -> None:
        bears = packet.properties
        if bears is not None and bears.topic_alias >= 0:
            assert 0 < bears.topic_alias <= self.alias_maximum
            packet.topic = packet.topic or self.aliases[bears.topic_alias]
            self.aliases[bears.topic_alias] = packet.topic
        assert packet.topic
        if packet.qos:
            known = self.coming.get(packet.packet_id)
            if known is not None:
                assert packet.dup, describe(packet)
                assert (known.payload, known.qos) == (packet.payload, packet.qos), describe(packet)
            self.open.add(packet.packet_id)
            assert len(self.open) <= self.receive_maximum
            if packet.packet_id in self.released:
                assert packet.packet_id not in self.settled, describe(packet)  # [MQTT-4.3.3-6]
                self.receive(packet.packet_id)
                return
            self.coming[packet.packet_id] = packet
        if packet.qos < 2:
            self.got.append(packet)

    def answer(self, most: int) -> None:
        """Some of what has come, in any order."""
        waiting = list(self.coming)
        self.chance.shuffle(waiting)
        for packet_id in waiting[:most]:
            if packet_id not in self.open:
                if self.world.store.durable:
                    continue  # it may be held back until the store has it, and come after this
                self.read()  # it may be on its way again
            message = self.coming.get(packet_id)
            if message is None:
                continue
            if message.qos == 1:
                self.finish(packet_id)
                self.say(Puback(packet_id))
            elif packet_id not in self.released:
                self.got.append(message)  # it is ours from here on
                self.receive(packet_id)

    def receive(self, packet_id: int) -> None:
        self.released.add(packet_id)
        if self.say(Pubrec(packet_id)):
            self.heard.add(packet_id)

    def finish(self, packet_id: int) -> None:
        self.coming.pop(packet_id, None)
        self.released.discard(packet_id)
        self.heard.discard(packet_id)
        self.settled.discard(packet_id)
        self.open.discard(packet_id)

    def forget(self) -> None:
        """The broker has no session of ours. What we have not finished sending starts over, as new messages."""
        self.coming, self.released, self.heard, self.settled, self.let_go = {}, set(), set(), set(), set()
        self.going = {}

    def leave(self) -> None:
        if self.client is not None:
            if self.chance.random() < 0.3:
                self.say(Disconnect(0))
            self.client.drop()
            self.client = None

    def act(self, payload: bytes) -> None:
        """One thing that a device may do."""
        what = self.chance.randrange(12)
        if self.client is None or what == 0:
            self.connect(self.name != STEADY and self.chance.random() < 0.3)
        elif what == 1:
            self.leave()
        elif what == 2 and self.name != STEADY:
            asked = [SubscriptionRequest(self.chance.choice(self.filters), self.chance.randrange(3))]
            if self.level == 5 and not asked[0].filter.startswith("$"):
                asked[0].no_local = self.chance.random() < 0.2
            self.say(Subscribe(1000, asked))
        elif what == 3 and self.name != STEADY:
            self.say(Unsubscribe(1001, [self.chance.choice(self.filters)]))
        elif what == 4:
            self.say(Pingreq(), Pubrel(999), Puback(60_000))
        elif what < 8:
            self.publish(payload)
        elif what == 8:
            self.read()
        else:
            self.read()
            self.answer(self.chance.randrange(5))


def begin(device: Device) -> None:
    device.connect(True, roomy=True)
    device.read()
    device.say(Subscribe(1000, [SubscriptionRequest("a/#", 2)]))
    device.world.commit()
    assert device.client is not None
    assert any(isinstance(packet, Suback) for packet in device.client.received())


def live(chance: random.Random, durable: bool) -> None:
    world = World(limits=Limits(), store=CommitsOnCommand() if durable else KeepsNothing())
    share = chance.choice(SHARES)
    devices = [Device(world, name, chance, share) for name in (STEADY, "one", "two", "three")]
    begin(devices[0])
    for number in range(STEPS):
        chance.choice(devices).act(b"%d" % number)
        if chance.random() < 0.3:
            world.commit()
        if chance.random() < 0.1:
            world.pass_time(chance.choice((0.5, 6.0, 20.0)))
    settle(world, devices)
    check_messages(devices)
    check_leavings(world, devices)


def settle(world: World, devices: list[Device]) -> None:
    """Everybody comes back and finishes what has been begun."""
    for device in devices:
        device.leave()
        device.connect(False, roomy=True)
    for _ in range(50):
        for device in devices:
            device.read()
            device.answer(1000)
            for packet_id in list(device.released):
                device.receive(packet_id)
            world.commit()
    assert not any(device.going or device.coming for device in devices)


def check_messages(devices: list[Device]) -> None:
    """Payloads are numbers, but for those of wills, which have none."""
    steady = [message.payload for message in devices[0].got]
    assert {one.payload for device in devices for one in device.done if one.topic.startswith("a/")} <= set(steady)
    for found in (
        [one.payload for one in devices[0].got if one.qos == 2 and one.payload],
        [one.payload for device in devices for one in device.got if one.qos == 2 and one.topic.startswith("s/")],
    ):
        assert len(set(found)) == len(found), "twice at QoS 2"


def check_leavings(world: World, devices: list[Device]) -> None:
    for device in devices:
        device.leave()
        device.connect(True, roomy=True)
        device.read()
        device.leave()
    world.commit()
    world.pass_time(3_000_000.0)
    broker, tenant = world.broker, world.tenant
    assert (broker.queued.held, broker.memory.held, broker.census.sessions, broker.census.connections) == (0, 0, 0, 0)
    assert broker.census.half_open == 0
    assert (tenant.subscriptions, tenant.session_count(), tenant.connections) == (0, 0, 0)
    assert tenant.is_empty()
    assert broker.next_deadline() == 0.0


def test_devices_get_what_they_are_due_and_leave_nothing_behind() -> None:
    end = time.monotonic() + SECONDS
    seed = SEED
    while True:
        try:
            live(random.Random(seed), seed % 2 == 0)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
        seed += 1
        if time.monotonic() >= end:
            return
