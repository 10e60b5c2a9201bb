"""Clients of the protobuf subprotocols: what JSON clients can do, in binary frames."""

from typing import Any

import pytest

from myna.core.framed import FramedReceiver
from tests.faces.webpubsub.hub import JSON, PROTOBUF, RELIABLE_PROTOBUF, Hub, Member

EVERYTHING = ("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup", "webpubsub.setGroupState", "webpubsub.getGroupState")


def client(hub: Hub, user: str | None = "alice", protocol: str = PROTOBUF, **options: Any) -> Member:
    return hub.client(user, protocol=protocol, **{"roles": EVERYTHING, **options})


def send(member: Member, **fields: Any) -> None:
    member.say_protobuf(send_to_group_message={"group": "g", **fields})


def data(frame: Any) -> Any:
    return frame.data_message.data


@pytest.mark.parametrize("protocol", [PROTOBUF, RELIABLE_PROTOBUF])
def test_the_greeting_says_who_one_is(protocol: str) -> None:
    hub = Hub()
    path = "/client/hubs/chat"
    opened = hub.upgrade(path, "", [protocol.upper()], authorization=f"Bearer {hub.token(path, sub='alice')}")
    assert opened.socket.answer == ("accepted", protocol.upper())
    greeting = opened.take_protobuf().system_message.connected_message
    assert (len(greeting.connection_id), greeting.user_id) == (32, "alice")
    assert greeting.HasField("reconnection_token") == (protocol == RELIABLE_PROTOBUF)


@pytest.mark.parametrize("protocol", [PROTOBUF, RELIABLE_PROTOBUF])
def test_groups_and_their_messages(protocol: str) -> None:
    hub = Hub()
    alice, bob = client(hub, protocol=protocol), client(hub, "bob", groups=["g"])
    joined = alice.ask_protobuf(join_group_message={"group": "g", "ack_id": 1}).ack_message
    assert (joined.ack_id, joined.success, joined.HasField("error")) == (1, True, False)
    send(alice, data={"text_data": "hé"}, ack_id=2, metadata={"k": "v"})
    message, ack = alice.taken_protobuf()
    assert ack.ack_message.success
    for got in (message, bob.take_protobuf()):
        assert (got.data_message.group, got.data_message.data.text_data) == ("g", "hé")
        assert dict(got.data_message.metadata) == {"k": "v"}
    send(alice, data={"binary_data": b"\0"}, no_echo=True)
    assert alice.taken_protobuf() == []
    assert data(bob.take_protobuf()).binary_data == b"\0"
    assert alice.ask_protobuf(leave_group_message={"group": "g", "ack_id": 3}).ack_message.success
    again = alice.ask_protobuf(leave_group_message={"group": "g", "ack_id": 3}).ack_message
    assert (again.success, again.error.name) == (False, "Duplicate")
    assert alice.ask_protobuf(ping_message={}).WhichOneof("message") == "pong_message"


def test_without_the_permission_an_error_ack_says_so() -> None:
    hub = Hub()
    alice = client(hub, roles=())
    answer = alice.ask_protobuf(join_group_message={"group": "g", "ack_id": 0}).ack_message
    assert (answer.ack_id, answer.success, answer.error.name) == (0, False, "Forbidden")
    alice.say_protobuf(join_group_message={"group": "g"})
    assert alice.taken_protobuf() == []


def test_an_event_has_an_ack() -> None:
    alice = client(Hub())
    answer = alice.ask_protobuf(event_message={"event": "e", "data": {"text_data": "x"}, "ack_id": 1}).ack_message
    assert (answer.success, answer.error.name) == (False, "InvocationFailed")


@pytest.mark.parametrize(("frame", "code"), [(b"", 1007), (b"\xff", 1007), (b"\x62\x00", 1007), ("{}", 1003)])
def test_what_is_not_the_protocol_ends_the_connection(frame: str | bytes, code: int) -> None:
    hub = Hub()
    alice = client(hub, groups=["g"])
    if isinstance(frame, bytes):
        alice.endpoint.on_bytes(frame)
    else:
        alice.endpoint.on_text(frame)
    assert alice.take_protobuf().system_message.disconnected_message.reason
    assert alice.socket.closed == code
    assert hub.session(alice.id) is None


