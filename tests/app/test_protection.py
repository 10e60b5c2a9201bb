"""What [protection] says is what the parts of the process keep to, also after it has been read again."""

import asyncio
import resource

import pytest

from myna.app.protection import most_sockets, protect
from myna.config import load_text
from myna.net.listeners import Listeners
from myna.testing import World
from myna.watch.flapping import Flapping

FILE = b"""
[protection]
connections = 1
sessions = 2
connects_per_second = 3
queue_memory = "4 KiB"
subscriptions = 18
retained_memory = "19 KiB"
idle_tenant = "5 s"
sockets = 20
half_open = 6
connections_per_address = 7
accepts_per_turn = 8
accepts_per_second = 9
trusted_proxies = ["10.0.0.0/8"]
login_failures = 11
login_failures_per_name = 12
login_window = "13 s"
login_wait = "14 s"
flapping_connects = 15
flapping_window = "16 s"
flapping_ban = "17 s"
"""


def test_every_setting_reaches_its_part() -> None:
    async def scenario() -> None:
        broker = World().broker
        listeners = Listeners(asyncio.get_running_loop(), broker)
        flapping = Flapping(broker)
        protect(load_text(FILE, "", {}).config, broker, listeners, flapping)
        process, door, logins = broker.process, listeners.doorstep.limits, broker.logins
        assert (process.connections, process.sessions, process.connects_per_second) == (1, 2, 3.0)
        assert (broker.census.most_subscriptions, broker.census.most_retained_bytes) == (18, 19 * 1024)
        assert broker.connect_rate is not None
        assert (broker.queued.limit, process.idle_tenant) == (4096, 5.0)
        assert (door.sockets, door.half_open, door.connections_per_address) == (20, 6, 7)
        assert (door.accepts_per_turn, door.accepts_per_second) == (8, 9.0)
        assert listeners.proxies._trusts(("10.1.2.3", 4))
        assert not listeners.proxies._trusts(("11.1.2.3", 4))
        assert (logins.failures, logins.failures_per_name, logins.window, logins.longest) == (11, 12, 13.0, 14.0)
        assert (flapping.connects, flapping.window, flapping.ban) == (15, 16.0, 17.0)
        listeners.close()

    asyncio.run(scenario())


def test_unless_said_otherwise_connections_leave_the_broker_files_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in ((1024, 960), (100, 64), (resource.RLIM_INFINITY, 0)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert most_sockets() == most
