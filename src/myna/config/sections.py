"""What a configuration says, one frozen struct per section. Plain data: whoever builds something reads its part.

Every field's comment is its manual. What a newcomer gets wrong: a default here is for a configuration file, where
nothing is open unless it says so; `development()` in `load` is what runs without one.
"""

from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from myna.config.limits import PROFILES, LimitSettings, Profile
from myna.config.quantities import Address, Duration, Size
from myna.config.rules import RulesSettings

Count = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0)]
SHORTEST_TOKEN: Final = 32  # bytes; nobody guesses those


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


class Protection(Section, frozen=True):
    """Of the whole process, against floods and against guessing. 0 means no bound."""

    connections: Count = 0  # connected clients of all tenants
    sessions: Count = 0  # connected or not
    connects_per_second: Rate = 0.0  # accepted CONNECTs of all tenants
    subscriptions: Count = 0  # of all sessions
    retained_memory: Size = Size(1024 * 1024 * 1024)  # retained messages of all tenants; beyond, they are not kept
    queue_memory: Size = Size(1024 * 1024 * 1024)  # what waits in all sessions; beyond, each may hold 64 KiB
    idle_tenant: Duration = Duration(300)  # a tenant that has held nothing for so long is forgotten
    # Before anybody has said who he is.
    sockets: Count = 0  # connections of any kind; 0: as many as files may be open, less 64 for the broker's own
    half_open: Count = 10_000  # connections that have not; further ones are closed at once
    connections_per_address: Count = 0  # on all listeners; an IPv6 host counts by its /64
    accepts_per_turn: Annotated[int, Meta(ge=1)] = 16  # between two looks at those who are connected
    accepts_per_second: Rate = 0.0  # further ones wait in the kernel's queue
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks whose PROXY protocol headers are believed
    # Guessing.
    login_failures: Count = 20  # by one name from one address within `login_window`, and names from one address
    login_failures_per_name: Count = 100  # on one user name, from anywhere; from then on strangers are answered late
    login_window: Duration = Duration(300)
    login_wait: Duration = Duration(300)  # the longest wait of an address; it begins with 1 s and doubles
    # Clients that come and go without end.
    flapping_connects: Count = 0  # of one client within `flapping_window`, from which it is banned; 0 for never
    flapping_window: Duration = Duration(60)
    flapping_ban: Duration = Duration(300)

    def __post_init__(self) -> None:
        for text in self.trusted_proxies:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f'trusted_proxies: "{text}" is neither an address nor a network') from None


class TlsName(Section, frozen=True):
    """Another certificate of the same listener, for clients that ask for one of its names (SNI)."""

    certificate: str  # PEM, the chain included
    key: str  # PEM, not encrypted
    hosts: tuple[str, ...] = ()  # the names, "*.example.com" among them; those that the certificate holds unless said


class Tls(Section, frozen=True):
    certificate: str = ""  # PEM, the chain included
    key: str = ""  # PEM, not encrypted
    client_ca: str = ""  # PEM: who may sign client certificates
    client_certificate: Literal["no", "optional", "required"] = "no"
    crl: str = ""  # PEM: which client certificates have been revoked; it must be renewed before it is out of date
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    ciphers: str = ""  # for TLS 1.2, as OpenSSL spells them; empty for those with forward secrecy and AEAD
    names: tuple[TlsName, ...] = ()  # other certificates, by the name a client asks for; written [[tls.names]]

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("a certificate needs its key and the reverse: set both `certificate` and `key`")
        if self.client_certificate != "no" and not self.client_ca:
            raise ValueError(f'client_certificate = "{self.client_certificate}" needs `client_ca`: whom to trust')
        if self.crl and self.client_certificate == "no":
            raise ValueError('`crl` revokes client certificates; set client_certificate = "required" or "optional"')


class Administration(Section, frozen=True):
    """Who may look after the broker; what is below /api/admin is always the administrator's alone."""

    token: str = ""  # instead of the one that is made and kept in the data folder as admin-token.key
    metrics: Literal["token", "open"] = "token"  # who may read /metrics: the administrator, or everybody

    def __post_init__(self) -> None:
        if self.token and len(self.token.encode()) < SHORTEST_TOKEN:
            raise ValueError(
                f"the administrator's token has at least {SHORTEST_TOKEN} bytes; try: openssl rand -hex 32"
            )
        if not (self.token.isascii() and self.token.isprintable()) or " " in self.token:
            raise ValueError("the administrator's token is sent in a header: ASCII letters, digits and signs only")


class Listener(Section, frozen=True):
    listen: Address
    proxy_protocol: bool = False  # only from `protection.trusted_proxies`, each connection begins with a PROXY header
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


class Routing(Section, frozen=True):
    """Messages that leave. `destinations` and `rules` are decoded where their kinds are known."""

    namespace: str = ""  # what events of messages come from; the name of [faces.eventgrid] unless it is said here
    source: str = ""  # what events of clients come from; the vendor's resource path with zeros unless it is said
    origin: str = ""  # who we say we are to endpoints that ask: our host name
    destinations: dict[str, "Table"] = field(default_factory=dict)
    rules: dict[str, "Table"] = field(default_factory=dict)


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
    protection: Protection = Protection()
    mqtt: tuple[MqttListener, ...] = ()
    http: tuple[Listener, ...] = ()
    bifromq: tuple[Listener, ...] = ()
    admin: tuple[Listener, ...] = ()  # if there are any, /api/admin and /metrics are there and nowhere else
    administration: Administration = Administration()
    tls: Tls = Tls()
    log: Log = Log()
    access: Access = Access()
    rules: RulesSettings | None = None  # None: whoever is let in may do everything, but for dialects with own rules
    profile: Profile = ""
    limits: LimitSettings = LimitSettings()  # what the file says itself; see `limits_of`
    tenants: dict[str, TenantSettings] = field(default_factory=dict)
    routing: Routing = Routing()
    faces: dict[str, Table] = field(default_factory=dict)  # enabled ones, with their own settings
    development: bool = False  # no file: loopback only, open gate, well-known keys

    def limits_of(self, tenant: str | None = None, provided: LimitSettings | None = None) -> LimitSettings:
        """All that is said of a tenant's limits, or of everybody's. `provided`: what somebody outside says of them."""
        everybody = self.limits.over(PROFILES[self.profile])
        settings = None if tenant is None else self.tenants.get(tenant)
        below = everybody if settings is None or settings.profile is None else PROFILES[settings.profile]
        if provided is not None:
            below = provided.over(below)
        return below if settings is None else settings.limits.over(below)
