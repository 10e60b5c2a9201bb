"""Where a broker is: the URL forms, their default ports, and what TLS needs to know.

    mqtt://[user[:password]@]host[:port][/topic]     mqtts://…     as mosquitto_pub -L has it
    ws://host[:port][/path]                          wss://…       MQTT over WebSocket, path /mqtt unless given
    unix:///path/of/socket

Opens nothing. What a newcomer gets wrong: what follows the host is a topic in mqtt(s) and a path in ws(s).
"""

import ssl
import sys
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443, "unix": 0}
DEFAULT_PATH: Final = "/mqtt"


@dataclass(frozen=True)
class Tls:
    """Whom to trust, and how to prove who we are."""

    authorities: str | None = None  # a file of certificates; the system's if None
    authorities_folder: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False

    def files(self) -> str:
        """Those named, for a message about one that cannot be used."""
        named = (self.authorities, self.authorities_folder, self.certificate, self.key)
        return ", ".join(name for name in named if name is not None) or "the system's certificates"

    def context(self) -> ssl.SSLContext:
        """Raises OSError if a file cannot be read or is none.

        Insecure means that the host name is not checked, and where no authority is given, neither is the certificate.
        """
        context = ssl.create_default_context(cafile=self.authorities, capath=self.authorities_folder)
        if self.insecure:
            context.check_hostname = False
            if self.authorities is None and self.authorities_folder is None:
                context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key, None if sys.stdin.isatty() else _no_password)
        return context


def _no_password() -> str:
    """Nobody can be asked for one."""
    raise OSError("the key is encrypted, and there is no terminal to ask for its password")


@dataclass(frozen=True)
class Address:
    scheme: str = "mqtt"
    host: str = "localhost"
    port: int = DEFAULT_PORTS["mqtt"]
    path: str = ""  # of a WebSocket or a unix socket
    tls: Tls | None = None

    def __str__(self) -> str:
        if self.scheme == "unix":
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"


@dataclass(frozen=True)
class Url:
    """A URL taken apart."""

    address: Address
    user_name: str | None = None
    password: str | None = None
    topic: str | None = None


def parse_url(text: str, tls: Tls | None = None) -> Url:
    """Raises ValueError with a text that shows the form expected."""
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise ValueError(
            f"{text}: not a broker's URL. Try mqtt://host:1883, mqtts://, ws://host/mqtt, wss:// or unix://"
        )
    if scheme == "unix":
        if not parts.path:
            raise ValueError(f"{text}: a unix socket has a path, as in unix:///run/myna.sock")
        return Url(Address("unix", "localhost", 0, unquote(parts.netloc + parts.path)))
    try:
        port = parts.port if parts.port is not None else DEFAULT_PORTS[scheme]
    except ValueError:
        raise ValueError(f"{text}: the port is a number from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError(f"{text}: there is no host in it")
    secure = (tls or Tls()) if scheme in ("mqtts", "wss") else None
    is_websocket = scheme in ("ws", "wss")
    path = (parts.path or DEFAULT_PATH) + (f"?{parts.query}" if parts.query else "") if is_websocket else ""
    topic = None if is_websocket or len(parts.path) < 2 else unquote(parts.path[1:])
    user_name = unquote(parts.username) if parts.username is not None else None
    password = unquote(parts.password) if parts.password is not None else None
    return Url(Address(scheme, parts.hostname, port, path, secure), user_name, password, topic)
