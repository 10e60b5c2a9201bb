"""Gates that answer at once, later, by asking back, or again and again (§4.12)."""

from typing import Any

import pytest

from myna.core.identity import Identity
from myna.core.message import Message
from myna.core.ports import GRANT, PASS, TopicGuard
from myna.core.receiver import Receiver, Subscription
from myna.testing import (
    TENANT,
    Client,
    ClosedGate,
    FakeRules,
    OpenGate,
    SlowGate,
    World,
    assert_closed,
    assert_received,
    properties,
)
from myna.wire.packets import Auth, Connack, Connect, Disconnect, Pingreq, Publish, Subscribe, SubscriptionRequest, Will


def auth(code: int, data: bytes | None = None, method: str | None = "SCRAM") -> Auth:
    return Auth(code, properties(authentication_method=method, authentication_data=data))


def asked(world: World, gate: SlowGate, **fields: Any) -> Client:
    client = world.stranger(gate=gate)
    client.send(Connect(5, "c", True, 0, "alice", b"secret", None, properties(**fields) if fields else None))
    return client


def admitted(world: World, gate: SlowGate) -> Client:
    client = asked(world, gate, authentication_method="SCRAM")
    gate.asked[-1].admit(Identity(TENANT, "alice"), world.now)
    client.expect_connack()
    return client


def test_the_gate_sees_what_connect_said() -> None:
    world, gate = World(), SlowGate()
    asked(world, gate, authentication_method="SCRAM", authentication_data=b"1")
    ticket = gate.asked[0]
    assert (ticket.client_id, ticket.user_name, ticket.password, ticket.level) == ("c", "alice", b"secret", 5)
    assert (ticket.method, ticket.data, ticket.peer.address) == ("SCRAM", b"1", "192.0.2.1:4711")
    asked(world, gate)
    assert (gate.asked[1].method, gate.asked[1].data) == (None, None)


def test_the_gate_sees_what_else_connect_said() -> None:
    world, gate = World(), SlowGate()
    client = world.stranger(gate=gate)
    client.send(Connect(5, "c", False, 0, properties=properties(user_properties=[("a", "b")])))
    assert (gate.asked[0].clean_start, gate.asked[0].user_properties) == (False, [("a", "b")])


def test_the_gate_may_name_a_client_and_add_words_to_connack() -> None:
    world, gate = World(), SlowGate()
    client = world.stranger(gate=gate)
    client.send(Connect(5, "", True, 0))
    gate.asked[0].assigned_id = "given"
    gate.asked[0].words = [("a", "b")]
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    connack = client.expect_connack()
    assert connack.properties is not None
    assert connack.properties.assigned_client_id == "given"
    assert connack.properties.user_properties == [("a", "b")]


def test_words_of_a_refusal_are_in_connack_too() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate)
    gate.asked[0].words = [("a", "b")]
    gate.asked[0].refuse(0x8A, world.now, "no")
    assert_received(client, Connack(False, 0x8A, properties(reason_string="no", user_properties=[("a", "b")])))


def test_while_the_gate_thinks_nothing_is_read_and_nothing_is_lost() -> None:
    world, gate = World(), SlowGate()
    watcher = world.connected("watcher")
    watcher.subscribe("a")
    client = world.stranger(gate=gate)
    client.send(Connect(5, "c", True, 0), Publish("a", b"first"))
    client.send(Publish("a", b"second"))
    assert client.is_paused()
    assert watcher.messages() == []
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    assert not client.is_paused()
    client.expect_connack()
    assert watcher.payloads() == [b"first", b"second"]


def test_what_lies_behind_a_connect_that_is_refused_later_is_not_processed() -> None:
    world, gate = World(), SlowGate()  # [MQTT-3.1.4-6]; 311: [MQTT-3.1.4-5]
    watcher = world.connected("watcher")
    watcher.subscribe("#")
    client = world.stranger(gate=gate)
    client.send(Connect(5, "c", True, 0, None, None, Will("will", b"", 0, False)), Publish("a", b"x"))
    gate.asked[0].refuse(0x87, world.now, "no")
    assert client.expect_connack(0x87).properties is not None
    assert client.is_closed()
    client.drop()
    assert watcher.messages() == []  # [MQTT-3.1.2-7]


def test_an_answer_that_comes_too_late_is_ignored() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate, authentication_method="SCRAM")
    client.drop()
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    gate.asked[0].refuse(0x87, world.now)
    gate.asked[0].challenge(b"?", world.now)
    assert client.received() == []
    assert world.tenant.sessions() == []


class Guest(Identity):
    was_turned_away = False

    def turned_away(self, now: float) -> None:
        self.was_turned_away = True


def test_an_identity_that_does_not_come_in_after_all_is_told() -> None:
    for how in ("gone", "limit", "in"):
        world, gate = World(), SlowGate()
        client = asked(world, gate)
        guest = Guest(TENANT, "alice")
        if how == "gone":
            client.drop()
        elif how == "limit":
            world.tenant.limits.levels = (4,)
        gate.asked[0].admit(guest, world.now)
        assert guest.was_turned_away == (how != "in")


