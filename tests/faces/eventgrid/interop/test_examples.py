"""The examples of the manual's page, pasted into a shell."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faces.eventgrid.interop.conftest import Broker

PAGE = Path(__file__).resolve().parents[4] / "docs" / "faces" / "eventgrid.md"
EXAMPLES = re.findall(r"```sh\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PATIENCE = 60.0

# What shows each of them, in their order, and what they must say.
SAID = [
    ("mqtt-response-topic: devices/d1/reply", ["204 No Content", "mqtt-reason-code: 16"]),
    ("-X DELETE", ['"topic":"devices/d2/state"', "x-ms-mqtt-qos: 1", "\non", "204 No Content"]),
    ("mqtt-reply-wait-ms", ["21 degrees", "mqtt-reason-code: 0"]),
    (":batch", ['[{"status":204},{"status":204}]']),
    ("Last-Event-ID", ['"payload":"while you were away"']),
]


@pytest.mark.parametrize(("example", "shows", "said"), [(EXAMPLES[at], *SAID[at]) for at in range(len(SAID))])
def test_an_example_does_what_it_says(
    example: str, shows: str, said: list[str], broker: Broker, tmp_path: Path
) -> None:
    shell = shutil.which("bash")
    if shell is None or shutil.which("curl") is None:
        pytest.skip("bash and curl are not installed")
    assert shows in example
    done = subprocess.run(
        [shell, "-c", example.replace("http://localhost:8080", broker.url)],
        cwd=tmp_path,
        env={**os.environ, "TOKEN": broker.token},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    for words in said:
        assert words in done.stdout, done.stdout + done.stderr


def test_every_example_is_tried() -> None:
    assert len(EXAMPLES) == len(SAID)
