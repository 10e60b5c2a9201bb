"""A broker without a network, with a client that can be told apart."""

from myna.cluster.solo import SoloPeers
from myna.core.broker import Broker
from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.ports import Watcher
from myna.core.receiver import TAKEN, Receiver, Subscription
from myna.store.memory import MemoryStore


class Client(Receiver):
    def __init__(self, tenant: str = "acme", client_id: str = "c1", user: str = "alice") -> None:
        super().__init__((tenant, "", client_id), Identity(tenant, user))
        self.got: list[tuple[str, bytes, bool]] = []
        self.ended: list[int] = []

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        self.got.append((message.topic, message.payload, message.retain))
        return TAKEN

    def end(self, reason: int, now: float, *, discard: bool = False, reference: str = "", text: str = "") -> None:
        self.ended.append(reason)


def make_broker(watcher: Watcher | None = None) -> Broker:
    return Broker(MemoryStore(), SoloPeers(), watcher=watcher)
