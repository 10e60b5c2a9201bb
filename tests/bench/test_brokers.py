import shutil
import sys
from pathlib import Path

import pytest

from bench.brokers import Broker, CannotStart, FlashMq, Mosquitto, find_peer


class Script(Broker):
    """A broker that is a line of Python."""

    def command(self, port: int, _folder: Path) -> list[str]:
        return [sys.executable, "-c", self.program.replace("PORT", str(port))]

    def version(self) -> str:
        return "1"


def test_a_broker_is_ready_when_it_answers_and_ends_with_its_block() -> None:
    program = "import socket; s = socket.create_server(('127.0.0.1', PORT))\nwhile True: s.accept()"
    with Script("script", program).running() as running:
        assert running.process.poll() is None
        assert running.obituary() == ""
    assert running.process.returncode is not None
    assert "exit code" in running.obituary()


def test_what_a_broker_said_before_it_ended_is_passed_on() -> None:
    program = "raise SystemExit('no such option')"
    with (
        pytest.raises(CannotStart, match="script ended with exit code 1:\nno such option"),
        Script("script", program).running(),
    ):
        pass


def test_only_known_peers_can_be_started(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="only mosquitto and flashmq"):
        find_peer("activemq")
    with pytest.raises(CannotStart, match="no such program"):
        find_peer(str(tmp_path / "flashmq"))


def test_a_path_may_name_a_peer(tmp_path: Path) -> None:
    program = tmp_path / "flashmq"
    program.write_text("#!/bin/sh\necho FlashMQ Version 1.26.2 with SSE\n")
    program.chmod(0o755)
    peer = find_peer(str(program))
    assert isinstance(peer, FlashMq)
    assert (peer.name, peer.version()) == ("flashmq", "1.26.2")


def test_the_configurations_name_their_port(tmp_path: Path) -> None:
    for kind in (Mosquitto, FlashMq):
        *_, path = kind("x", "x").command(12345, tmp_path)
        assert "12345" in Path(path).read_text()


def test_mosquitto_is_known_by_name() -> None:
    if shutil.which("mosquitto") is None and shutil.which("/usr/sbin/mosquitto") is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    assert find_peer("mosquitto").version().count(".") == 2
