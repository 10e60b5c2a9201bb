"""Events on their way: order, bounds, what is repeated and what is not."""

from collections import deque

import pytest

from myna.config.quantities import Size
from myna.faces.webpubsub.events import dispatcher, row
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.faces.webpubsub.upstream import Reply, UserEvent
from myna.formats.outgoing import Answer, CallFailed, Cause
from tests.faces.webpubsub.events.handled import NOTHING, HandledHub, handled, in_a_loop, settle

TEXT = {"content-type": "text/plain"}
DOWN = CallFailed(Cause.CONNECTION, "http://app: Connection refused")


@pytest.fixture(autouse=True)
def repeat_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(dispatcher, "LONGEST_PAUSE", 0.0)


def refusals(hub: HandledHub) -> list[str]:
    return [line for line in hub.world.watcher.lines if " refused " in line]


@in_a_loop
async def test_events_of_a_connection_go_one_after_the_other_and_those_of_others_beside_them() -> None:
    hub = handled("connected")
    alice, bob = hub.client("alice"), hub.client("bob")
    await settle()
    hub.back_end.hold("e")
    for client in (alice, bob):
        for number in (1, 2):
            client.say(type="event", event="e", dataType="text", data=str(number), ackId=number)
    await settle()
    asked = [(one.headers["ce-connectionid"], one.body) for one in hub.back_end.asked[2:]]
    assert asked == [(alice.id, b"1"), (bob.id, b"1")]
    hub.back_end.release("e", Answer(200, TEXT, b"first"))
    await settle()
    assert [message.get("data", message.get("ackId")) for message in alice.taken()] == ["first", 1]
    assert (bob.taken(), hub.back_end.asked[-1].body) == ([], b"2")
    hub.back_end.release_all("e")
    await settle()
    assert [message["ackId"] for message in alice.taken()] == [2]
    assert [message["ackId"] for message in bob.taken()] == [1, 2]


@in_a_loop
async def test_each_event_of_a_connection_has_a_number_and_the_state_of_the_answer_before() -> None:
    hub = handled("connect", "connected")
    hub.back_end.answers = {
        "connect": Answer(204, {"ce-connectionstate": "one"}, b""),
        "connected": Answer(200, {"ce-connectionstate": "not heard"}, b""),
        "a": Answer(200, {"ce-connectionstate": "two"}, b""),
        "b": Answer(200, {"ce-connectionstate": "x" * 9000}, b""),
        "c": Answer(500, {"ce-connectionstate": "neither"}, b""),
    }
    opened = hub.open("alice")
    await settle()
    for name in "abcd":
        opened.say(type="event", event=name, data=1)
    await settle()
    found = [(one.headers["ce-id"], one.headers.get("ce-connectionstate")) for one in hub.back_end.asked]
    assert found == [("0", None), ("1", "one"), ("2", "one"), ("3", "two"), ("4", "two"), ("5", "two")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(404, {}, b""), ("InternalServerError", "The event handler answered 404.")),
        (DOWN, ("InternalServerError", "The event handler cannot be reached.")),
        (CallFailed(Cause.TIMEOUT, "late"), ("Timeout", "The event handler has not answered in time.")),
    ],
)
@in_a_loop
async def test_an_event_that_fails_is_told_once_and_logged(answer: Answer | CallFailed, error: tuple[str, str]) -> None:
    hub = handled("connected")
    hub.back_end.answers["e"] = answer
    alice = hub.client("alice")
    alice.say(type="event", event="e", data=1, ackId=1)
    await settle()
    (ack,) = alice.taken()
    assert (ack["error"]["name"], ack["error"]["message"]) == error
    assert hub.back_end.events() == ["connected", "e"]
    assert refusals(hub)[0].startswith(f"{alice.id} refused event 'e' for http://app: ")


