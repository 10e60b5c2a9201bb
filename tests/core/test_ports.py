"""What the ports do for those who leave the optional part out."""

from typing import final

from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.ports import GRANT, PASS, Gate, Peer, Ticket, TopicGuard, Watcher
from myna.core.receiver import Receiver, Subscription
from myna.testing import FakeReceiver


@final
class Asked(Ticket):
    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[int] = []

    def admit(self, identity: Identity, now: float, data: bytes | None = None) -> None:
        return

    def refuse(self, reason: int, now: float, text: str = "") -> None:
        self.refusals.append(reason)

    def challenge(self, data: bytes, now: float) -> None:
        return


class OneQuestion(Gate):
    def admit(self, ticket: Ticket, now: float) -> None:
        ticket.challenge(b"?", now)


class Lenient(TopicGuard):
    def publishing(self, message: Message, now: float) -> int:
        return PASS

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        return GRANT

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return True


def test_a_gate_that_never_asks_back_refuses_every_answer() -> None:
    ticket = Asked()
    gate = OneQuestion()
    gate.admit(ticket, 1.0)
    gate.answered(ticket, 1.0)
    assert ticket.refusals == [0x8C]


def test_a_watcher_may_leave_out_everything() -> None:
    watcher, receiver = Watcher(), FakeReceiver()
    watcher.connected(receiver, "192.0.2.1", 1.0)
    watcher.disconnected(receiver, 0, True, 1.0)
    watcher.session_ended(receiver, 0, 1.0)
    watcher.refused("PUBLISH", "t", "c", "192.0.2.1", "because", 1.0)


def test_a_guard_need_not_care_for_unsubscriptions() -> None:
    guard = Lenient("dh")
    receiver = FakeReceiver()
    guard.unsubscribed(receiver, Subscription(receiver, "dh/#", "dh/#", 0), 1.0)
    assert guard.first_level == "dh"


def test_a_ticket_starts_with_nothing_said() -> None:
    ticket = Asked()
    assert (ticket.client_id, ticket.user_name, ticket.password) == ("", None, None)
    assert (ticket.method, ticket.data, ticket.level) == (None, None, 0)
    assert ticket.peer.address == ""


def test_a_peer_is_what_the_edge_knows() -> None:
    claims = object()
    peer = Peer("[::1]:1", listener="tls", path="/mqtt", token="t", certificate=claims, claims=claims)
    assert (peer.address, peer.listener, peer.path, peer.token) == ("[::1]:1", "tls", "/mqtt", "t")
    assert peer.certificate is claims
    assert peer.claims is claims