def test_a_close_by_the_back_end_says_why() -> None:
    hub = Hub()
    alice = client(hub)
    assert hub.call("DELETE", f"connections/{alice.id}", reason="enough").status == 204
    assert alice.take_protobuf().system_message.disconnected_message.reason == "enough"
    assert alice.socket.closed == 1000


def test_what_is_not_acknowledged_comes_again_with_its_numbers() -> None:
    hub = Hub()
    alice = client(hub, protocol=RELIABLE_PROTOBUF, groups=["g"])
    for letter in "abc":
        send(alice, data={"text_data": letter})
    assert [frame.data_message.sequence_id for frame in alice.taken_protobuf()] == [1, 2, 3]
    alice.say_protobuf(sequence_ack_message={"sequence_id": 1})
    alice.vanish()
    hub.call("POST", "groups/g/:send", b"d", content_type="text/plain")
    back = hub.recover(alice)
    assert back.socket.answer == ("accepted", RELIABLE_PROTOBUF)
    greeting, *messages = back.taken_protobuf()
    assert greeting.system_message.connected_message.connection_id == alice.id
    assert [(one.data_message.sequence_id, data(one).text_data) for one in messages] == [(2, "b"), (3, "c"), (4, "d")]


def test_a_client_comes_back_in_its_own_subprotocol_alone() -> None:
    hub = Hub()
    alice = client(hub, protocol=RELIABLE_PROTOBUF)
    alice.vanish()
    alice.protocol = "json.reliable.webpubsub.azure.v1"
    assert hub.recover(alice).socket.closed == 1008
    alice.protocol = RELIABLE_PROTOBUF
    assert hub.recover(alice).socket.closed is None


def test_a_frame_is_made_once_for_all_and_delivered_without_the_face() -> None:
    hub = Hub()
    clients = [client(hub, groups=["g"]) for _ in range(3)]
    hub.call("POST", "groups/g/:send", {"a": 1}, content_type="application/json")
    frames = [member.raw()[0] for member in clients]
    assert frames[0] is frames[1] is frames[2]
    receiver = hub.session(clients[0].id)
    assert isinstance(receiver, FramedReceiver)


def test_streams_by_protobuf() -> None:
    hub = Hub()
    bob = hub.client("bob", groups=["g"], protocol=JSON)
    alice = client(hub)
    send(alice, stream={"stream_id": "s"})
    opened = alice.take_protobuf().stream_ack_message
    assert (opened.stream_id, opened.expected_sequence_id) == ("s", 1)
    for sequence in (1, 3):
        alice.say_protobuf(
            stream_data_message={"stream_id": "s", "stream_sequence_id": sequence, "data": {"text_data": "x"}}
        )
    nack = alice.take_protobuf().stream_nack_message
    assert (nack.name, nack.expected_sequence_id) == ("InvalidSequenceId", 2)
    alice.say_protobuf(stream_end_message={"stream_id": "s", "error": {"message": "m"}})
    ack, closed = alice.taken_protobuf()
    assert (ack.stream_ack_message.expected_sequence_id, closed.stream_closed_message.stream_id) == (2, "s")
    assert not closed.stream_closed_message.HasField("error")
    first, last = bob.taken()
    assert (first["data"], first["stream"]) == ("x", {"streamId": "s", "streamSequenceId": 1})
    assert last["stream"]["error"] == {"name": "UserError", "message": "m"}
    answer = alice.ask_protobuf(event_message={"event": "e", "stream": {"stream_id": "t"}}).stream_closed_message
    assert (answer.stream_id, answer.error.name) == ("t", "BadRequest")


def test_group_states_by_protobuf() -> None:
    hub = Hub()
    alice, bob = client(hub), client(hub, "bob", protocol=RELIABLE_PROTOBUF)
    state = {"entries": {"k": "v"}}
    assert alice.ask_protobuf(set_group_state_message={"group": "g", "ack_id": 1, "state": state}).ack_message.success
    bob.say_protobuf(subscribe_group_state_message={"group": "g", "ack_id": 1})
    ack, snapshot = bob.taken_protobuf()
    assert ack.ack_message.success
    (held,) = snapshot.group_state_snapshot_message.items
    assert (held.connection_id, dict(held.state.entries)) == (alice.id, {"k": "v"})
    alice.say_protobuf(set_group_state_message={"group": "g"})
    (gone,) = bob.take_protobuf().group_state_update_message.items
    assert (gone.HasField("state"), gone.updated_at > held.updated_at) == (False, True)
