"""Streams: what publishers hear, what members see, and how they end."""

from typing import Any

import pytest

from myna.core.message import Message
from myna.core.ports import GRANT, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.faces.webpubsub.settings import Settings
from myna.testing import CommitsOnCommand
from myna.wire import reasons
from tests.faces.webpubsub.hub import JSON, PROTOBUF, RELIABLE, Hub, Member, groups_of_token

EVERYTHING = ("webpubsub.joinLeaveGroup", "webpubsub.sendToGroup")


def ack(expected: int, stream_id: str = "s") -> dict[str, object]:
    return {"type": "streamAck", "streamId": stream_id, "expectedSequenceId": expected}


def closed(name: str = "", message: str = "") -> dict[str, object]:
    said: dict[str, object] = {"type": "streamClosed", "streamId": "s"}
    return {**said, "error": {"name": name, "message": message}} if name else said


def piece(sequence: int, data: object, data_type: str = "text", **stream: object) -> dict[str, object]:
    return {
        "type": "message",
        "from": "group",
        "fromUserId": "alice",
        "group": "g",
        "stream": {"streamId": "s", "streamSequenceId": sequence, **stream},
        "dataType": data_type,
        "data": data,
    }


def publisher(hub: Hub, protocol: str = JSON, **start: Any) -> Member:
    """With the stream `s` open."""
    alice = hub.client("alice", roles=EVERYTHING, protocol=protocol)
    alice.say(type="sendToGroup", group="g", stream={"streamId": "s", **start})
    assert alice.taken() == [ack(1)]
    return alice


def write(client: Member, sequence: int, data: object = "x", stream_id: str = "s") -> None:
    client.say(type="streamData", streamId=stream_id, streamSequenceId=sequence, dataType="text", data=data)


def turn(client: Member) -> list[Any]:
    """What is there when this turn of the loop has ended."""
    client.hub.world.pass_time(0)
    return client.taken()


@pytest.mark.parametrize("protocol", [JSON, RELIABLE])
def test_pieces_reach_the_members_and_acks_the_publisher(protocol: str) -> None:
    hub = Hub()
    bob = hub.client("bob", groups=["g"])
    alice = publisher(hub, protocol)
    write(alice, 1, "a")
    alice.say(type="streamData", streamId="s", streamSequenceId=2, data={"b": 2})
    assert bob.taken() == [piece(1, "a"), piece(2, {"b": 2}, "json")]
    assert turn(alice) == [ack(3)]
    alice.say(type="streamEnd", streamId="s")
    assert bob.taken() == [piece(3, "", endOfStream=True)]
    assert turn(alice) == [closed()]


def test_acks_of_a_turn_leave_together_and_before_the_end() -> None:
    hub = Hub()
    alice = publisher(hub)
    for sequence in range(1, 100):
        write(alice, sequence)
    assert alice.taken() == []
    alice.say(type="streamEnd", streamId="s")
    assert turn(alice) == [ack(100), closed()]


def test_a_member_of_each_kind_gets_what_it_can_read() -> None:
    hub = Hub()
    json, protobuf, simple = (hub.client(groups=["g"], protocol=protocol) for protocol in (JSON, PROTOBUF, None))
    mqtt = hub.mqtt("m", **groups_of_token("g"))
    alice = publisher(hub)
    write(alice, 1, "a")
    alice.say(type="streamEnd", streamId="s", error={"message": "m", "userErrorCode": "c"})
    error = {"name": "UserError", "message": "m", "userErrorCode": "c"}
    assert json.taken() == [piece(1, "a"), piece(2, "", endOfStream=True, error=error)]
    first, last = (frame.data_message for frame in protobuf.taken_protobuf())
    assert (first.data.text_data, first.stream.stream_id, first.stream.stream_sequence_id) == ("a", "s", 1)
    assert (last.data.WhichOneof("data"), last.data.text_data, last.stream.end_of_stream) == ("text_data", "", True)
    assert (last.stream.error.name, last.stream.error.user_error_code) == ("UserError", "c")
    assert simple.raw() == [b"Ta"]
    assert mqtt.payloads() == [b"a"]


