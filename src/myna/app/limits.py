"""Limits from a configuration's words to the core's: whole seconds, versions by number, its defaults elsewhere."""

from typing import Final

from myna.config import Config
from myna.config.limits import LimitSettings
from myna.core.broker import Broker
from myna.core.limits import NEVER, Limits, vars_of

LEVELS: Final = {"3.1": 3, "3.1.1": 4, "5": 5}


def core_limits(settings: LimitSettings) -> Limits:
    limits = Limits()
    for name, value in settings.said().items():
        setattr(limits, name, core_value(value))
    return limits


def core_value(value: object) -> object:
    """A single limit as the core holds it."""
    if isinstance(value, tuple):
        return tuple(LEVELS[version] for version in value)
    if value == float("inf"):
        return NEVER
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value if type(value) is float else int(value)


class TenantLimits:
    """The limits of tenants that have any of their own: by the configuration, or by what somebody outside says."""

    def __init__(self, broker: Broker, config: Config) -> None:
        self._broker = broker
        self._config = config
        self._provided: dict[str, LimitSettings] = {}

    def provide(self, tenant: str, limits: LimitSettings | None) -> None:
        """Somebody outside says this, or nothing any more."""
        if limits is None:
            self._provided.pop(tenant, None)
        else:
            self._provided[tenant] = limits
        known = limits is not None or tenant in self._config.tenants
        self._broker.limit_tenant(tenant, self._of(tenant) if known else None)

    def use(self, config: Config) -> None:
        """The configuration has been read again."""
        self._config = config
        by_tenant = {name: self._of(name) for name in (*config.tenants, *self._provided)}
        self._broker.set_limits(core_limits(config.limits_of()), by_tenant)

    def _of(self, tenant: str) -> Limits:
        return core_limits(self._config.limits_of(tenant, self._provided.get(tenant)))


def tenant_limits(config: Config) -> dict[str, Limits]:
    return {name: core_limits(config.limits_of(name)) for name in config.tenants}


def largest_packet(config: Config) -> int:
    """What a client may send before anybody knows whose limits hold for it."""
    sizes = [core_limits(config.limits_of(tenant)).packet_size for tenant in (None, *config.tenants)]
    return 0 if 0 in sizes else max(sizes)


def changed_limits(config: Config, tenant: str | None = None) -> dict[str, tuple[object, object]]:
    """The limits that differ from what would hold otherwise, each with that: for a tenant without a profile of its own
    what holds for everybody, else the broker's defaults.
    """
    follows = tenant is not None and config.tenants[tenant].profile is None
    usual = vars_of(core_limits(config.limits_of()) if follows else Limits())
    said = config.limits_of(tenant).said()
    return {name: (value, usual[name]) for name, value in said.items() if core_value(value) != usual[name]}
