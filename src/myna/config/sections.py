"""What a configuration says, one frozen struct per section. Plain data: whoever builds something reads its part.

Every field's comment is its manual. What a newcomer gets wrong: a default here is for a configuration file, where
nothing is open unless it says so; `development()` in `load` is what runs without one.
"""

from typing import Any, Literal

from msgspec import Struct, field

from myna.config.limits import PROFILES, LimitSettings, Profile
from myna.config.quantities import Address, Duration, Size
from myna.config.rules import RulesSettings


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """Refuses keys it does not know."""


class Server(Section, frozen=True):
    data: str = "myna-data"  # the folder for all that must survive
    memory: bool = False  # keep nothing
    sync: Literal["full", "normal", "off"] = "full"  # survive power loss; all but the last moments of it; for tests
    wills_at_shutdown: bool = True  # publish the wills of clients that are sent away when the broker stops
    drain: Duration = Duration(5)  # how long stopping may take before open connections are cut
    sys_topics: Duration = Duration(10)  # how often $SYS/broker/… is published in the default tenant; 0 for never


class Network(Section, frozen=True):
    connect_timeout: Duration = Duration(10)  # from the first byte that could come to a whole CONNECT
    slow_reader: Duration = Duration(60)  # a client that takes nothing for so long is cut off; 0 for never
    output_high_water: Size = Size(4 * 1024 * 1024)  # unsent bytes of one connection from which QoS 0 is dropped
    output_memory: Size = Size(256 * 1024 * 1024)  # unsent bytes of all; beyond, each connection may hold 64 KiB
    header_block: Size = Size(64 * 1024)  # the largest HTTP header block; 431 beyond
    request_timeout: Duration = Duration(15)  # for the headers of an HTTP request to arrive
    body_timeout: Duration = Duration(30)  # for its body, longer while at least 1 KiB a second comes
    idle_timeout: Duration = Duration(75)  # of an HTTP connection between requests


class Tls(Section, frozen=True):
    certificate: str = ""  # PEM, the chain included
    key: str = ""  # PEM, not encrypted
    client_ca: str = ""  # PEM: who may sign client certificates
    client_certificate: Literal["no", "optional", "required"] = "no"
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    ciphers: str = ""  # for TLS 1.2; empty for the library's choice

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("a certificate needs its key and the reverse: set both `certificate` and `key`")
        if self.client_certificate != "no" and not self.client_ca:
            raise ValueError(f'client_certificate = "{self.client_certificate}" needs `client_ca`: whom to trust')


class Listener(Section, frozen=True):
    listen: Address
    tls: bool | Tls = False  # true: with the certificate of [tls]; or a table of its own


class MqttListener(Listener, frozen=True):
    access: tuple[str, ...] | None = None  # authenticators of this listener alone, instead of `access.mqtt`
    mode: int = 0o660  # permissions of a unix socket's file


class Log(Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
    connections: bool = True  # a line for each client that comes and goes


class Access(Section, frozen=True):
    """Who may connect, by endpoint. `tables` are the settings of the authenticators, written [access.NAME]."""

    mqtt: tuple[str, ...] = ()
    websocket: tuple[str, ...] | None = None  # MQTT over WebSocket at /mqtt; the same as `mqtt` unless said
    tables: dict[str, "Table"] = field(default_factory=dict)

    def of_websocket(self) -> tuple[str, ...]:
        return self.mqtt if self.websocket is None else self.websocket


class TenantSettings(Section, frozen=True):
    profile: Profile | None = None
    limits: LimitSettings = LimitSettings()


class Table(Struct, frozen=True):
    """Settings that somebody else decodes, when it is known what they belong to; see `decode.decode_table`."""

    path: tuple[str | int, ...]
    values: dict[str, Any]


class Config(Struct, frozen=True):
    server: Server = Server()
    network: Network = Network()
    mqtt: tuple[MqttListener, ...] = ()
    http: tuple[Listener, ...] = ()
    bifromq: tuple[Listener, ...] = ()
    tls: Tls = Tls()
    log: Log = Log()
    access: Access = Access()
    rules: RulesSettings | None = None  # None: whoever is let in may do everything, but for dialects with own rules
    profile: Profile = ""
    limits: LimitSettings = LimitSettings()  # what the file says itself; see `limits_of`
    tenants: dict[str, TenantSettings] = field(default_factory=dict)
    faces: dict[str, Table] = field(default_factory=dict)  # enabled ones, with their own settings
    development: bool = False  # no file: loopback only, open gate, well-known keys

    def limits_of(self, tenant: str | None = None) -> LimitSettings:
        """All that is said of a tenant's limits, or of everybody's."""
        everybody = self.limits.over(PROFILES[self.profile])
        settings = None if tenant is None else self.tenants.get(tenant)
        if settings is None:
            return everybody
        below = everybody if settings.profile is None else PROFILES[settings.profile]
        return settings.limits.over(below)
