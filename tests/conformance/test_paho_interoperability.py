"""The Eclipse Paho interoperability suites, unmodified, each test in a process of its own against one broker per suite.

Set MYNA_PAHO_TESTING to a checkout of eclipse/paho.mqtt.testing; see README.md. The suites count what they see, so
nothing else may use their broker meanwhile.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(os.environ.get("MYNA_PAHO_TESTING", ""))
SUITES = CHECKOUT / "interoperability"
ONE_TEST = 60.0
BROKER = Path(__file__).with_name("paho_broker.py")

# The older suite cannot be told its port; this is its own main with the port put in.
RUN_3 = """
import sys, unittest, client_test as c
c.host, c.port = "127.0.0.1", int(sys.argv[1])
c.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
c.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
c.nosubscribe_topics = ("test/nosubscribe",)
unittest.main(module=c, argv=["client_test", sys.argv[2]])
"""


def names_in(file: str) -> list[str]:
    path = SUITES / file
    return re.findall(r"^    def (test\w+)", path.read_text(), re.MULTILINE) if path.exists() else []


pytestmark = pytest.mark.skipif(not SUITES.is_dir(), reason="MYNA_PAHO_TESTING names no checkout of the suites")


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with subprocess.Popen([sys.executable, BROKER], stdout=subprocess.PIPE, text=True) as broker:
        try:
            assert broker.stdout is not None  # it is a pipe
            yield broker.stdout.readline().strip()
        finally:
            broker.terminate()


@pytest.mark.parametrize("name", names_in("client_test.py"))
def test_the_suite_for_3_1_1_passes(port: str, name: str) -> None:
    run([sys.executable, "-c", RUN_3, port, f"Test.{name}"])


@pytest.mark.parametrize("name", names_in("client_test5.py"))
def test_the_suite_for_5_passes(port: str, name: str) -> None:
    run([sys.executable, "client_test5.py", "-p", port, f"Test.{name}"])


def run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SUITES, capture_output=True, text=True, timeout=ONE_TEST, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