def test_a_repeated_piece_is_acknowledged_and_not_published() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub)
    write(alice, 1)
    write(alice, 1)
    assert turn(alice) == [ack(2)]
    write(alice, 1)
    assert turn(alice) == [ack(2)]
    assert len(bob.taken()) == 1


def test_a_piece_out_of_order_is_refused_and_the_stream_goes_on() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub)
    write(alice, 2)
    (nack,) = turn(alice)
    assert (nack["type"], nack["streamId"], nack["expectedSequenceId"], nack["name"]) == (
        "streamNack",
        "s",
        1,
        "InvalidSequenceId",
    )
    assert isinstance(nack["message"], str)
    write(alice, 1)
    assert turn(alice) == [ack(2)]
    assert len(bob.taken()) == 1


def test_no_echo_spares_the_publisher_the_pieces_and_the_end() -> None:
    hub = Hub()
    alice = hub.client("alice", roles=EVERYTHING, groups=["g"])
    alice.say(type="sendToGroup", group="g", noEcho=True, stream={"streamId": "s"})
    write(alice, 1)
    alice.say(type="streamEnd", streamId="s")
    assert [frame["type"] for frame in turn(alice)] == ["streamAck", "streamAck", "streamClosed"]


def test_its_own_stream_comes_back_to_a_member() -> None:
    hub = Hub()
    alice = hub.client("alice", roles=EVERYTHING, groups=["g"])
    alice.say(type="sendToGroup", group="g", stream={"streamId": "s"})
    write(alice, 1)
    assert turn(alice) == [ack(1), piece(1, "x"), ack(2)]


@pytest.mark.parametrize("request_", [{"type": "streamEnd"}, {"type": "streamData"}])
def test_a_stream_nobody_opened(request_: dict[str, object]) -> None:
    alice = Hub().client()
    assert alice.ask(**request_, streamId="s")["error"]["name"] == "StreamNotFound"


def test_an_id_may_be_used_again_once_its_stream_has_ended() -> None:
    hub = Hub()
    alice = publisher(hub)
    alice.say(type="streamEnd", streamId="s")
    assert alice.taken() == [closed()]
    alice.say(type="sendToGroup", group="g", stream={"streamId": "s"})
    assert alice.taken() == [ack(1)]
    write(alice, 1)
    assert turn(alice) == [ack(2)]


def test_an_id_in_use_ends_the_stream_it_names() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub)
    alice.say(type="sendToGroup", group="other", stream={"streamId": "s"})
    assert alice.take()["error"]["name"] == "BadRequest"
    assert bob.take()["stream"]["error"]["name"] == "Cancelled"
    write(alice, 1)
    assert alice.take()["error"]["name"] == "StreamNotFound"


@pytest.mark.parametrize(
    ("roles", "group"),
    [((), "g"), (("webpubsub.sendToGroup.other",), "g"), (EVERYTHING, "$webpubsub/server/messages")],
)
def test_without_the_permission_it_is_not_opened(roles: tuple[str, ...], group: str) -> None:
    alice = Hub().client(roles=roles)
    answer = alice.ask(type="sendToGroup", group=group, stream={"streamId": "s"})
    assert (answer["type"], answer["error"]["name"]) == ("streamClosed", "Forbidden")


def test_a_permission_that_is_taken_away_ends_it() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub)
    hub.call("DELETE", f"permissions/sendToGroup/connections/{alice.id}", targetName="g")
    write(alice, 1)
    assert alice.take()["error"]["name"] == "Forbidden"
    assert bob.take()["stream"]["error"]["name"] == "Forbidden"


