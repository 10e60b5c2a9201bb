import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from myna.commands import main
from myna.commands.pub import Pace
from myna.wire.packets import Connack, Connect, Disconnect, Packet, Puback, Publish, Will
from myna.wire.properties import Properties
from tests.client.fake_broker import FakeBroker, Peer


def pub(broker: FakeBroker, *arguments: str) -> int:
    return main(["pub", "-h", "127.0.0.1", "-p", str(broker.port), *arguments])


Type = Callable[[bytes], None]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Type]:
    """Puts something into standard input."""
    with ExitStack() as opened:

        def type_in(text: bytes) -> None:
            read, write = os.pipe()
            os.write(write, text)
            os.close(write)
            monkeypatch.setattr(sys, "stdin", opened.enter_context(os.fdopen(read, encoding="utf-8")))

        yield type_in


@pytest.mark.parametrize(("version", "level"), [("5", 5), ("mqttv5", 5), ("311", 4), ("mqttv311", 4), ("31", 3)])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_arrives_at_the_broker(version: str, level: int, qos: int) -> None:
    with FakeBroker() as broker:
        assert pub(broker, "-V", version, "-q", str(qos), "-r", "-t", "a/b", "-m", "hello") == 0
        broker.wait_for(Disconnect)
        (message,) = broker.all(Publish)
        assert (message.topic, message.payload, message.qos, message.retain) == ("a/b", b"hello", qos, True)
        assert broker.all(Connect)[0].level == level


def test_who_we_are_is_in_the_connect() -> None:
    with FakeBroker() as broker:
        options = ["-i", "me", "-u", "user", "-P", "secret", "-k", "30", "-c", "-x", "60"]
        will = ["--will-topic", "gone", "--will-payload", "bye", "--will-qos", "1", "--will-retain"]
        assert pub(broker, *options, *will, "-t", "a", "-m", "") == 0
        connect = broker.wait_for(Connect)
        assert (connect.client_id, connect.user_name, connect.password) == ("me", "user", b"secret")
        assert (connect.keep_alive, connect.clean_start) == (30, False)
        assert connect.properties is not None
        assert connect.properties.session_expiry == 60
        assert isinstance(connect.will, Will)
        assert (connect.will.topic, connect.will.payload) == ("gone", b"bye")
        assert (connect.will.qos, connect.will.retain) == (1, True)


def test_properties_travel_with_every_message() -> None:
    with FakeBroker() as broker:
        given = ["-D", "publish", "content-type", "text/plain", "-D", "publish", "user-property", "k", "v"]
        assert pub(broker, *given, "-t", "a", "-m", "x", "--repeat", "2") == 0
        for number in (1, 2):
            properties = broker.wait_for(Publish, number).properties
            assert properties is not None
            assert (properties.content_type, properties.user_properties) == ("text/plain", [("k", "v")])


def test_a_topic_alias_stands_for_the_topic_from_the_second_message_on() -> None:
    offer = Properties()
    offer.topic_alias_maximum = 5

    def answer(packet: Packet, _peer: Peer) -> list[Packet] | None:
        return [Connack(False, 0, offer)] if isinstance(packet, Connect) else None

    with FakeBroker(answer) as broker:
        assert pub(broker, "-D", "publish", "topic-alias", "3", "-t", "a", "-m", "x", "--repeat", "3") == 0
        broker.wait_for(Disconnect)
        assert [message.topic for message in broker.all(Publish)] == ["a", "", ""]


def test_each_line_of_standard_input_is_a_message(type_in: Type) -> None:
    type_in(b"one\ntwo\r\n\nlast")
    with FakeBroker() as broker:
        assert pub(broker, "-t", "a", "-l", "-q", "1") == 0
        assert [message.payload for message in broker.all(Publish)] == [b"one", b"two", b"", b"last"]


def test_all_of_standard_input_is_one_message(type_in: Type) -> None:
    type_in(b"one\ntwo\n")
    with FakeBroker() as broker:
        assert pub(broker, "-t", "a", "-s") == 0
        assert broker.wait_for(Publish).payload == b"one\ntwo\n"


def test_a_file_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"\x00\xff")
    with FakeBroker() as broker:
        assert pub(broker, "-t", "a", "-f", str(path)) == 0
        assert broker.wait_for(Publish).payload == b"\x00\xff"


def test_a_url_says_where_and_to_what() -> None:
    with FakeBroker() as broker:
        assert main(["pub", "-L", f"mqtt://u:p@127.0.0.1:{broker.port}/a/b", "-n"]) == 0
        assert broker.wait_for(Publish).topic == "a/b"
        assert broker.wait_for(Connect).user_name == "u"


def test_a_refused_message_ends_with_3_and_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(packet: Packet, _peer: Peer) -> list[Packet] | None:
        return [Puback(packet.packet_id, 0x87)] if isinstance(packet, Publish) else None

    with FakeBroker(refuse) as broker:
        assert pub(broker, "-t", "a", "-m", "x", "-q", "1", "--repeat", "3") == 3
    assert capsys.readouterr().err == "myna pub: 3 messages were refused: not authorized\n"


def test_a_refused_connection_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(packet: Packet, _peer: Peer) -> list[Packet] | None:
        return [Connack(False, 0x86)] if isinstance(packet, Connect) else None

    with FakeBroker(refuse) as broker:
        assert pub(broker, "-t", "a", "-m", "x") == 3
    assert "bad user name or password" in capsys.readouterr().err


def test_a_connection_lost_on_the_way_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    def hang_up(packet: Packet, peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Publish):
            peer.hang_up()
            return []
        return None

    with FakeBroker(hang_up) as broker:
        assert pub(broker, "-t", "a", "-m", "x", "-q", "1") == 2
    assert "closed the connection" in capsys.readouterr().err


def test_quiet_leaves_only_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pub", "--unix", "/nonexistent/socket", "-t", "a", "-m", "x", "--quiet"]) == 2
    assert capsys.readouterr().err == ""


def test_debug_shows_the_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBroker() as broker:
        assert pub(broker, "-t", "a", "-m", "x", "-q", "1", "-d") == 0
    shown = [line.partition(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["sent CONNECT", "received CONNACK", "sent PUBLISH", "received PUBACK", "sent DISCONNECT"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-m", "x"], "Name a topic"),
        (["-t", "a"], "Give the message"),
        (["-t", "a/+", "-m", "x"], "no wildcards"),
        (["-t", "a", "-f", "/nonexistent/file"], "/nonexistent/file: No such file"),
        (["-t", "a", "-m", "x", "--repeat", "0"], "above 0"),
        (["-t", "a", "-m", "x", "-L", "nonsense"], "not a broker's URL"),
        (["-t", "a", "-m", "x", "-c"], "needs a client id"),
        (["-t", "a", "-m", "x", "-V", "311", "-D", "publish", "content-type", "a"], "MQTT 5's"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pub", *arguments]) == 1
    assert text in capsys.readouterr().err


def test_a_pace_is_kept_over_all_messages() -> None:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        pace = Pace(rate=1000, delay=0)
        started = loop.time()
        for _ in range(21):
            await pace.wait()
        return loop.time() - started

    assert 0.019 <= asyncio.run(run()) < 1.0
