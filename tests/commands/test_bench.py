import json
import socket

import pytest

from myna.commands import main
from myna.wire.packets import Connack, Connect, Packet, Publish
from tests.client.fake_broker import FakeBroker, Peer

SHORT = ["--seconds", "0.05", "--warm-up", "0.02", "--quiet"]


def bench(broker: FakeBroker, *arguments: str) -> int:
    return main(["bench", *arguments, "-h", "127.0.0.1", "-p", str(broker.port), *SHORT])


@pytest.mark.parametrize("level", ["3", "4", "5"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.parametrize(
    "load",
    [
        ["pairs", "--pairs", "3"],
        ["fanout", "--subscribers", "3"],
        ["fanin", "--publishers", "3"],
        ["rate", "--pairs", "2", "--rate", "200"],
    ],
    ids=lambda load: load[0],
)
def test_every_message_is_accounted_for(
    load: list[str], qos: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeBroker() as broker:
        assert bench(broker, *load, "--qos", qos, "--level", level, "--window", "10", "--json") == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["complete"]
    assert measured["received"] == measured["expected"] > 0
    assert measured["deliveries"] > 0
    assert (measured["qos"], measured["level"]) == (int(qos), int(level))


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_a_broker_that_loses_messages_does_not_pass(
    qos: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.commands.load.run.STALLED", 0.2)
    count = 0

    def lose(packet: Packet, _peer: Peer) -> list[Packet] | None:
        nonlocal count
        if isinstance(packet, Publish):
            count += 1
            if count % 3 == 0:  # a slow machine sends no more than a few
                packet.topic = "lost"
        return None

    with FakeBroker(lose) as broker:
        assert bench(broker, "pairs", "--pairs", "1", "--qos", qos) == 4
    assert "FAILED" in capsys.readouterr().out


def test_messages_out_of_order_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    kept: list[bytes] = []

    def swap(packet: Packet, _peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Publish):
            kept.append(packet.payload)
            if len(kept) == 3:
                packet.payload = kept[1]
        return None

    with FakeBroker(swap) as broker:
        assert bench(broker, "pairs", "--pairs", "1", "--json") == 4
    measured = json.loads(capsys.readouterr().out)
    assert measured["misplaced"] == 1


@pytest.fixture
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.commands.load.idle.SETTLE", 0.0)


@pytest.mark.usefixtures("no_settling")
def test_idle_connections_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBroker() as broker:
        assert bench(broker, "connections", "--connections", "100") == 0
        assert broker.connections == 100
    assert "all stayed open" in capsys.readouterr().out


def test_a_connection_the_broker_closes_is_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.commands.load.idle.SETTLE", 0.3)  # for the closing to be seen
    hung_up: list[str] = []

    def close_one(packet: Packet, peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Connect) and not hung_up:  # the first, so that it has happened when all are connected
            hung_up.append(packet.client_id)
            peer.send(Connack(False, 0))
            peer.hang_up()
            return []
        return None

    with FakeBroker(close_one) as broker:
        assert bench(broker, "connections", "--connections", "10") == 4
    assert "the broker closed 1 of them" in capsys.readouterr().out


@pytest.mark.parametrize("load", [["pairs"], ["connections", "--connections", "10"]], ids=lambda load: load[0])
def test_nobody_there_ends_with_2_and_a_hint(load: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert main(["bench", *load, "-h", "127.0.0.1", "-p", str(unused.getsockname()[1]), *SHORT]) == 2
    assert "Start one with: myna serve" in capsys.readouterr().err


@pytest.mark.parametrize("load", [["pairs"], ["connections", "--connections", "10"]], ids=lambda load: load[0])
def test_a_refusal_ends_with_3_and_its_reason(load: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(packet: Packet, _peer: Peer) -> list[Packet] | None:
        return [Connack(False, 5)] if isinstance(packet, Connect) else None

    with FakeBroker(refuse) as broker:
        assert bench(broker, *load) == 3
    assert "not authorized" in capsys.readouterr().err


def test_a_broker_that_dies_ends_the_run_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    def die(packet: Packet, peer: Peer) -> list[Packet] | None:
        if isinstance(packet, Publish):
            peer.hang_up()
        return None

    with FakeBroker(die) as broker:
        assert bench(broker, "pairs", "--pairs", "1") == 2
    assert "lost" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["pairs", "--size", "3"], "4 bytes"),
        (["rate", "--size", "8"], "12 bytes"),
        (["pairs", "--pid", "4194305"], "4194305"),
    ],
)
def test_wrong_usage_ends_with_1(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeBroker() as broker:
        assert bench(broker, *arguments) == 1
    assert text in capsys.readouterr().err