@pytest.mark.parametrize(
    "fields", [{"data": 1}, {"ackId": 1}, {"stream": {"streamId": "s", "idleTimeoutMs": 0}}, {"group": " "}]
)
def test_a_start_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    hub = Hub()
    alice = hub.client(roles=EVERYTHING)
    answer = alice.ask(**{"type": "sendToGroup", "group": "g", "stream": {"streamId": "s"}, **fields})
    assert (answer["type"], answer["error"]["name"]) == ("streamClosed", "BadRequest")
    assert hub.world.refused("webpubsub_stream:BadRequest") == 1
    assert alice.socket.closed is None


def test_data_without_its_number_ends_the_stream() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub)
    alice.say(type="streamData", streamId="s", data=1)
    assert alice.take()["error"]["name"] == "BadRequest"
    assert bob.take()["stream"]["error"]["name"] == "Cancelled"


def test_silence_ends_it_and_both_sides_hear_why() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub, idleTimeoutMs=2000)
    hub.world.pass_time(1.5)
    write(alice, 1)
    hub.world.pass_time(1.5)
    alice.say(type="streamData", streamId="s")  # which keeps it alive
    hub.world.pass_time(1.9)
    assert alice.taken() == [ack(2)]
    hub.world.pass_time(0.2)
    text = "The stream was idle for too long."
    assert alice.taken() == [closed("IdleTimeout", text)]
    assert bob.taken() == [
        piece(1, "x"),
        piece(2, "", endOfStream=True, error={"name": "IdleTimeout", "message": text}),
    ]
    assert hub.world.refused("webpubsub_stream:IdleTimeout") == 1
    hub.world.pass_time(1000)
    assert alice.taken() == []


def test_a_connection_has_a_bounded_number_of_them() -> None:
    hub = Hub(Settings(streams_per_client=2))
    alice = publisher(hub)
    assert alice.ask(type="sendToGroup", group="g", stream={"streamId": "t"}) == ack(1, "t")
    refused = alice.ask(type="sendToGroup", group="g", stream={"streamId": "u"})
    assert (refused["type"], refused["error"]["name"]) == ("streamClosed", "BadRequest")
    alice.say(type="streamEnd", streamId="s")
    assert alice.ask(type="sendToGroup", group="g", stream={"streamId": "u"}) == ack(1, "u")


def test_a_publisher_that_goes_ends_its_streams() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub)
    alice.vanish()
    (last,) = turn(bob)
    assert last["stream"]["endOfStream"]
    assert last["stream"]["error"]["name"] == "Cancelled"
    hub.world.pass_time(1000)
    assert bob.taken() == []


def test_streams_outlive_the_socket_of_a_reliable_client() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub, RELIABLE)
    write(alice, 1, "a")
    alice.vanish()
    assert turn(bob) == [piece(1, "a")]
    back = hub.recover(alice)
    assert back.take()["event"] == "connected"
    assert back.taken() == [ack(2)]
    for sequence, data in ((1, "a"), (2, "b")):
        back.say(type="streamData", streamId="s", streamSequenceId=sequence, dataType="text", data=data)
    hub.world.pass_time(0)
    assert back.taken() == [ack(3)]
    assert bob.taken() == [piece(2, "b")]


def test_an_end_that_was_lost_with_the_socket_is_told_again() -> None:
    hub = Hub()
    alice = publisher(hub, RELIABLE, idleTimeoutMs=1000)
    alice.say(type="sendToGroup", group="g", stream={"streamId": "t"})
    alice.say(type="streamEnd", streamId="t")
    alice.vanish()
    hub.world.pass_time(2)
    back = hub.recover(alice)
    back.take()
    ends = back.taken()
    assert [(end["streamId"], end.get("error", {}).get("name")) for end in ends] == [("t", None), ("s", "IdleTimeout")]
    alice.socket = back.socket
    back.vanish()
    again = hub.recover(alice)
    assert [frame["type"] for frame in again.taken()] == ["system"]


def test_the_end_of_retention_ends_its_streams() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"])
    alice = publisher(hub, RELIABLE)
    alice.vanish()
    hub.world.pass_time(41)
    hub.world.pass_time(0)
    (last,) = bob.taken()
    assert last["stream"]["error"]["name"] == "Cancelled"


