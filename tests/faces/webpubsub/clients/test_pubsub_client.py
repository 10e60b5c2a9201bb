"""Clients of the JSON subprotocol: what they are told, and when."""

import base64

import pytest

from myna.core.framed import FramedReceiver
from myna.core.ports import Outlet
from myna.testing import CommitsOnCommand
from tests.faces.webpubsub.hub import Hub

EVERYTHING = ("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup")
OK = {"type": "ack", "ackId": 1, "success": True}


def forbidden(what: str, ack_id: int = 1) -> dict[str, object]:
    text = f"The client does not have permission to {what} group 'g'."
    return {"type": "ack", "ackId": ack_id, "success": False, "error": {"name": "Forbidden", "message": text}}


def test_the_greeting_says_who_one_is() -> None:
    hub = Hub()
    path = "/client/hubs/chat"
    opened = hub.upgrade(path, "", ["json.webpubsub.azure.v1"], authorization=f"Bearer {hub.token(path, sub='alice')}")
    greeting = opened.take()
    assert len(greeting.pop("connectionId")) == 32
    assert greeting == {"type": "system", "event": "connected", "userId": "alice"}


def test_a_message_to_a_group_reaches_its_members_the_sender_too() -> None:
    hub = Hub()
    alice = hub.client("alice", roles=EVERYTHING)
    bob = hub.client("bob", groups=["g"])
    assert alice.ask(type="joinGroup", group="g", ackId=1) == OK
    alice.say(type="sendToGroup", group="g", data={"a": 1})
    expected = {
        "type": "message",
        "from": "group",
        "fromUserId": "alice",
        "group": "g",
        "dataType": "json",
        "data": {"a": 1},
    }
    assert alice.taken() == [expected]
    assert bob.taken() == [expected]


def test_no_echo_spares_the_sending_connection_alone() -> None:
    hub = Hub()
    alice, twin = (hub.client("alice", roles=EVERYTHING, groups=["g"]) for _ in range(2))
    assert alice.ask(type="sendToGroup", group="g", data=1, noEcho=True, ackId=1) == OK
    assert [message["data"] for message in twin.taken()] == [1]


def test_data_keeps_its_kind_and_json_the_way_it_was_written() -> None:
    hub = Hub()
    alice = hub.client(roles=EVERYTHING, groups=["g"])
    alice.endpoint.on_text('{"type":"sendToGroup","group":"g","data":{ "a" : 1.50, "a":2 }}')
    assert b'"dataType":"json","data":{ "a" : 1.50, "a":2 }}' in alice.raw()[0]
    for data_type, data in (("text", 'q"é\n'), ("binary", "AP8="), ("protobuf", "CgE=")):
        alice.say(type="sendToGroup", group="g", dataType=data_type, data=data, metadata={"k": "v"})
        message = alice.take()
        assert (message["dataType"], message["data"], message["metadata"]) == (data_type, data, {"k": "v"})
        assert "fromUserId" not in message


def test_a_frame_is_made_once_for_all() -> None:
    hub = Hub()
    clients = [hub.client(groups=["g"]) for _ in range(3)]
    hub.call("POST", "groups/g/:send", {"a": 1}, content_type="application/json")
    frames = [client.raw()[0] for client in clients]
    assert frames[0] is frames[1] is frames[2]


def test_without_the_permission_nothing_happens() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    assert alice.ask(type="joinGroup", group="g", ackId=1) == forbidden("join")
    assert alice.ask(type="leaveGroup", group="g", ackId=2) == forbidden("leave", 2)
    assert alice.ask(type="sendToGroup", group="g", data=1, ackId=3) == forbidden("send to", 3)
    alice.say(type="sendToGroup", group="g", data=1)
    assert alice.taken() == []
    assert hub.world.refused("webpubsub_request:Forbidden") == 4


def test_the_reserved_names_are_nobodys_group() -> None:
    hub = Hub()
    alice = hub.client(roles=EVERYTHING)
    for group in ("$webpubsub/server/messages", "$webpubsub/server/events/e", "$webpubsub"):
        assert alice.ask(type="joinGroup", group=group, ackId=1)["error"]["name"] == "Forbidden"
        assert alice.ask(type="sendToGroup", group=group, data=1, ackId=1)["error"]["name"] == "Forbidden"


def test_an_ack_id_is_good_for_one_success() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    assert not alice.ask(type="sendToGroup", group="g", data=1, ackId=5)["success"]
    hub.call("PUT", f"permissions/sendToGroup/connections/{alice.id}", targetName="g")
    alice.say(type="sendToGroup", group="g", data=1, ackId=5)
    assert [message["type"] for message in alice.taken()] == ["message", "ack"]
    repeated = alice.ask(type="sendToGroup", group="g", data=2, ackId=5)
    assert repeated["error"] == {"name": "Duplicate", "message": "Message with ack-id: 5 has been processed"}


def test_leaving_a_group_one_is_not_in_succeeds() -> None:
    hub = Hub()
    alice = hub.client(roles=EVERYTHING, groups=["g"])
    assert alice.ask(type="leaveGroup", group="g", ackId=1) == OK
    assert alice.ask(type="leaveGroup", group="g", ackId=2)["success"]
    alice.say(type="sendToGroup", group="g", data=1)
    assert alice.taken() == []