@in_a_loop
async def test_a_handler_that_does_not_want_to_be_called_is_not() -> None:
    hub = handled("connected")
    hub.back_end.validation = Answer(200, {}, b"")
    alice = hub.client("alice")
    alice.say(type="event", event="e", data=1, ackId=1)
    await settle()
    assert alice.take()["error"]["message"] == "The event handler does not take calls from here."
    assert hub.back_end.asked == []
    assert {one.url for one in hub.back_end.validations} == {"http://app/validate"}


@in_a_loop
async def test_notifications_are_repeated_and_then_given_up() -> None:
    hub = handled("connected", "disconnected")
    hub.back_end.answers["connected"] = deque([DOWN, Answer(503, {}, b""), Answer(429, {}, b""), NOTHING])
    hub.back_end.answers["disconnected"] = Answer(500, {}, b"")
    alice = hub.client("alice")
    await settle()
    assert hub.back_end.events() == ["connected"] * 4
    assert {one.headers["ce-id"] for one in hub.back_end.asked} == {"1"}
    assert hub.world.dropped("webpubsub_notification") == 0
    assert hub.rows() == {}
    alice.leave()
    await settle()
    assert hub.back_end.events()[4:] == ["disconnected"] * dispatcher.ATTEMPTS
    assert hub.world.dropped("webpubsub_notification") == 1
    assert refusals(hub)[-1].endswith("no success in 6 attempts")


@in_a_loop
async def test_a_notification_that_is_refused_is_not_repeated() -> None:
    hub = handled("connected")
    hub.back_end.answers["connected"] = Answer(400, {}, b"")
    hub.client("alice")
    await settle()
    assert hub.back_end.events() == ["connected"]


@in_a_loop
async def test_what_happened_later_is_not_told_before_what_is_being_repeated() -> None:
    hub = handled("connected", "disconnected")
    hub.back_end.hold("connected")
    alice = hub.client("alice")
    alice.say(type="event", event="e", data=1)
    alice.leave()
    await settle()
    assert hub.back_end.events() == ["connected"]
    hub.back_end.release("connected", DOWN)
    await settle()
    assert hub.back_end.events() == ["connected", "e", "connected"]  # events that want an answer go on
    hub.back_end.release("connected")
    await settle()
    assert hub.back_end.events()[3:] == ["disconnected"]


@in_a_loop
async def test_a_client_that_asks_faster_than_it_is_answered_is_not_read_from() -> None:
    hub = handled("connected")
    hub.back_end.hold("e")
    alice = hub.client("alice")
    await settle()
    for _ in range(row.PAUSE_AT):
        assert not alice.socket.paused
        alice.say(type="event", event="e", data=1)
    assert alice.socket.paused
    await settle()
    hub.back_end.release_all("e")
    await settle()
    while len(hub.back_end.asked) <= row.PAUSE_AT:
        await settle()
    assert not alice.socket.paused


@in_a_loop
async def test_an_mqtt_client_that_asks_too_fast_is_not_read_from_and_not_missed() -> None:
    hub = handled("connected")
    hub.back_end.hold("e")
    client = hub.mqtt("m")
    for _ in range(row.PAUSE_AT):
        client.publish("$webpubsub/server/events/e", b"x")
    assert client.is_paused()
    hub.world.pass_time(1000)  # far beyond its keep-alive
    session = hub.session("m")
    assert session is not None
    assert session.is_online()
    await settle()
    hub.back_end.release_all("e")
    while client.is_paused():
        await settle()


@in_a_loop
async def test_what_waits_is_bounded_by_number_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "MOST_BYTES", 100)
    monkeypatch.setattr(row, "OVERHEAD", 30)
    hub = handled("connected")
    alice, bob = hub.client("alice"), hub.client("bob")
    await settle()
    hub.back_end.hold("e")
    for client, size in ((alice, 2), (bob, 80)):
        for number in range(4):
            client.say(type="event", event="e", dataType="text", data="x" * size, ackId=number)
        await settle()
    assert [ack["ackId"] for ack in alice.taken()] == [3]  # 32 bytes each
    refused = bob.taken()
    assert [ack["ackId"] for ack in refused] == [1, 2, 3]
    assert refused[0]["error"]["name"] == "TooManyRequests"
    assert hub.world.refused("webpubsub_event:TooManyRequests") == 4


