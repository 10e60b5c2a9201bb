"""One broker for the tests of BifroMQ's API: a process with a configuration file, as a deployment runs it."""

from collections.abc import Iterator

import pytest

from tests.commands.processes import Serving, serve

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

CONFIGURATION = """
[[mqtt]]
listen = "127.0.0.1:0"
[[http]]
listen = "127.0.0.1:0"
[[bifromq]]
listen = "127.0.0.1:0"
[access]
mqtt = ["open"]
[server]
memory = true
[tenant.vendor]
profile = "bifromq"
[tenant.forgetful.limits]
retain_available = false
[tenant.narrow.limits]
wildcards_available = false
shared_available = false
subscriptions_per_session = 1
retained_messages = 1
packet_size = 1000
[tenant.pairs.limits]
group_members = 1
"""


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    path = tmp_path_factory.mktemp("bifromq") / "myna.toml"
    path.write_text(CONFIGURATION)
    with serve("-c", str(path), "--log-level", "error") as serving:
        yield serving


@pytest.fixture
def api(broker: Serving) -> "Iterator[object]":
    from tests.faces.bifromq.talk import Api

    api = Api(broker)
    yield api
    api.close()