def test_a_gate_that_answers_twice_is_heard_once() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate)
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    gate.asked[0].refuse(0x87, world.now)
    client.expect_connack()
    assert not client.is_closed()


def test_a_gate_that_never_answers_is_not_waited_for() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate)
    world.pass_time(59)  # longer than a client may take for CONNECT: that has come
    assert not client.is_closed()
    world.pass_time(2)
    assert_closed(client)
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    assert world.tenant.sessions() == []


def test_an_exchange_of_auth_packets_leads_to_connack() -> None:
    world, gate = World(), SlowGate()  # [MQTT-4.12.0-2], [MQTT-4.12.0-3]
    client = asked(world, gate, authentication_method="SCRAM", authentication_data=b"1")
    gate.asked[0].challenge(b"2", world.now)
    assert not client.is_paused()
    assert_received(client, auth(0x18, b"2"))
    client.send(auth(0x18, b"3"), Subscribe(1, [SubscriptionRequest("a", 0)]))
    assert client.is_paused()
    assert gate.answers == [b"3"]
    gate.asked[0].challenge(b"4", world.now)
    assert_received(client, auth(0x18, b"4"))
    client.send(Pingreq())  # [MQTT-3.1.2-30]: the SUBSCRIBE came before CONNACK
    assert_closed(client)


def test_the_end_of_an_exchange_is_told_in_connack() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate, authentication_method="SCRAM", authentication_data=b"1")
    gate.asked[0].challenge(b"2", world.now)
    client.received()
    client.send(auth(0x18, b"3"))
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now, b"4")
    said = client.expect_connack().properties
    assert said is not None
    assert (said.authentication_method, said.authentication_data) == ("SCRAM", b"4")  # [MQTT-4.12.0-5]


def test_a_method_is_echoed_only_to_those_who_named_one() -> None:
    world, gate = World(), SlowGate()  # [MQTT-4.12.0-6]
    client = asked(world, gate)
    gate.asked[0].admit(Identity(TENANT, "alice"), world.now)
    said = client.expect_connack().properties
    assert said is not None
    assert said.authentication_method is None


def test_an_unknown_method_is_refused() -> None:
    world = World()  # [MQTT-4.12.0-1]
    client = world.client("c", gate=ClosedGate(0x8C), authentication_method="NONSENSE")
    client.expect_connack(0x8C)
    assert client.is_closed()


def test_a_client_may_give_up_during_an_exchange() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate, authentication_method="SCRAM")
    gate.asked[0].challenge(b"2", world.now)
    client.received()
    client.send(Disconnect())
    assert_closed(client)


@pytest.mark.parametrize(
    "packet",
    [auth(0x18, b"3", "PLAIN"), auth(0x18, b"3", None), Auth(0x18), auth(0x19), Pingreq(), Connect(5, "", True, 0)],
)
def test_anything_else_during_an_exchange_ends_it(packet: Auth | Pingreq | Connect) -> None:
    world, gate = World(), SlowGate()  # [MQTT-4.12.0-4]
    client = asked(world, gate, authentication_method="SCRAM")
    gate.asked[0].challenge(b"2", world.now)
    client.received()
    client.send(packet)
    assert_closed(client)
    assert gate.answers == []


def test_a_client_can_authenticate_anew_while_it_works() -> None:
    world, gate = World(), SlowGate()  # [MQTT-4.12.1-1]
    client = admitted(world, gate)
    client.send(auth(0x19, b"again"))
    again = gate.asked[1]
    assert (again.client_id, again.method, again.data, again.level) == ("c", "SCRAM", b"again", 5)
    again.challenge(b"?", world.now)
    assert_received(client, auth(0x18, b"?"))
    client.send(auth(0x18, b"!"), Pingreq())
    client.received()
    assert gate.answers == [b"!"]
    again.admit(Identity(TENANT, "alice"), world.now, b"done")
    assert_received(client, auth(0x00, b"done"))
    assert not client.is_closed()


def test_new_credentials_bring_new_rules_and_a_new_end() -> None:
    world, gate = World(), SlowGate()
    client = admitted(world, gate)
    client.publish("a", b"", 1)
    client.received()
    rules = FakeRules()
    rules.forbidden["a"] = 0x87
    client.send(auth(0x19))
    gate.asked[1].admit(Identity(TENANT, "alice", rules=rules, expires_at=world.now + 50), world.now)
    client.received()
    client.publish("a", b"", 1)
    assert rules.judged == 1
    world.pass_time(40)
    client.send(auth(0x19))
    gate.asked[2].admit(Identity(TENANT, "alice", expires_at=world.now + 50), world.now)
    world.pass_time(40)
    assert not client.is_closed()
    world.pass_time(20)
    assert client.is_closed()


