"""mosquitto_pub and mosquitto_sub, the commands people try a broker with; and a mosquitto that bridges to ours."""

import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.processes import PATIENCE, Serving

pytestmark = pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="mosquitto-clients is not installed")
VERSIONS = ("mqttv31", "mqttv311", "mqttv5")


def command(broker: Serving, name: str, version: str, *arguments: str) -> list[str]:
    host, port = broker.address("mqtt")
    return [name, "-h", host, "-p", str(port), "-V", version, *arguments]


def subscriber(broker: Serving, version: str, *arguments: str) -> subprocess.Popen[str]:
    """A mosquitto_sub whose subscription stands: it says so with -d."""
    process = subprocess.Popen(
        ["stdbuf", "-oL", *command(broker, "mosquitto_sub", version, "-d", *arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # it is a pipe
    for line in process.stdout:
        if line.startswith("Subscribed"):
            return process
    raise AssertionError("mosquitto_sub did not subscribe")


def payloads(process: subprocess.Popen[str]) -> list[str]:
    """All it prints from here on; it ends by itself, by -C or -W."""
    with process:
        assert process.stdout is not None  # it is a pipe
        out = process.stdout.read()  # not communicate(): that would miss what has been read ahead
    return [line for line in out.splitlines() if line and not line.startswith(("Client ", "Subscribed"))]


@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_one_publishes_the_other_prints(broker: Serving, version: str, qos: str) -> None:
    topic = f"mosquitto/{uuid.uuid4().hex}"
    listening = subscriber(broker, version, "-t", f"{topic}/#", "-q", qos, "-C", "2", "-W", "10")
    for text in ("one", "two"):
        publishing = command(broker, "mosquitto_pub", version, "-t", f"{topic}/x", "-q", qos, "-m", text)
        subprocess.run(publishing, check=True, timeout=PATIENCE)
    assert payloads(listening) == ["one", "two"]


def test_many_lines_from_standard_input_arrive_in_order(broker: Serving) -> None:
    topic = f"mosquitto/{uuid.uuid4().hex}"
    lines = [str(number) for number in range(2000)]
    listening = subscriber(broker, "mqttv5", "-t", topic, "-q", "1", "-C", str(len(lines)), "-W", "20")
    publishing = command(broker, "mosquitto_pub", "mqttv311", "-t", topic, "-q", "1", "-l")
    subprocess.run(publishing, input="\n".join(lines), text=True, check=True, timeout=PATIENCE)
    assert payloads(listening) == lines


def test_a_retained_message_reaches_later_subscribers(broker: Serving) -> None:
    topic = f"mosquitto/{uuid.uuid4().hex}"
    keep = command(broker, "mosquitto_pub", "mqttv5", "-t", topic, "-r", "-m", "kept")
    subprocess.run(keep, check=True, timeout=PATIENCE)
    listening = subscriber(broker, "mqttv5", "-t", topic, "-C", "1", "-W", "10")
    assert payloads(listening) == ["kept"]


@contextmanager
def bridged(broker: Serving, folder: Path) -> Iterator[int]:
    """The port of a mosquitto that has `bridge/#` in common with the broker."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    host, port = broker.address("mqtt")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own_port = taken.getsockname()[1]
    configuration = folder / "mosquitto.conf"
    folder.chmod(0o755)  # it gives up root before it is done reading
    configuration.write_text(
        f"listener {own_port} 127.0.0.1\nallow_anonymous true\nlog_type all\n"
        f"connection ours\naddress {host}:{port}\ntopic bridge/# both 1\n"
    )
    process = subprocess.Popen([program, "-v", "-c", str(configuration)], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None  # it is a pipe
        assert any("Received SUBACK" in line for line in process.stderr), "it did not connect"
        yield own_port
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_a_mosquitto_bridges_to_it_as_it_is(broker: Serving, tmp_path: Path) -> None:
    with bridged(broker, tmp_path) as port:
        theirs = ["-h", "127.0.0.1", "-p", str(port), "-q", "1"]
        there = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", *theirs, "-d", "-t", "bridge/#", "-C", "2", "-W", "20"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert there.stdout is not None  # it is a pipe
        assert any(line.startswith("Subscribed") for line in there.stdout)
        here = subscriber(broker, "mqttv5", "-t", "bridge/#", "-q", "1", "-C", "1", "-W", "20")
        publish = ["mosquitto_pub", *theirs, "-t", "bridge/x", "-m", "one"]
        subprocess.run(publish, check=True, timeout=PATIENCE)
        assert payloads(here) == ["one"]
        back = command(broker, "mosquitto_pub", "mqttv311", "-q", "1", "-t", "bridge/x", "-m", "two")
        subprocess.run(back, check=True, timeout=PATIENCE)
        assert payloads(there) == ["one", "two"]  # and not "one" once more