def test_members_that_recover_get_the_pieces_with_their_numbers() -> None:
    hub = Hub()
    bob = hub.client("bob", groups=["g"], protocol=RELIABLE)
    alice = publisher(hub)
    write(alice, 1, "a")
    bob.vanish()
    write(alice, 2, "b")
    alice.say(type="streamEnd", streamId="s")
    back = hub.recover(bob)
    back.take()
    assert [(frame["sequenceId"], frame["stream"]["streamSequenceId"]) for frame in back.taken()] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]


def test_a_piece_that_is_stored_is_acknowledged_once_it_is_safe() -> None:
    hub = Hub(store=CommitsOnCommand())
    mqtt = hub.mqtt("m", expiry=1000, **groups_of_token("g"))
    hub.world.commit()
    mqtt.drop()
    alice = publisher(hub)
    write(alice, 1)
    write(alice, 2)
    assert turn(alice) == []
    alice.say(type="streamEnd", streamId="s")
    assert turn(alice) == []
    write(alice, 3)
    assert alice.take()["error"]["name"] == "StreamNotFound"
    hub.world.commit()
    assert alice.taken() == [ack(3), closed()]


def test_what_a_publisher_knows_to_be_expected_never_goes_back() -> None:
    hub = Hub(store=CommitsOnCommand())
    mqtt = hub.mqtt("m", expiry=1000, **groups_of_token("g"))
    hub.world.commit()
    mqtt.drop()
    alice = publisher(hub)
    for sequence in (1, 2, 9):
        write(alice, sequence)
    assert [frame["expectedSequenceId"] for frame in turn(alice)] == [3]  # it was refused, and must know from where on
    hub.world.commit(hub.world.store.sequence - 1)
    hub.world.commit()
    assert [frame["expectedSequenceId"] for frame in alice.taken()] == [3, 3]


class Busy(TopicGuard):
    """A topic space that takes nothing for now."""

    def publishing(self, message: Message, now: float) -> int:
        return reasons.QUOTA_EXCEEDED

    def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
        return GRANT

    def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
        return True


def test_a_piece_the_broker_cannot_take_now_may_be_sent_again() -> None:
    hub = Hub()
    hub.core.guard(Busy("busy"), "")
    alice = hub.client(roles=EVERYTHING)
    alice.say(type="sendToGroup", group="busy/g", stream={"streamId": "s"})
    for _ in range(2):
        write(alice, 1)
    _, first, second = turn(alice)
    assert first == second
    assert (first["type"], first["name"], first["expectedSequenceId"]) == ("streamNack", "TransientError", 1)
    assert hub.world.refused("webpubsub_stream:TransientError") == 2


def test_pieces_carry_what_the_start_said_of_them() -> None:
    hub = Hub()
    mqtt = hub.mqtt("m", **groups_of_token("g"))
    bob = hub.client(groups=["g"])
    alice = hub.client("alice", roles=EVERYTHING)
    alice.say(type="sendToGroup", group="g", ttlSeconds=30, metadata={"k": "v"}, stream={"streamId": "s"})
    write(alice, 1)
    assert bob.take()["metadata"] == {"k": "v"}
    (got,) = mqtt.messages()
    assert got.properties is not None
    assert got.properties.message_expiry == 30


def test_the_end_outlives_the_pieces() -> None:
    hub = Hub()
    bob = hub.client(groups=["g"], protocol=RELIABLE)
    alice = hub.client("alice", roles=EVERYTHING)
    alice.say(type="sendToGroup", group="g", ttlSeconds=5, stream={"streamId": "s"})
    bob.vanish()
    write(alice, 1)
    alice.say(type="streamEnd", streamId="s")
    hub.world.pass_time(10)
    back = hub.recover(bob)
    assert [frame.get("stream", {}).get("endOfStream") for frame in back.taken()] == [None, True]
