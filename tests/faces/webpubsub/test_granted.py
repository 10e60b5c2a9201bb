"""What back ends grant to MQTT sessions is there again after a restart, and goes with the session."""

import pytest

from myna.core.grants import Grants
from myna.core.identity import Identity
from myna.faces.webpubsub.granted import SPACE, KeptGrants
from myna.faces.webpubsub.naming import DIALECT
from myna.testing import World
from tests.faces.webpubsub.hub import Hub

SEND, JOIN = "permissions/sendToGroup/connections/m", "permissions/joinLeaveGroup/connections/m"
KEY = ("chat", "", "m")


def forget(hub: Hub) -> None:
    """As a restart leaves a session: with what is stored of its identity alone."""
    session = hub.session("m")
    assert session is not None
    session.identity = Identity("chat", "", attributes={"dialect": DIALECT})


def test_what_was_granted_outlives_a_restart() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    hub.mqtt("m", expiry=60).drop()
    assert hub.call("PUT", SEND, targetName="g").status == 200
    forget(hub)
    assert hub.call("HEAD", SEND, targetName="g").status == 200
    assert hub.call("HEAD", SEND, targetName="h").status == 404
    again = hub.mqtt("m", expiry=60, clean=False)
    again.publish("g", b"x")
    again.publish("h", b"x")
    assert len(alice.taken()) == 1
    assert hub.world.refused("publish:not authorized") == 1
    again.drop()
    hub.mqtt("m", clean=True).publish("g", b"x")
    assert alice.taken() == []
    assert hub.core.kept.of(SPACE) == {}


def test_grants_to_a_session_whose_client_is_not_back_yet_wait_for_it() -> None:
    hub = Hub()
    hub.mqtt("m", expiry=60).drop()
    forget(hub)
    assert hub.call("HEAD", JOIN, targetName="g").status == 404
    assert hub.call("PUT", JOIN).status == 200
    assert hub.call("DELETE", JOIN, targetName="secret").status == 204
    again = hub.mqtt("m", expiry=60, clean=False)
    assert again.subscribe("g", 1) == 1
    assert again.subscribe("secret", 1) == 0x87


def test_clients_that_end_with_their_connection_have_nothing_stored() -> None:
    hub = Hub()
    hub.mqtt("m")
    alice = hub.client("alice")
    assert hub.call("PUT", SEND, targetName="g").status == 200
    assert hub.call("PUT", f"permissions/sendToGroup/connections/{alice.id}", targetName="g").status == 200
    assert hub.core.kept.of(SPACE) == {}


def test_grants_of_sessions_that_have_ended_meanwhile_are_forgotten_at_the_start() -> None:
    assert Hub(kept=[(SPACE, "chat\tm", b"[]")]).core.kept.of(SPACE) == {}


def test_what_cannot_be_read_grants_nothing_and_is_said(caplog: pytest.LogCaptureFixture) -> None:
    kept = World().broker.kept
    kept.restore(SPACE, "chat\tm", b"?")
    grants = KeptGrants(kept).of(KEY)
    assert grants is not None
    assert grants.said() == []
    assert "grant it anew" in caplog.text


def test_all_that_was_said_is_read_again() -> None:
    held, grants = KeptGrants(World().broker.kept), Grants()
    grants.say("sendToGroup", None, True)
    grants.say("sendToGroup", "a", False)
    grants.say("joinLeaveGroup", "b", True)
    held.keep(KEY, grants)
    again = held.of(KEY)
    assert again is not None
    assert again.said() == grants.said()
    assert [again.check("sendToGroup", group) for group in ("a", "b", None)] == [False, True, True]
    assert held.of(("chat", "", "other")) is None
