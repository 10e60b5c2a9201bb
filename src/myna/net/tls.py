"""TLS settings become a context; the certificate a client showed becomes a value that gates can read.

Contexts are held by `TlsContexts`, which listeners ask at each accept: new certificates are used from the next
connection on and no connection is dropped. What a newcomer gets wrong: Python hands out a client's certificate only
if it was verified against `client_ca`, so there is no such thing here as an unverified one.
"""

import hashlib
import ssl
from dataclasses import dataclass, field
from typing import Any, Final, Literal

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
DEMANDS: Final = {"no": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class TlsError(Exception):
    """The settings cannot be used; says which file and why."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    certificate: str
    key: str
    client_ca: str = ""
    client_certificate: Literal["no", "optional", "required"] = "no"
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    ciphers: str = ""  # TLS 1.2 only; empty for the library's choice


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client's certificate. `names` are its subject alternative names by kind: DNS, URI, IP Address, email."""

    common_name: str
    subject: tuple[tuple[str, str], ...]
    names: dict[str, tuple[str, ...]] = field(hash=False)
    sha1: str
    sha256: str
    verified: bool = True
    binary: bytes = field(default=b"", repr=False)  # DER


class TlsContexts:
    """The context in use for one listener, and how to replace it."""

    def __init__(self, settings: TlsSettings, protocols: tuple[str, ...] = ()) -> None:
        self._protocols = protocols
        self.settings = settings
        self.current = make_context(settings, protocols)

    def reload(self, settings: TlsSettings | None = None) -> None:
        """Read the files again. On a TlsError the old context stays in use."""
        wanted = settings or self.settings
        self.current = make_context(wanted, self._protocols)
        self.settings = wanted


def make_context(settings: TlsSettings, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[settings.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if protocols:
        context.set_alpn_protocols(list(protocols))
    _load_pair(context, settings)
    context.verify_mode = DEMANDS[settings.client_certificate]
    if settings.client_certificate != "no":
        _load_authority(context, settings.client_ca)
    if settings.ciphers:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError as error:
            raise TlsError(f"no usable cipher in {settings.ciphers!r}: {error}") from error
    return context


def read_certificate(connection: ssl.SSLObject) -> Certificate | None:
    """What the client showed, or None."""
    binary = connection.getpeercert(binary_form=True)
    if binary is None:
        return None
    values: dict[str, Any] = dict(connection.getpeercert() or {})
    subject = tuple((str(key), str(value)) for part in values.get("subject", ()) for key, value in part)
    names: dict[str, tuple[str, ...]] = {}
    for kind, name in values.get("subjectAltName", ()):
        names[kind] = (*names.get(kind, ()), str(name))
    return Certificate(
        common_name=next((value for key, value in subject if key == "commonName"), ""),
        subject=subject,
        names=names,
        sha1=hashlib.sha1(binary, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(binary).hexdigest(),
        binary=binary,
    )


def _load_pair(context: ssl.SSLContext, settings: TlsSettings) -> None:
    for path in (settings.certificate, settings.key):
        _require_readable(path)
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(
            f"the certificate {settings.certificate} cannot be used with the key {settings.key}: {error}."
            " Both must be PEM, belong together, and the key must not be encrypted"
        ) from error


def _load_authority(context: ssl.SSLContext, path: str) -> None:
    if not path:
        raise TlsError("client certificates are asked for, but no client_ca says which ones to trust")
    _require_readable(path)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise TlsError(f"the client CA {path} cannot be used: {error}. It must hold PEM certificates") from error


def _require_readable(path: str) -> None:
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from error
