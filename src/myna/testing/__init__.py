"""What is needed to test against the broker without a network: clients in memory, a fake for every port of the core.

    world = World()
    alice, bob = world.client("alice"), world.client("bob", level=4)
    bob.subscribe("room/+", 1)
    alice.publish("room/1", b"hello", 1)
    assert_received(bob, Publish("room/1", b"hello", 1, packet_id=1))

Nothing here waits: `world.now` is the time, and only `world.pass_time` moves it. What a newcomer gets wrong: a client
reads what was sent to it when it is asked (`received`, `messages`), so one that is not asked is a slow reader.
"""

from myna.testing.assertions import assert_closed, assert_received
from myna.testing.describing import describe
from myna.testing.fakes import (
    FOREVER,
    TENANT,
    ClosedGate,
    CommitsOnCommand,
    FakeGuard,
    FakeOutlet,
    FakePeers,
    FakeReceiver,
    FakeRules,
    FakeTap,
    FakeWatcher,
    KeepsNothing,
    OpenGate,
    SlowGate,
    SlowRules,
    properties,
)
from myna.testing.world import Client, World

__all__ = [
    "FOREVER",
    "TENANT",
    "Client",
    "ClosedGate",
    "CommitsOnCommand",
    "FakeGuard",
    "FakeOutlet",
    "FakePeers",
    "FakeReceiver",
    "FakeRules",
    "FakeTap",
    "FakeWatcher",
    "KeepsNothing",
    "OpenGate",
    "SlowGate",
    "SlowRules",
    "World",
    "assert_closed",
    "assert_received",
    "describe",
    "properties",
]
