import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from myna.client import (
    Address,
    CannotConnect,
    Client,
    ConnectionLost,
    Introduction,
    NotAllowed,
    Refused,
    Session,
)
from myna.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
)
from myna.wire.properties import Properties
from myna.wire.reasons import BANNED
from tests.client.fake_broker import Answer, FakeBroker, Peer

LEVELS = pytest.mark.parametrize("level", [3, 4, 5])


def talk(
    broker: FakeBroker,
    test: Callable[[Client], Awaitable[object]],
    *,
    level: int = 5,
    receive: Callable[[Publish], bool] | None = None,
    session: Session | None = None,
    window: int = 100,
) -> None:
    """Connect, do the test, disconnect."""

    async def run() -> None:
        address = Address(host="127.0.0.1", port=broker.port)
        client = Client(address, Introduction(level, "tester"), receive, session, window)
        await client.connect()
        try:
            await test(client)
        finally:
            await client.disconnect()

    asyncio.run(run())


def instead(kind: type[Packet], *packets: Packet) -> Answer:
    """These packets as the answer to one kind of packet."""
    return lambda packet, _peer: list(packets) if isinstance(packet, kind) else None


async def nothing(_client: Client) -> None:
    return None


@LEVELS
def test_a_connection_begins_and_ends_properly(level: int) -> None:
    with FakeBroker() as broker:
        talk(broker, nothing, level=level)
        broker.wait_for(Disconnect)
        assert [type(packet) for packet in broker.received] == [Connect, Disconnect]
        assert broker.all(Connect)[0].level == level


def test_nobody_there_is_said_with_a_hint() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = Client(Address(host="127.0.0.1", port=unused.getsockname()[1]), Introduction())
        with pytest.raises(CannotConnect, match=r"connection refused.*myna serve"):
            asyncio.run(client.connect())


@pytest.mark.parametrize(("level", "code", "text"), [(5, 0x87, "not authorized"), (4, 5, "not authorized")])
def test_a_refused_connect_is_named(level: int, code: int, text: str) -> None:
    with FakeBroker(instead(Connect, Connack(False, code))) as broker, pytest.raises(Refused, match=text) as caught:
        talk(broker, nothing, level=level)
    assert caught.value.code == code


def test_the_brokers_own_words_are_passed_on() -> None:
    properties = Properties()
    properties.reason_string = "come back tomorrow"
    properties.server_reference = "other.example.com"
    broker = FakeBroker(instead(Connect, Connack(False, 0x9C, properties)))
    with broker, pytest.raises(Refused, match=r"come back tomorrow.*other\.example\.com"):
        talk(broker, nothing)


def test_a_broker_that_hangs_up_at_once_is_no_broker() -> None:
    def hang_up(_packet: Packet, peer: Peer) -> list[Packet]:
        peer.hang_up()
        return []

    with FakeBroker(hang_up) as broker, pytest.raises(CannotConnect, match="TLS port"):
        talk(broker, nothing)


def test_a_web_server_is_recognised() -> None:
    def answer(_packet: Packet, peer: Peer) -> list[Packet]:
        peer.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        return []

    with FakeBroker(answer) as broker, pytest.raises(CannotConnect, match=r"answers in HTTP\. Is this its port"):
        talk(broker, nothing)


def test_an_answer_that_is_no_connack_is_refused() -> None:
    with FakeBroker(instead(Connect, Puback(1))) as broker, pytest.raises(CannotConnect, match="Puback"):
        talk(broker, nothing)


@LEVELS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_is_published(level: int, qos: int) -> None:
    async def publish(client: Client) -> None:
        assert await client.publish("a/b", b"hello", qos, retain=True) == 0

    with FakeBroker() as broker:
        talk(broker, publish, level=level)
        packet = broker.wait_for(Publish)
        assert (packet.topic, packet.payload, packet.qos, packet.retain) == ("a/b", b"hello", qos, True)
        assert len(broker.all(Pubrel)) == (1 if qos == 2 else 0)


