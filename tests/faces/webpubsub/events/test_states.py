"""What handlers said of an MQTT session is there again after a restart, and goes with the session."""

from collections.abc import Mapping, Sequence

import pytest

from myna.core.identity import Identity
from myna.core.subscribing import Asked, subscribe
from myna.faces.webpubsub.events.states import SPACE
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.naming import DIALECT
from myna.faces.webpubsub.settings import Settings
from myna.formats.outgoing import Answer
from myna.testing import Client, properties
from myna.wire.packets import Connect
from tests.faces.webpubsub.events.handled import HandledHub, in_a_loop, settle

EVENTS = "$webpubsub/server/events/"
STATED = Answer(204, {"ce-connectionstate": "c3RhdGU="}, b"")


def hub(*, kept: Sequence[tuple[str, str, bytes]] = ()) -> HandledHub:
    handler = Handler("http://app/{event}", "*", ("connect", "connected", "disconnected"))
    return HandledHub(Settings(hubs={"chat": HubSettings(handlers=(handler,))}), kept=kept)


async def connect(here: HandledHub, client_id: str = "m", *, expiry: int = 60) -> Client:
    client = here.mqtt_stranger(role=["webpubsub.sendToGroup"])
    client.send(Connect(5, client_id, False, 60, None, None, None, properties(session_expiry=expiry)))
    await settle()
    client.expect_connack()
    return client


def kept(here: HandledHub) -> dict[str, bytes]:
    return here.core.kept.of(SPACE)


@in_a_loop
async def test_a_session_that_is_stored_has_its_state_stored() -> None:
    here = hub()
    client = await connect(here)
    session_id = here.back_end.asked[-1].headers["ce-sessionid"]
    assert kept(here) == {"chat\tm": f"{session_id} ".encode()}
    here.back_end.answers["say"] = STATED
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    assert kept(here) == {"chat\tm": f"{session_id} c3RhdGU=".encode()}
    sequence = here.core.journal.store.sequence
    client.publish(f"{EVENTS}say", b"x", 0)
    await settle()
    assert here.core.journal.store.sequence == sequence  # what has not changed is not written again


def forget(here: HandledHub) -> None:
    """As a restart leaves a session: with what is stored of its identity alone."""
    session = here.session("m")
    assert session is not None
    session.identity = Identity("chat", "", attributes={"dialect": DIALECT})


async def away(here: HandledHub, *, expiry: int = 60) -> Mapping[str, str]:
    """A client with a state has gone. Answers the headers of its last event."""
    here.back_end.answers["say"] = STATED
    client = await connect(here, expiry=expiry)
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    client.drop()
    return here.back_end.asked[-1].headers


def test_what_was_kept_of_sessions_that_have_ended_meanwhile_is_forgotten_at_the_start() -> None:
    assert kept(hub(kept=[(SPACE, "chat\tm", b"s1 before")])) == {}


@pytest.mark.parametrize("restarted", [False, True])
@in_a_loop
async def test_a_client_that_is_back_is_who_it_was_also_after_a_restart(restarted: bool) -> None:
    here = hub()
    before = await away(here)
    if restarted:
        forget(here)
    client = await connect(here)
    shown = here.back_end.asked[-1].headers
    assert (shown["ce-eventname"], shown["ce-connectionstate"]) == ("connect", "c3RhdGU=")
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    said = here.back_end.asked[-1].headers
    assert (said["ce-sessionid"], said["ce-connectionstate"]) == (before["ce-sessionid"], "c3RhdGU=")
    assert said["ce-physicalconnectionid"] != before["ce-physicalconnectionid"]
    assert here.back_end.events().count("connected") == 1


@in_a_loop
async def test_the_end_of_one_that_did_not_come_back_is_told_with_its_state() -> None:
    here = hub()
    before = await away(here, expiry=10)
    forget(here)
    here.world.pass_time(11)
    await settle()
    told = here.back_end.asked[-1].headers
    assert told["ce-eventname"] == "disconnected"
    assert (told["ce-sessionid"], told["ce-connectionstate"]) == (before["ce-sessionid"], "c3RhdGU=")
    assert kept(here) == {}


@pytest.mark.parametrize(("clean", "state"), [(True, ""), (False, "c3RhdGU=")])
@in_a_loop
async def test_a_new_session_begins_without_a_state(clean: bool, state: str) -> None:
    here = hub()
    await away(here)
    client = here.mqtt_stranger()
    client.send(Connect(5, "m", clean, 60, None, None, None, None))
    await settle()
    assert here.back_end.asked[-1].headers.get("ce-connectionstate", "") == state


@in_a_loop
async def test_what_the_connect_handler_says_holds_for_the_session_an_empty_state_too() -> None:
    here = hub()
    await away(here)
    for said in ("bmV3", ""):
        here.back_end.answers["connect"] = Answer(204, {"ce-connectionstate": said}, b"")
        client = await connect(here)
        ((_, value),) = kept(here).items()
        assert value.partition(b" ")[2] == said.encode()
        client.drop()


@in_a_loop
async def test_what_happens_to_a_session_before_its_client_is_back_changes_no_state() -> None:
    handler = Handler("http://app/{event}", "*", ("connect", "joined"))
    here = HandledHub(Settings(hubs={"chat": HubSettings(handlers=(handler,))}))
    await away(here)
    before = dict(kept(here))
    forget(here)
    session = here.session("m")
    assert session is not None
    subscribe(here.core, session, Asked("g", 1), here.now(), judged=True)
    await settle()
    told = here.back_end.asked[-1].headers
    assert (told["ce-eventname"], told["ce-connectionstate"]) == ("joined", "c3RhdGU=")
    assert kept(here) == before


@in_a_loop
async def test_a_state_is_kept_of_a_session_that_was_here_before_its_handler() -> None:
    here = HandledHub(Settings())
    client = here.mqtt("m", expiry=60)
    handler = Handler("http://app/{event}", "*", ("disconnected",))
    here.face.reload(Settings(hubs={"chat": HubSettings(handlers=(handler,))}))
    here.back_end.answers["say"] = STATED
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    ((name, value),) = kept(here).items()
    assert (name, value.partition(b" ")[2]) == ("chat\tm", b"c3RhdGU=")
    client.session.end(0x98, here.now(), discard=True)
    await settle()
    assert here.back_end.events() == ["say", "disconnected"]
    assert kept(here) == {}


@in_a_loop
async def test_it_goes_with_the_session() -> None:
    here = hub()
    here.back_end.answers["say"] = STATED
    client = await connect(here, expiry=10)
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    client.drop()
    assert kept(here) != {}
    here.back_end.hold("say")
    here.world.pass_time(11)
    await settle()
    assert kept(here) == {}
    assert here.back_end.asked[-1].headers["ce-connectionstate"] == "c3RhdGU="


@in_a_loop
async def test_an_answer_that_comes_after_the_end_keeps_nothing() -> None:
    here = hub()
    client = await connect(here)
    here.back_end.hold("say")
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    session = here.session("m")
    assert session is not None
    session.end(0x98, here.now(), discard=True)
    here.back_end.release("say", STATED)
    await settle()
    assert kept(here) == {}


@in_a_loop
async def test_sessions_that_end_with_their_connection_are_not_stored() -> None:
    here = hub()
    here.back_end.answers["say"] = STATED
    client = await connect(here, expiry=0)
    client.publish(f"{EVENTS}say", b"x", 1)
    await settle()
    assert kept(here) == {}