@in_a_loop
async def test_what_waits_for_a_whole_hub_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "OVERHEAD", 0)
    hub = handled("connected", waiting=Size(100))
    clients = [hub.client(str(number)) for number in range(4)]
    await settle()
    hub.back_end.hold("e")
    for client in clients:
        client.say(type="event", event="e", dataType="text", data="x" * 40, ackId=1)
    assert [len(client.taken()) for client in clients] == [0, 0, 1, 1]
    assert len(hub.rows()) == 2
    await settle()
    hub.back_end.release_all("e")
    await settle()
    clients[3].say(type="event", event="e", dataType="text", data="x" * 40, ackId=1)
    await settle()
    assert clients[3].take()["success"]
    assert hub.rows() == {}


@in_a_loop
async def test_a_hub_asks_so_many_at_once() -> None:
    hub = handled("connected", calls=3)
    clients = [hub.client(str(number)) for number in range(10)]
    await settle()
    hub.back_end.hold("e")
    for client in clients:
        client.say(type="event", event="e", data=1)
    await settle()
    assert hub.back_end.under_way == 3
    hub.back_end.release_all("e")
    while len(hub.back_end.asked) < 20:
        await settle()
    assert hub.back_end.most_under_way == 3


@in_a_loop
async def test_notifications_too_many_to_keep_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MOST_LATE", 1)
    hub = handled("connected")
    hub.back_end.hold("connected")
    for number in range(3):
        hub.client(str(number))
    await settle()
    for _ in range(3):
        hub.back_end.release("connected", DOWN)
    await settle()
    assert hub.world.dropped("webpubsub_notification") == 2


@in_a_loop
async def test_a_hub_with_too_many_late_notifications_takes_no_room_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "MOST_LATE", 1)
    handler = Handler("http://app/{event}", "", ("connected",))
    hub = HandledHub(Settings(hubs={"_default": HubSettings(handlers=(handler,))}))
    hub.back_end.hold("connected")
    for name in ("chat", "chat", "other"):
        hub.name = name
        hub.client()
    await settle()
    for _ in range(3):
        hub.back_end.release("connected", DOWN)
    await settle()
    assert hub.world.dropped("webpubsub_notification") == 1


@in_a_loop
async def test_the_end_waits_for_what_is_under_way_and_repeats_nothing() -> None:
    hub = handled("connected", "disconnected")
    hub.back_end.answers["connected"] = DOWN
    alice, bob = hub.client("alice"), hub.client("bob")
    hub.back_end.hold("connected")
    await settle()
    hub.back_end.release("connected", DOWN)
    await settle()
    await hub.face.stop()
    hub.back_end.release_all("connected")
    await hub.face.finish()
    assert hub.back_end.under_way == 0
    told = hub.back_end.events().count("disconnected") + hub.world.dropped("webpubsub_notification")
    assert told >= 2
    assert (alice.socket.closed, bob.socket.closed) == (1001, 1001)


@in_a_loop
async def test_a_bug_in_one_answer_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    hub = handled("connected")
    alice = hub.client("alice")
    receiver = hub.core.sessions("chat")[0]
    heard: list[int] = []

    def break_off(reply: Reply, now: float) -> None:
        raise LookupError("a bug")

    upstream = hub.face.upstream
    upstream.ask(receiver, UserEvent("e", "text/plain", b""), break_off, hub.now())
    upstream.ask(receiver, UserEvent("e", "text/plain", b""), lambda reply, now: heard.append(reply.status), hub.now())
    await settle()
    assert heard == [204]
    assert "a bug" in caplog.text
    assert alice.taken() == []