def test_an_event_nobody_takes_is_an_error_for_who_asks() -> None:
    hub = Hub()
    alice = hub.client()
    assert alice.ask(type="event", event="e", data=1, ackId=1)["error"]["name"] == "InvocationFailed"
    alice.say(type="event", event="e", data=1)
    assert alice.taken() == []
    assert hub.world.refused("webpubsub_event_without_handler") == 2


def test_ping_is_answered_and_a_sequence_ack_ignored() -> None:
    alice = Hub().client()
    assert alice.ask(type="PING") == {"type": "pong"}
    alice.say(type="sequenceAck", sequenceId=5)
    assert alice.taken() == []


def test_a_message_that_has_expired_is_not_delivered() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    receiver = hub.session(alice.id)
    assert receiver is not None
    hub.call("POST", "groups/g/:send", b"x", content_type="text/plain", messageTtlSeconds=1)
    assert len(alice.taken()) == 1


@pytest.mark.parametrize(("text", "code"), [("{", 1007), ('{"type":"unknown"}', 1007), (b"x", 1003)])
def test_what_is_not_the_protocol_ends_the_connection(text: str | bytes, code: int) -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    if isinstance(text, bytes):
        alice.endpoint.on_bytes(text)
    else:
        alice.endpoint.on_text(text)
    assert alice.take()["event"] == "disconnected"
    assert alice.socket.closed == code
    assert hub.session(alice.id) is None
    assert hub.call("HEAD", "groups/g").status == 404
    alice.endpoint.on_text("more")
    alice.leave()


def test_a_client_that_does_not_read_is_cut_off() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    alice.socket.unsent = 17 * 1024 * 1024
    hub.call("POST", "groups/g/:send", b"x" * 65536, content_type="text/plain")
    assert alice.taken()[-1] == {"type": "system", "event": "disconnected", "message": "SlowClient"}
    assert alice.socket.closed == 1008
    assert hub.world.refused("webpubsub_slow_client") == 1


class Sparing(Outlet):
    """Takes the first bytes of each piece."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []

    def wake(self) -> None:
        return

    close = pause = resume = wake

    def send_now(self, data: bytes) -> int:
        self.taken.append(data[:100])
        return 100


def test_what_the_kernel_leaves_of_a_large_message_follows_it() -> None:
    hub = Hub()
    received = set()
    members = [hub.client(groups=["g"]) for _ in range(3)]
    outlets = [Sparing() for _ in members]
    for member, outlet in zip(members, outlets, strict=True):
        receiver = hub.session(member.id)
        assert isinstance(receiver, FramedReceiver)
        receiver.direct = outlet
    hub.call("POST", "groups/g/:send", b"x" * 2048, content_type="text/plain")
    for member, outlet in zip(members, outlets, strict=True):
        received.add(b"".join(outlet.taken + member.socket.frames))
    assert len(received) == 1, "for the one that made the frame and for those that found it"
    assert sum(len(outlet.taken) for outlet in outlets) == 2


def test_an_ack_waits_for_the_store() -> None:
    hub = Hub(store=CommitsOnCommand())
    alice = hub.client(roles=EVERYTHING)
    hub.mqtt("m", expiry=60, group="g").drop()
    hub.world.commit()
    alice.say(type="sendToGroup", group="g", data=1, ackId=1)
    alice.say(type="sendToGroup", group="g", data=2, ackId=2)
    assert alice.taken() == []
    hub.world.commit(hub.world.store.sequence - 1)
    assert [ack["ackId"] for ack in alice.taken()] == [1]
    hub.world.commit()
    assert [ack["ackId"] for ack in alice.taken()] == [2]


def test_coming_and_going_is_counted_and_watched() -> None:
    hub = Hub()
    alice = hub.client()
    tenant = hub.core.tenant("chat")
    assert (tenant.connections, tenant.session_count()) == (1, 1)
    alice.leave(1001)
    assert (tenant.connections, tenant.session_count()) == (0, 0)
    assert hub.world.watcher.lines == [f"{alice.id} connected", f"{alice.id} left 0x00", f"{alice.id} ended 0x00"]


def test_an_mqtt_client_of_the_same_name_takes_it_over() -> None:
    hub = Hub()
    alice = hub.client()
    hub.mqtt(alice.id)
    assert alice.take()["message"] == "session taken over"
    assert alice.socket.closed == 1000


def test_binary_of_mqtt_is_base64_for_json_clients() -> None:
    hub = Hub()
    alice = hub.client(groups=["g"])
    mqtt = hub.mqtt("m", "mike", role="webpubsub.sendToGroup")
    mqtt.publish("g", b"\x00\xff")
    message = alice.take()
    assert (message["dataType"], message["fromUserId"]) == ("binary", "mike")
    assert base64.b64decode(message["data"]) == b"\x00\xff"


def test_who_asks_and_does_not_read_is_cut_off() -> None:
    alice = Hub().client()
    alice.socket.unsent = 1 << 30
    alice.say(type="ping")
    assert alice.socket.closed == 1008


def test_what_is_refused_is_said_where_operators_look() -> None:
    hub = Hub()
    alice = hub.client()
    alice.say(type="sendToGroup", group="g", data=1)
    alice.endpoint.on_text("{")
    assert [line for line in hub.world.watcher.lines if "refused" in line] == [
        f"{alice.id} refused request: The client does not have permission to send to group 'g'.",
        f"{alice.id} refused message: Invalid message: not a message of this subprotocol.",
    ]
