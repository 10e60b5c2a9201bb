"""The section [protection] becomes the bounds that the parts of one process keep; at the start, and when it changes."""

from myna.config import Config
from myna.core.broker import Broker
from myna.core.limits import ProcessLimits
from myna.net.doorstep import DoorstepLimits
from myna.net.listeners import Listeners
from myna.watch.flapping import Flapping


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
