"""Who comes and goes, as events."""

from typing import Any

import pytest

from myna.core.broker import Broker
from myna.core.kept import KeptValues
from myna.core.limits import DROP_SESSION
from myna.core.ports import LOST
from myna.formats.offered import OfferedEvent
from myna.routing.clients import CONNECTED, DISCONNECTED, ClientEvents, disconnection_reason
from myna.testing import World
from myna.wire import reasons
from myna.wire.packets import Disconnect


class Sink:
    def __init__(self) -> None:
        self.wanted = True
        self.events: list[OfferedEvent] = []

    def want(self, kind: str, tenant: str) -> bool:
        return self.wanted and kind == "clients"

    def offer(self, event: OfferedEvent) -> bool:
        self.events.append(event)
        return True

    def said(self) -> list[tuple[str, Any, Any]]:
        return [
            (event.type, event.data["sequenceNumber"], event.data.get("disconnectionReason")) for event in self.events
        ]


def watched(kept: KeptValues | None = None) -> tuple[World, Sink]:
    world, sink = World(), Sink()
    watch(world.broker, sink, kept)
    return world, sink


def watch(broker: Broker, sink: Sink, kept: KeptValues | None = None) -> None:
    broker.watcher = ClientEvents(sink, kept or broker.kept, "ns")


def test_a_connection_and_its_end_bear_the_same_number() -> None:
    world, sink = watched()
    for _ in range(2):
        client = world.connected("c", user="alice")
        client.send(Disconnect(0))
    assert sink.said() == [
        (CONNECTED, 1, None),
        (DISCONNECTED, 1, "ClientInitiatedDisconnect"),
        (CONNECTED, 2, None),
        (DISCONNECTED, 2, "ClientInitiatedDisconnect"),
    ]
    event = sink.events[0]
    assert (event.kind, event.source, event.subject) == ("clients", "", "clients/alice/sessions/c")
    assert event.data == {
        "namespaceName": "ns",
        "clientAuthenticationName": "alice",
        "clientSessionName": "c",
        "sequenceNumber": 1,
    }


def test_a_lost_connection_and_one_taken_over_are_told_apart() -> None:
    world, sink = watched()
    first = world.connected("c")
    second = world.connected("c")
    second.connection.lost(world.now)
    assert first.connection.session is None
    assert sink.said()[1:] == [
        (DISCONNECTED, 1, "SessionTakenOver"),
        (CONNECTED, 2, None),
        (DISCONNECTED, 2, "ConnectionLost"),
    ]


def test_a_session_whose_queue_is_full_is_told_from_a_client_that_published_too_much() -> None:
    world, sink = watched()
    limits = world.broker.tenant("tenant").limits
    limits.queue_policy, limits.queue_messages = DROP_SESSION, 1
    slow, fast = world.connected("slow", receive_maximum=1), world.connected("fast")
    slow.subscribe("#", 1)
    for _ in range(4):
        fast.publish("a", b"x", 1)
    assert sink.said()[-1] == (DISCONNECTED, 1, "SessionOverflow")
    (receiver,) = world.broker.sessions("tenant", client_id="fast")
    receiver.end(reasons.QUOTA_EXCEEDED, world.now)
    assert sink.said()[-1] == (DISCONNECTED, 1, "QuotaExceeded")


def test_credentials_that_have_run_out_are_told_from_rights_that_are_missing() -> None:
    world, sink = watched()
    for name, expires_at in (("late", world.now + 1), ("known", world.now + 100)):
        world.connected(name)
        (receiver,) = world.broker.sessions("tenant", client_id=name)
        receiver.identity.expires_at = expires_at
        receiver.end(reasons.NOT_AUTHORIZED, world.now + 2)
    assert [said[2] for said in sink.said()] == [None, "ClientAuthenticationError", None, "ClientAuthorizationError"]


def test_numbers_of_sessions_that_last_go_on_after_a_restart() -> None:
    world, sink = watched()
    world.connected("c", expiry=100).connection.lost(world.now)
    watch(world.broker, sink)  # knows no numbers any more, as after a restart
    world.connected("c", clean=False, expiry=100)
    assert sink.said()[-1] == (CONNECTED, 2, None)
    (receiver,) = world.broker.sessions("tenant", client_id="c")
    receiver.end(0, world.now, discard=True)
    assert world.broker.kept.of("routing.sequences") == {}


def test_nothing_is_made_that_nobody_wants() -> None:
    world, sink = watched()
    sink.wanted = False
    world.connected("c", expiry=100).send(Disconnect(0))
    assert sink.events == []
    assert world.broker.kept.of("routing.sequences") == {}


@pytest.mark.parametrize(
    ("reason", "by_client", "word"),
    [
        (LOST, True, "ConnectionLost"),
        (0, True, "ClientInitiatedDisconnect"),
        (4, True, "ClientInitiatedDisconnect"),
        (0x80, True, "ClientInitiatedDisconnect"),
        (reasons.KEEP_ALIVE_TIMEOUT, False, "ConnectionLost"),
        (reasons.SERVER_SHUTTING_DOWN, False, "ServerInitiatedDisconnect"),
        (reasons.MALFORMED_PACKET, False, "ClientError"),
        (reasons.NOT_AUTHORIZED, False, "ClientAuthorizationError"),
        (reasons.BAD_USER_NAME_OR_PASSWORD, False, "ClientAuthenticationError"),
        (reasons.QUOTA_EXCEEDED, False, "QuotaExceeded"),
        (reasons.MESSAGE_RATE_TOO_HIGH, False, "QuotaExceeded"),
        (reasons.BANNED, False, "IpForbidden"),
        (reasons.UNSPECIFIED_ERROR, False, "ServerError"),
    ],
)
def test_the_contract_s_words_for_why(reason: int, by_client: bool, word: str) -> None:
    assert disconnection_reason(reason, by_client) == word
