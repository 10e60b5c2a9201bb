"""The integration tests of the original's own MQTT broker, unmodified, against a fresh server.

git clone https://github.com/devicehive/devicehive-mqtt && cd devicehive-mqtt && npm install --ignore-scripts
MYNA_DEVICEHIVE_MQTT=…/devicehive-mqtt pytest tests/faces/devicehive/test_upstream_suite.py
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.commands.processes import Serving, myna

CHECKOUT = os.environ.get("MYNA_DEVICEHIVE_MQTT", "")
CASES = 145


@pytest.mark.slow
def test_the_original_brokers_integration_tests_pass(tmp_path: Path) -> None:
    if not CHECKOUT:
        pytest.skip("MYNA_DEVICEHIVE_MQTT does not name a checkout of devicehive-mqtt")
    node, mocha = shutil.which("node"), Path(CHECKOUT, "node_modules/mocha/bin/mocha.js")
    if node is None or not mocha.is_file():
        pytest.skip("Node, or the checkout's packages (npm install --ignore-scripts), are missing")
    server = myna("serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", str(tmp_path / "data"))
    try:
        host, port = Serving(server).address("mqtt")
        # A separator that a shell leaves alone: the suite's own is a full stop.
        where = {"ENVSEPARATOR": "_", "INTEGRATION_TEST_MQTT_BROKER_URL": f"mqtt://{host}:{port}"}
        done = subprocess.run(
            [node, str(mocha), "test/integration/**/**.spec.js", "--exit"],
            cwd=CHECKOUT,
            env={**os.environ, **where},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert done.returncode == 0, done.stdout[-5000:]
    passing = re.search(r"(\d+) passing", done.stdout)
    assert passing is not None
    assert int(passing[1]) == CASES