@pytest.mark.parametrize(("qos", "answer"), [(1, Puback(1, 0x87)), (2, Pubrec(1, 0x87)), (2, Pubcomp(1, 0x92))])
def test_a_refused_message_gives_its_code(qos: int, answer: Puback | Pubrec | Pubcomp) -> None:
    async def publish(client: Client) -> None:
        assert await client.publish("a", b"", qos) == answer.code

    to = Pubrel if isinstance(answer, Pubcomp) else Publish
    with FakeBroker(instead(to, answer)) as broker:
        talk(broker, publish)


def test_no_more_are_under_way_than_the_broker_allows() -> None:
    offer = Properties()
    offer.receive_maximum = 2
    late: list[tuple[Peer, Packet]] = []

    def answer(packet: Packet, peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Connect):
            return [Connack(False, 0, offer)]
        if isinstance(packet, Publish):
            late.append((peer, Puback(packet.packet_id)))
            return []
        if isinstance(packet, Pingreq | Unsubscribe):
            for owner, puback in late:
                owner.send(puback)
            late.clear()
        return None

    async def publish(client: Client) -> None:
        first = [await client.send("a", b"%d" % number, 1) for number in range(2)]
        third = asyncio.create_task(client.send("a", b"3", 1))
        await asyncio.sleep(0)
        assert client.session.in_flight == 2
        await client.unsubscribe(["x"])  # makes this broker send its PUBACKs
        assert [await client.settled(done) for done in first] == [0, 0]
        await third
        await client.unsubscribe(["x"])
        assert await client.settled(third.result()) == 0

    with FakeBroker(answer) as broker:
        talk(broker, publish)
        assert [packet.payload for packet in broker.all(Publish)] == [b"0", b"1", b"3"]


@pytest.mark.parametrize(
    ("attribute", "value", "qos", "retain", "text"),
    [
        ("maximum_qos", 1, 2, False, "QoS 1"),
        ("retain_available", 0, 0, True, "retained"),
        ("maximum_packet_size", 10, 0, False, "10 bytes"),
    ],
)
def test_what_the_broker_does_not_take_is_not_sent(
    attribute: str, value: int, qos: int, retain: bool, text: str
) -> None:
    offer = Properties()
    setattr(offer, attribute, value)

    async def publish(client: Client) -> None:
        with pytest.raises(NotAllowed, match=text):
            await client.publish("a", b"more than ten bytes", qos, retain)

    with FakeBroker(instead(Connect, Connack(False, 0, offer))) as broker:
        talk(broker, publish)
        broker.wait_for(Disconnect)
        assert broker.all(Publish) == []


@LEVELS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_are_delivered_and_acknowledged(level: int, qos: int) -> None:
    got: list[bytes] = []
    enough = asyncio.Event()

    def take(packet: Publish) -> bool:
        got.append(packet.payload)
        if len(got) == 3:
            enough.set()
        return True

    async def listen(client: Client) -> None:
        assert await client.subscribe([SubscriptionRequest("a/#", qos)]) == [qos]
        for number in range(3):
            await client.publish("a/b", b"%d" % number, qos)
        await enough.wait()
        if qos:
            await client.publish("other", b"", 1)  # its PUBACK comes after our own acknowledgements were read

    with FakeBroker() as broker:
        talk(broker, listen, level=level, receive=take)
        broker.wait_for(Disconnect)
        assert got == [b"0", b"1", b"2"]
        assert len(broker.all(Puback)) == (3 if qos == 1 else 0)
        assert len(broker.all(Pubrec)) == (3 if qos == 2 else 0)


def test_a_qos_2_message_sent_twice_is_delivered_once() -> None:
    got: list[bytes] = []
    message = Publish("a", b"once", 2, packet_id=7)
    again = Publish("a", b"once", 2, dup=True, packet_id=7)
    new = Publish("a", b"new", 2, packet_id=7)
    answer = instead(Subscribe, Suback(1, [2]), message, again, Pubrel(7), new)

    def take(packet: Publish) -> bool:
        got.append(packet.payload)
        return True

    async def listen(client: Client) -> None:
        await client.subscribe([SubscriptionRequest("a", 2)])
        await client.publish("b", b"", 1)

    with FakeBroker(answer) as broker:
        talk(broker, listen, receive=take)
        assert got == [b"once", b"new"]
        broker.wait_for(Pubrec, 3)
        broker.wait_for(Pubcomp)


