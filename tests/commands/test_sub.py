import json
import os
import signal
import threading
from collections.abc import Callable

import pytest

from myna.commands import main
from myna.wire.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsubscribe,
)
from tests.client.fake_broker import Answer, FakeBroker, Peer


def sub(broker: FakeBroker, *arguments: str) -> int:
    return main(["sub", "-h", "127.0.0.1", "-p", str(broker.port), *arguments])


def sending(*messages: Publish) -> Answer:
    """These messages as soon as there is a subscription."""

    def answer(packet: Packet, _peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Subscribe):
            return [Suback(packet.packet_id, [request.qos for request in packet.requests]), *messages]
        return None

    return answer


def numbered(count: int, qos: int = 0) -> list[Publish]:
    return [Publish(f"a/{number}", b"%d" % number, qos, packet_id=number + 1 if qos else 0) for number in range(count)]


@pytest.mark.parametrize("version", ["5", "311", "31"])
def test_messages_are_printed_until_there_are_enough(version: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with FakeBroker(sending(*numbered(5))) as broker:
        assert sub(broker, "-V", version, "-t", "a/#", "-C", "3") == 0
        broker.wait_for(Disconnect)
    assert capfdbinary.readouterr().out == b"0\n1\n2\n"


@pytest.mark.parametrize(
    ("options", "out"),
    [
        (["-v"], b"a/0 0\na/1 1\n"),
        (["-N"], b"01"),
        (["-F", r"%t=%p (%q)\t"], b"a/0=0 (0)\t\na/1=1 (0)\t\n"),
    ],
)
def test_there_are_several_ways_to_print(
    options: list[str], out: bytes, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with FakeBroker(sending(*numbered(2))) as broker:
        assert sub(broker, "-t", "a/#", "-C", "2", *options) == 0
    assert capfdbinary.readouterr().out == out


def test_json_is_a_line_for_each_message(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with FakeBroker(sending(*numbered(2), Publish("b", b"\xff"))) as broker:
        assert sub(broker, "-t", "#", "-C", "3", "--json") == 0
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [line["topic"] for line in lines] == ["a/0", "a/1", "b"]
    assert lines[2]["payload_base64"] == "/w=="


def test_only_what_was_printed_is_acknowledged() -> None:
    with FakeBroker(sending(*numbered(5, qos=1))) as broker:
        assert sub(broker, "-q", "1", "-t", "a/#", "-C", "2") == 0
        broker.wait_for(Disconnect)
        assert [packet.packet_id for packet in broker.all(Puback)] == [1, 2]


def test_hidden_messages_do_not_count(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    retained = Publish("a/old", b"old", retain=True)
    with FakeBroker(sending(retained, *numbered(3))) as broker:
        assert sub(broker, "-t", "a/#", "-T", "a/0", "-R", "-C", "2") == 0
    assert capfdbinary.readouterr().out == b"1\n2\n"


def test_retained_only_ends_at_the_first_other(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    retained = Publish("a/old", b"old", retain=True)
    with FakeBroker(sending(retained, *numbered(3))) as broker:
        assert sub(broker, "-t", "a/#", "--retained-only") == 0
    assert capfdbinary.readouterr().out == b"old\n"


def test_the_options_of_a_subscription_are_sent() -> None:
    with FakeBroker() as broker:
        options = ["--no-local", "--retain-as-published", "--retain-handling", "never", "-q", "2"]
        given = ["-D", "subscribe", "subscription-identifier", "7"]
        assert sub(broker, "-t", "a", "-t", "b", "-E", *options, *given) == 0
        subscribe = broker.wait_for(Subscribe)
        assert [request.filter for request in subscribe.requests] == ["a", "b"]
        for request in subscribe.requests:
            assert (request.qos, request.no_local, request.retain_as_published, request.retain_handling) == (
                2,
                True,
                True,
                2,
            )
        assert subscribe.properties is not None
        assert subscribe.properties.subscription_identifiers == [7]


def test_an_earlier_subscription_can_be_ended() -> None:
    with FakeBroker() as broker:
        assert sub(broker, "-U", "old/#", "-E") == 0
        assert broker.wait_for(Unsubscribe).filters == ["old/#"]
        assert broker.all(Subscribe) == []


def test_a_refused_subscription_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(packet: Packet, _peer: Peer) -> list[Packet] | None:
        return [Suback(packet.packet_id, [0x87])] if isinstance(packet, Subscribe) else None

    with FakeBroker(refuse) as broker:
        assert sub(broker, "-t", "secret/#") == 3
    assert "subscription to 'secret/#' refused: not authorized" in capsys.readouterr().err


def test_when_some_subscriptions_are_accepted_the_rest_is_only_told(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse_one(packet: Packet, _peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Subscribe):
            return [Suback(packet.packet_id, [0x87, 0]), Publish("open", b"x")]
        return None

    with FakeBroker(refuse_one) as broker:
        assert sub(broker, "-t", "secret", "-t", "open", "-C", "1") == 0
    assert "'secret' refused" in capsys.readouterr().err


def test_time_being_up_ends_with_27() -> None:
    with FakeBroker() as broker:
        assert sub(broker, "-t", "a", "-W", "0.05") == 27
        broker.wait_for(Disconnect)


def test_nobody_there_at_first_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sub", "--unix", "/nonexistent/socket", "-t", "a"]) == 2
    assert "myna serve" in capsys.readouterr().err


def hanging_up_once(code: int | None) -> Callable[[Packet, Peer], list[Packet] | None]:
    """The first subscriber is sent away, the second gets a message."""
    subscribed: list[Peer] = []

    def answer(packet: Packet, peer: Peer) -> list[Packet] | None:
        if not isinstance(packet, Subscribe):
            return None
        subscribed.append(peer)
        if len(subscribed) == 1:
            if code is not None:
                peer.send(Disconnect(code))
            peer.hang_up()
            return []
        return [Suback(packet.packet_id, [0]), Publish("a", b"again")]

    return answer


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.commands.clients.listening._FIRST_PAUSE", 0.01)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("code", [None, 0x8B, 0x89])
def test_a_broken_connection_is_made_again(code: int | None, capfd: pytest.CaptureFixture[str]) -> None:
    with FakeBroker(hanging_up_once(code)) as broker:
        assert sub(broker, "-t", "a", "-C", "1") == 0
        assert broker.connections == 2
    captured = capfd.readouterr()
    assert captured.out == "again\n"
    assert "trying again" in captured.err


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("code", [0x8E, 0x87, 0x98])
def test_a_broker_that_does_not_want_us_is_left_alone(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBroker(hanging_up_once(code)) as broker:
        assert sub(broker, "-t", "a", "-C", "1") == 2
        assert broker.connections == 1
    assert "the broker ended the connection" in capsys.readouterr().err


def test_reconnecting_can_be_switched_off() -> None:
    with FakeBroker(hanging_up_once(None)) as broker:
        assert sub(broker, "-t", "a", "-C", "1", "--no-reconnect") == 2


@pytest.mark.usefixtures("quick_retries")
def test_a_session_that_goes_on_needs_no_second_subscription(capfd: pytest.CaptureFixture[str]) -> None:
    connects: list[Connect] = []

    def answer(packet: Packet, peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Connect):
            connects.append(packet)
            return [Connack(len(connects) > 1, 0), *([Publish("a", b"kept")] if len(connects) > 1 else [])]
        if isinstance(packet, Subscribe):
            peer.send(Suback(packet.packet_id, [0]))
            peer.hang_up()
            return []
        return None

    with FakeBroker(answer) as broker:
        assert sub(broker, "-t", "a", "-c", "-i", "worker", "-C", "1") == 0
        assert len(broker.all(Subscribe)) == 1
    assert capfd.readouterr().out == "kept\n"
    assert [connect.clean_start for connect in connects] == [False, False]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_clean_end(number: signal.Signals) -> None:
    with FakeBroker() as broker:

        def interrupt() -> None:
            broker.wait_for(Subscribe)
            os.kill(os.getpid(), number)

        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        assert sub(broker, "-t", "a") == 0
        interrupter.join()
        broker.wait_for(Disconnect)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Name a topic"),
        (["-t", "a/#/b"], "is no topic filter"),
        (["-t", "a", "-T", "#a"], "-T '#a'"),
        (["-t", "a", "-F", "%z"], "no field %z"),
        (["-t", "a", "--json", "-v"], "leave -F and -v out"),
        (["-t", "a", "-C", "0"], "at least one"),
        (["-t", "a", "-V", "311", "--no-local"], "MQTT 5's"),
        (["-t", "a", "-V", "311", "-x", "5"], "MQTT 5 only"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sub", *arguments]) == 1
    assert text in capsys.readouterr().err
