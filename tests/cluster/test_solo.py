"""A broker by itself."""

from myna.cluster.solo import SoloPeers
from myna.core.message import Message, Origin


def test_nobody_else_wants_a_message() -> None:
    peers = SoloPeers()
    assert peers.alone
    peers.announce("acme", "a/#", True)
    peers.claim("acme", "", "c1")
    assert not peers.forward("acme", Message("a", b"", 0, False, Origin("test", "acme"), 0.0))