def test_what_is_not_wanted_any_more_is_not_acknowledged() -> None:
    messages = [Publish("a", b"%d" % number, 1, packet_id=number + 1) for number in range(3)]

    async def listen(client: Client) -> None:
        await client.subscribe([SubscriptionRequest("a", 1)])
        await client.publish("b", b"", 1)

    with FakeBroker(instead(Subscribe, Suback(1, [1]), *messages)) as broker:
        talk(broker, listen, receive=lambda packet: packet.payload != b"1")
        broker.wait_for(Disconnect)
        assert [packet.packet_id for packet in broker.all(Puback)] == [1, 2]


def test_topic_aliases_of_the_broker_are_understood() -> None:
    named, bare = Properties(), Properties()
    named.topic_alias = bare.topic_alias = 1
    topics: list[str] = []
    messages = [Publish("long/topic", b"", properties=named), Publish("", b"", properties=bare)]

    async def listen(client: Client) -> None:
        await client.subscribe([SubscriptionRequest("#", 0)])
        await client.publish("b", b"", 1)

    def take(packet: Publish) -> bool:
        topics.append(packet.topic)
        return True

    with FakeBroker(instead(Subscribe, Suback(1, [0]), *messages)) as broker:
        talk(broker, listen, receive=take)
    assert topics == ["long/topic", "long/topic"]


def test_a_broker_that_says_good_bye_is_quoted() -> None:
    async def listen(client: Client) -> None:
        with pytest.raises(ConnectionLost, match="session taken over") as caught:
            await client.subscribe([SubscriptionRequest("a", 0)])
        assert caught.value.code == 0x8E

    with FakeBroker(instead(Subscribe, Disconnect(0x8E))) as broker:
        talk(broker, listen)


def test_bytes_that_are_no_mqtt_end_the_connection_with_a_reason() -> None:
    def answer(packet: Packet, peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Subscribe):
            peer.writer.write(b"\xff\xff\xff\xff\xff")
            return []
        return None

    async def listen(client: Client) -> None:
        with pytest.raises(ConnectionLost, match="no MQTT"):
            await client.subscribe([SubscriptionRequest("a", 0)])

    with FakeBroker(answer) as broker:
        talk(broker, listen)
        assert broker.wait_for(Disconnect).code == 0x81


def test_what_the_last_connection_left_open_is_sent_again() -> None:
    session = Session()
    silent = FakeBroker(instead(Publish))

    async def send(client: Client) -> None:
        await client.send("a", b"x", 1)

    with silent:
        talk(silent, send, session=session)
        silent.wait_for(Publish)
    with FakeBroker(instead(Connect, Connack(True, 0))) as broker:
        talk(broker, nothing, session=session)
        again = broker.wait_for(Publish)
        assert (again.packet_id, again.dup, again.payload) == (1, True, b"x")


def test_a_closed_connection_takes_no_more_messages() -> None:
    async def late(client: Client) -> None:
        await client.disconnect()
        with pytest.raises(ConnectionLost):
            await client.publish("a", b"", 1)

    with FakeBroker() as broker:
        talk(broker, late)


@pytest.mark.slow
def test_a_broker_that_answers_no_ping_is_given_up() -> None:
    offer = Properties()
    offer.server_keep_alive = 1

    def answer(packet: Packet, _peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Connect):
            return [Connack(False, 0, offer)]
        return [] if isinstance(packet, Pingreq) else None

    async def idle(client: Client) -> None:
        with pytest.raises(ConnectionLost, match="ping"):
            await client.wait_closed()

    with FakeBroker(answer) as broker:
        talk(broker, idle)
        assert len(broker.all(Pingreq)) == 1


def test_of_who_is_banned_or_disabled_the_broker_s_words_are_told() -> None:
    properties = Properties()
    properties.reason_string = "this user is disabled"
    refused = Connack(False, BANNED, properties)
    with FakeBroker(instead(Connect, refused)) as broker, pytest.raises(Refused) as caught:
        talk(broker, nothing)
    assert str(caught.value).endswith("refused the connection: this user is disabled")
