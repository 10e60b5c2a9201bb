"""The section [protection] becomes the bounds that the parts of one process keep; at the start, and when it changes."""

import resource
from typing import Final

from myna.config import Config
from myna.core.broker import Broker
from myna.core.limits import ProcessLimits
from myna.net.doorstep import DoorstepLimits
from myna.net.listeners import Listeners
from myna.watch.flapping import Flapping

RESERVED: Final = 64  # open files that are no connections: store, log, listeners, certificates, calls to others


def most_sockets() -> int:
    """As many as the process may open, so that a flood of them leaves the broker its own files; 0 for any number."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 0 if most == resource.RLIM_INFINITY else max(most - RESERVED, RESERVED)


def protect(config: Config, broker: Broker, listeners: Listeners, flapping: Flapping) -> None:
    settings = config.protection
    process = ProcessLimits()
    process.connections = settings.connections
    process.sessions = settings.sessions
    process.connects_per_second = settings.connects_per_second
    process.subscriptions = settings.subscriptions
    process.retained_bytes = int(settings.retained_memory)
    process.idle_tenant = float(settings.idle_tenant)
    broker.limit_process(process)
    broker.queued.limit = int(settings.queue_memory)
    door = DoorstepLimits(
        sockets=settings.sockets or most_sockets(),
        half_open=settings.half_open,
        connections_per_address=settings.connections_per_address,
        accepts_per_turn=settings.accepts_per_turn,
        accepts_per_second=settings.accepts_per_second,
    )
    listeners.protect(door, settings.trusted_proxies)
    logins = broker.logins
    logins.failures = settings.login_failures
    logins.failures_per_name = settings.login_failures_per_name
    logins.window = float(settings.login_window)
    logins.longest = float(settings.login_wait)
    flapping.connects = settings.flapping_connects
    flapping.window = float(settings.flapping_window)
    flapping.ban = float(settings.flapping_ban)