def test_new_credentials_of_one_client_make_nobody_else_ask_again() -> None:
    world, gate = World(), SlowGate()
    client = admitted(world, gate)
    open_gate, rules = OpenGate(), FakeRules()
    open_gate.rules, world.gate = rules, open_gate
    other = world.connected("other")
    other.publish("a", b"", 1)
    client.send(auth(0x19))
    gate.asked[-1].admit(Identity(TENANT, "alice"), world.now)
    other.publish("a", b"", 1)
    assert rules.judged == 1


def test_what_is_published_after_new_credentials_comes_from_who_has_shown_them() -> None:
    world, gate = World(), SlowGate()
    heard: list[Identity | None] = []

    class Listening(TopicGuard):
        def publishing(self, message: Message, now: float) -> int:
            heard.append(message.origin.identity)
            return PASS

        def subscribing(self, receiver: Receiver, subscription: Subscription, now: float) -> int:
            return GRANT

        def delivering(self, message: Message, receiver: Receiver, subscription: Subscription, now: float) -> bool:
            return True

    world.broker.guard(Listening("a"), TENANT)
    client = admitted(world, gate)
    client.publish("a", b"", 1)
    client.send(auth(0x19))
    gate.asked[1].admit(Identity(TENANT, "alice"), world.now)
    client.publish("a", b"", 1)
    assert heard[0] is not heard[1]
    assert heard[1] is client.session.identity


def test_failed_re_authentication_ends_the_connection() -> None:
    world, gate = World(), SlowGate()  # [MQTT-4.12.1-2]
    client = admitted(world, gate)
    client.send(auth(0x19))
    gate.asked[1].refuse(0x8C, world.now)
    assert_closed(client, 0x87)
    assert world.refused("credentials:bad authentication method") == 1


@pytest.mark.parametrize(
    "identity",
    [Identity("other", "alice"), Identity(TENANT, "bob"), Identity(TENANT, "alice", client_ids_per_user=True)],
)
def test_nobody_can_become_somebody_else(identity: Identity) -> None:
    world, gate = World(), SlowGate()
    client = admitted(world, gate)
    client.send(auth(0x19))
    gate.asked[1].admit(identity, world.now)
    assert_closed(client, 0x87)
    assert world.refused("credentials:not authorized") == 1


@pytest.mark.parametrize("packet", [auth(0x18), auth(0x00), auth(0x19, None, "OTHER"), Auth(0x19)])
def test_auth_out_of_turn_ends_the_connection(packet: Auth) -> None:
    world, gate = World(), SlowGate()
    client = admitted(world, gate)
    client.send(packet)
    assert_closed(client, 0x82)


def test_auth_without_a_method_in_connect_ends_the_connection() -> None:
    world = World()  # [MQTT-4.12.0-7]
    client = world.connected("c")
    client.send(auth(0x19))
    assert_closed(client, 0x82)


def test_one_re_authentication_at_a_time() -> None:
    world, gate = World(), SlowGate()
    client = admitted(world, gate)
    client.send(auth(0x19), auth(0x19))
    assert_closed(client, 0x82)


def test_a_tenant_whose_name_the_store_keeps_for_itself_lets_nobody_in() -> None:
    world, gate = World(), SlowGate()
    client = asked(world, gate)
    gate.asked[0].admit(Identity("\0outbox", "alice"), world.now)
    client.expect_connack(0x87)
    assert world.broker.sessions("\0outbox") == []


def test_a_login_that_has_failed_counts_though_its_client_has_not_waited_for_it() -> None:
    world, gate = World(), SlowGate()
    asked(world, gate).drop()
    gate.asked[0].refuse(0x86, world.now)
    assert world.refused("login:failed") == 1


def test_a_client_that_does_not_answer_a_question_is_cut_off_before_long() -> None:
    world, gate = World(), SlowGate()
    silent = asked(world, gate, authentication_method="SCRAM")
    gate.asked[-1].challenge(b"who?", world.now)
    answers = asked(world, gate, authentication_method="SCRAM")
    gate.asked[-1].challenge(b"who?", world.now)
    world.pass_time(9)
    answers.send(auth(0x18, b"me"))
    world.pass_time(2)
    assert silent.is_closed()
    assert not answers.is_closed()
    assert world.refused("login:failed") == 0
    gate.asked[1].admit(Identity(TENANT, "alice"), world.now)
    assert isinstance(answers.received()[-1], Connack)
    world.pass_time(60)
    assert not answers.is_closed()


def test_the_same_holds_for_who_authenticates_anew() -> None:
    world, gate = World(), SlowGate()
    client = admitted(world, gate)
    client.send(auth(0x19, b"again"))
    gate.asked[-1].challenge(b"who?", world.now)
    world.pass_time(11)
    assert isinstance(client.received()[-1], Disconnect)
    assert client.is_closed()
