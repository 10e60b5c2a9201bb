"""Any order of publishing, receiving, coming, going, committing and crashing: what was promised comes, QoS 2 once.

One machine for every store. Where nothing is durable there is nothing to crash into, and all is promised at once.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from myna.core.broker import Broker
from myna.core.limits import Limits
from myna.store.embedded import cleaning, engine
from myna.store.memory import MemoryStore
from myna.wire.packets import (
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from tests.store.harness import Alone, Client, Machine

NAMES = ("s1", "s2")
TOPICS = ("a", "b")
QOS = st.sampled_from((1, 2))


class Memory(Machine):
    """A broker that keeps nothing: it never ends here."""

    def start(self) -> None:
        self.store = MemoryStore()
        self.broker = Broker(self.store, Alone(), limits=self.limits)

    def commit(self) -> None:
        return


class Held:
    """What a subscriber's side of the session remembers."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.existed = False
        self.open: set[int] = set()
        self.got: list[tuple[bytes, int, bool]] = []
        self.owed: set[bytes] = set()
        self.filters: dict[str, int] = {}
        self.inbox: list[Packet] = []


class Story(RuleBasedStateMachine):
    durable = True

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        limits = Limits()
        self.machine = Machine(self.folder, limits=limits) if self.durable else Memory(self.folder, limits=limits)
        self.held = {name: Held() for name in NAMES}
        self.number = 0
        self.last_id = 0
        self.unanswered: dict[int, tuple[str, bytes, int]] = {}  # what the publisher has not heard of yet
        self.released: set[int] = set()
        self.topics: dict[int, str] = {}
        self.promises: dict[bytes, list[Held]] = {}
        self.publisher = self.come("pub")
        self.machine.commit()

    def come(self, name: str, **options: int) -> Client:
        client = self.machine.client(name)
        answer = client.connect(**options)  # type: ignore[arg-type]
        held = self.held.get(name)
        if held is not None:
            assert answer.session_present or not held.existed
        return client

    # Subscribers

    @rule(name=st.sampled_from(NAMES), receive_maximum=st.sampled_from((0, 1, 3)))
    def connect(self, name: str, receive_maximum: int) -> None:
        held = self.held[name]
        if held.client is not None:
            held.client.lose()
        held.inbox = []
        held.client = self.come(name, receive_maximum=receive_maximum)

    @rule(name=st.sampled_from(NAMES))
    def lose(self, name: str) -> None:
        held = self.held[name]
        if held.client is not None:
            held.client.lose()
            held.client = None
            held.inbox = []

    @rule(name=st.sampled_from(NAMES), topic=st.sampled_from(TOPICS), qos=st.sampled_from((1, 2)))
    def subscribe(self, name: str, topic: str, qos: int) -> None:
        held = self.held[name]
        if held.client is None or topic in held.filters:
            return
        held.client.start_subscribing(topic, qos)
        self.commit()
        held.existed = True
        held.filters[topic] = qos

    @rule(name=st.sampled_from(NAMES), most=st.integers(1, 20))
    def receive(self, name: str, most: int) -> None:
        held = self.held[name]
        client = held.client
        if client is None:
            return
        held.inbox += client.receive()
        taken, held.inbox = held.inbox[:most], held.inbox[most:]
        for packet in taken:
            if isinstance(packet, Publish):
                if packet.qos == 2:
                    client.send(Pubrec(packet.packet_id))
                    if packet.packet_id in held.open:
                        continue
                    held.open.add(packet.packet_id)
                else:
                    client.send(Puback(packet.packet_id))
                held.got.append((packet.payload, packet.qos, packet.dup))
            elif isinstance(packet, Pubrel):
                held.open.discard(packet.packet_id)
                client.send(Pubcomp(packet.packet_id))

    # The publisher

    @rule(
        topic=st.sampled_from(TOPICS), qos=st.sampled_from((1, 2)), count=st.integers(1, 30), size=st.integers(0, 300)
    )
    def publish(self, topic: str, qos: int, count: int, size: int) -> None:
        for _ in range(count):
            self.number += 1
            self.topics[self.number] = topic
            self.last_id = self.last_id % 65_535 + 1
            payload = b"%d." % self.number + b"x" * size
            self.unanswered[self.last_id] = (topic, payload, qos)
            self.promises[payload] = [held for held in self.held.values() if topic in held.filters]
            self.publisher.send(Publish(topic, payload, qos, packet_id=self.last_id))
        self.answers()

    def answers(self) -> None:
        for packet in self.publisher.receive():
            if isinstance(packet, Puback):
                self.promised(self.unanswered.pop(packet.packet_id)[1])
            elif isinstance(packet, Pubrec):
                self.promised(self.unanswered[packet.packet_id][1])
                self.released.add(packet.packet_id)
                self.publisher.send(Pubrel(packet.packet_id))
            elif isinstance(packet, Pubcomp):
                self.released.discard(packet.packet_id)
                del self.unanswered[packet.packet_id]

    def promised(self, payload: bytes) -> None:
        for held in self.promises[payload]:
            held.owed.add(payload)

    # The store

    @rule()
    def commit(self) -> None:
        self.machine.commit()
        self.answers()

    @precondition(lambda self: self.durable)
    @rule()
    def crash(self) -> None:
        self.machine.crash()
        self.publisher = self.come("pub")
        for packet_id, (topic, payload, qos) in self.unanswered.items():
            again = Publish(topic, payload, qos, dup=True, packet_id=packet_id)
            self.publisher.send(Pubrel(packet_id) if packet_id in self.released else again)
        for held in self.held.values():
            held.client = None
            held.inbox = []

    def teardown(self) -> None:
        if not hasattr(self, "machine"):
            return
        try:
            for _ in range(3):
                self.commit()
            if self.durable:
                self.crash()
            for name, held in self.held.items():
                self.connect(name, 0)
                for _ in range(400):
                    self.commit()
                    self.receive(name, 1000)
                self.account(name, held)
        finally:
            if self.durable:
                self.machine.engine.close()
            shutil.rmtree(self.folder)

    def account(self, name: str, held: Held) -> None:
        payloads = [payload for payload, _, _ in held.got]
        assert held.owed <= set(payloads), f"{name} never got {held.owed.difference(payloads)}"
        once = [payload for payload, qos, _ in held.got if qos == 2]
        assert len(once) == len(set(once)), f"{name} got some of {once} more than once"
        if not self.durable:
            assert len(payloads) == len(set(payloads))
        for topic_qos in (1, 2):
            firsts = list(dict.fromkeys(payload for payload, qos, _ in held.got if qos == topic_qos))
            numbers = [int(payload.partition(b".")[0]) for payload in firsts]
            by_topic = {topic: [n for n in numbers if self.topic_of(n) == topic] for topic in TOPICS}
            for found in by_topic.values():
                assert found == sorted(found)

    def topic_of(self, number: int) -> str:
        return self.topics[number]


class MemoryStory(Story):
    durable = False


SETTINGS = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestMemory = MemoryStory.TestCase
TestMemory.settings = SETTINGS
TestEmbedded = Story.TestCase
TestEmbedded.settings = SETTINGS


def setup_module() -> None:
    """Rows are cut, and the journal cleaned, all the time."""
    cleaning.WASTE_FROM = 2000  # type: ignore[misc]
    engine.ROW_SIZE = 500  # type: ignore[misc]


def teardown_module() -> None:
    cleaning.WASTE_FROM = 4 * 1024 * 1024  # type: ignore[misc]
    engine.ROW_SIZE = 256 * 1024  # type: ignore[misc]
