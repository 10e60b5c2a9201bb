"""The clients and the load generator against a broker that is not ours."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.brokers import CannotStart, find_peer
from myna.commands import main

PATIENCE = 60
DESCRIBE = ("-D", "publish")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    try:
        mosquitto = find_peer("mosquitto")
    except CannotStart as reason:
        pytest.skip(f"{reason} (apt-get install mosquitto)")
    with mosquitto.running() as running:
        yield running.port


@pytest.mark.parametrize("version", ["5", "311", "31"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_a_retained_message_comes_back(port: int, version: str, qos: str, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["-p", str(port), "-V", version, "-q", qos, "-t", f"kept/{version}/{qos}"]
    assert main(["pub", *common, "-m", "hello", "-r"]) == 0
    assert main(["sub", *common, "-C", "1", "-F", "%t %p %q %r"]) == 0
    assert capfd.readouterr().out == f"kept/{version}/{qos} hello {qos} 1\n"


def test_a_persistent_session_keeps_messages(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    session = ["sub", "-p", str(port), "-c", "-i", "away", "-q", "2", "-t", "while/away"]
    assert main([*session, "-E"]) == 0
    for text in ("one", "two"):
        assert main(["pub", "-p", str(port), "-q", "2", "-t", "while/away", "-m", text]) == 0
    assert main([*session, "-C", "2"]) == 0
    assert capfd.readouterr().out == "one\ntwo\n"


def test_properties_pass_through(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    given = [
        *DESCRIBE,
        "content-type",
        "text/plain",
        *DESCRIBE,
        "user-property",
        "k",
        "v",
        *DESCRIBE,
        "response-topic",
        "r",
    ]
    assert main(["pub", "-p", str(port), "-t", "with/properties", "-m", "x", "-r", *given]) == 0
    subscription = ["-D", "subscribe", "subscription-identifier", "7"]
    assert main(["sub", "-p", str(port), "-t", "with/+", "-C", "1", "--json", *subscription]) == 0
    assert json.loads(capfd.readouterr().out)["properties"] == {
        "content_type": "text/plain",
        "response_topic": "r",
        "subscription_identifiers": [7],
        "user_properties": [["k", "v"]],
    }


def test_a_pipe_carries_many_lines(port: int) -> None:
    lines = b"".join(b"%d\n" % number for number in range(2000))
    command = [sys.executable, "-m", "myna"]
    where = ["-p", str(port), "-q", "2", "-t", "pipe"]
    session = ["-c", "-i", "piped"]
    subprocess.run([*command, "sub", *where, *session, "-E"], check=True, timeout=PATIENCE)
    subprocess.run([*command, "pub", *where, "-l"], input=lines, check=True, timeout=PATIENCE)
    done = subprocess.run(
        [*command, "sub", *where, *session, "-C", "2000"], capture_output=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == lines


@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.parametrize("load", ["pairs", "fanout", "fanin", "rate"])
def test_a_load_is_measured_and_complete(port: int, load: str, qos: str, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--pairs", "5", "--subscribers", "5", "--publishers", "5", "--rate", "500"]
    short = ["--seconds", "0.1", "--warm-up", "0.05", "--quiet", "--json"]
    assert main(["bench", load, "-p", str(port), "--qos", qos, *few, *short]) == 0
    assert json.loads(capsys.readouterr().out)["complete"]
