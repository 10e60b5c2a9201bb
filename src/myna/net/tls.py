"""TLS settings become a context; the certificate a client showed becomes a value that gates can read.

Contexts are held by `TlsContexts`, which listeners ask at each accept: new certificates are used from the next
connection on and no connection is dropped. A changed file makes a new context, and the session tickets of the old one
are void. What a newcomer gets wrong: Python hands out a client's certificate only if it was verified against
`client_ca`, so there is no such thing here as an unverified one.
"""

import hashlib
import logging
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakSet

if TYPE_CHECKING:
    from myna.net.trust import Trust

VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
DEMANDS: Final = {"no": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
# For TLS 1.2: forward secrecy and authenticated encryption, nothing else. TLS 1.3 has no others.
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
TICKETS: Final = 1  # for TLS 1.3; a client comes back on one connection

WORDS: Final = {
    "HTTP_REQUEST": "plain HTTP where TLS is spoken",
    "WRONG_VERSION_NUMBER": "no TLS",
    "UNSUPPORTED_PROTOCOL": "its TLS is older than minimum_version",
    "NO_SHARED_CIPHER": "it knows none of the ciphers",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate, and one is required",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust our certificate: it must know who signed it",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not trust our certificate",
    "UNEXPECTED_EOF_WHILE_READING": "",
}

Stamp = tuple[tuple[int, int, int, int] | None, ...]

log = logging.getLogger("myna.net")


class TlsError(Exception):
    """The settings cannot be used; says which file and why."""


@dataclass(frozen=True, slots=True)
class TlsName:
    """Another certificate, for those who ask for one of `hosts`; without any, for the names that it holds."""

    certificate: str
    key: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsSettings:
    certificate: str
    key: str
    client_ca: str = ""
    client_certificate: Literal["no", "optional", "required"] = "no"
    crl: str = ""
    minimum_version: Literal["1.2", "1.3"] = "1.2"
    ciphers: str = ""  # TLS 1.2 only; empty for CIPHERS
    names: tuple[TlsName, ...] = ()

    def files(self) -> list[str]:
        """Everything that is read, the certificates first."""
        pairs = [(self.certificate, self.key), *((one.certificate, one.key) for one in self.names)]
        return [file for file in (*[file for pair in pairs for file in pair], self.client_ca, self.crl) if file]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Certificate:
    """A client's certificate. `names` are its subject alternative names by kind: DNS, URI, IP Address, email.

    `trusted` until those it was verified by are no longer there, or have revoked it: see `TlsContexts.reload`.
    """

    common_name: str
    subject: tuple[tuple[str, str], ...]
    names: dict[str, tuple[str, ...]]
    sha1: str
    sha256: str
    trusted: bool = True
    expires_at: float = 0.0
    der: bytes = field(default=b"", repr=False)


class TlsContexts:
    """The context in use for one listener, and how to replace it. `distrusted` is called when certificates that were
    shown before are no longer trusted.
    """

    def __init__(
        self,
        settings: TlsSettings,
        protocols: tuple[str, ...] = (),
        distrusted: Callable[[], None] = lambda: None,
    ) -> None:
        self._protocols = protocols
        self._distrusted = distrusted
        self._shown: WeakSet[Certificate] = WeakSet()  # of connections that are open
        self.settings = settings
        self.outdated = False  # there are new files, and they cannot be used
        self._loaded = self._seen = _stamp(settings)
        self.current = make_context(settings, protocols, self._shown)
        self._trust = _trust_of(settings)

    def reload(self, settings: TlsSettings | None = None) -> None:
        """Read the files again. On a TlsError the old context stays in use."""
        wanted = settings or self.settings
        stamp = _stamp(wanted)
        self.current = make_context(wanted, self._protocols, self._shown)
        self.settings = wanted
        self.outdated = False
        self._loaded = self._seen = stamp
        self._look_through()

    def look(self, listener: str) -> None:
        """Once a second: have the files changed, and been left alone since the last look? Then they are read.

        A certificate and its key are two files, and nobody replaces them both in one moment.
        """
        stamp = _stamp(self.settings)
        if stamp == self._loaded or stamp != self._seen:
            self._seen = stamp
            return
        try:
            self.reload()
            log.info("listener %s: certificates read again; the next connections get them", listener)
        except TlsError as error:
            self._loaded = stamp  # said once, until they change again
            self.outdated = True
            log.error("listener %s: the NEW CERTIFICATE IS NOT IN USE, the old one stays: %s", listener, error)

    def _look_through(self) -> None:
        """Those whose certificate was verified by the files before: would it be now?"""
        before, now = self._trust, _trust_of(self.settings)
        self._trust = now
        if now is None:
            return
        same = before is not None and now.has_same_authorities(before)
        lost = [one for one in self._shown if not (same or now.covers(one.der)) or now.has_revoked(one.der)]
        for one in lost:
            one.trusted = False
        if lost:
            self._distrusted()


class _Context(ssl.SSLContext):
    """Remembers which certificates it has verified, as long as anybody holds them."""

    shown: "WeakSet[Certificate] | None" = None


def make_context(
    settings: TlsSettings, protocols: tuple[str, ...] = (), shown: "WeakSet[Certificate] | None" = None
) -> ssl.SSLContext:
    """The context of a listener, which knows those of its other names. `shown` gets the certificates of clients."""
    from myna.net.certificate_file import names_in  # noqa: PLC0415  only who uses TLS pays for it

    context = _context_of(settings, settings.certificate, settings.key, protocols, shown)
    by_host: dict[str, ssl.SSLContext] = {}
    for one in settings.names:
        other = _context_of(settings, one.certificate, one.key, protocols, shown)
        for host in one.hosts or names_in(one.certificate):
            by_host.setdefault(host.lower(), other)
    if by_host:
        context.sni_callback = _Choice(by_host)
    return context


class _Choice:
    """Which certificate a client gets: by the name it asks for, or by `*.` and what follows its first dot."""

    def __init__(self, by_host: dict[str, ssl.SSLContext]) -> None:
        self._by_host = by_host

    def __call__(self, connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        if host is None:
            return
        host = host.lower()
        found = self._by_host.get(host) or self._by_host.get(f"*.{host.partition('.')[2]}")
        if found is not None:
            connection.context = found


def _context_of(
    settings: TlsSettings,
    certificate: str,
    key: str,
    protocols: Sequence[str],
    shown: "WeakSet[Certificate] | None",
) -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.shown = shown
    context.minimum_version = VERSIONS[settings.minimum_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if protocols:
        context.set_alpn_protocols(list(protocols))
    context.num_tickets = TICKETS
    _load_pair(context, certificate, key)
    context.verify_mode = DEMANDS[settings.client_certificate]
    if settings.client_certificate != "no":
        _load_authority(context, settings.client_ca)
        if settings.crl:
            _load_revoked(context, settings.crl)
    try:
        context.set_ciphers(settings.ciphers or CIPHERS)
    except ssl.SSLError as error:
        raise TlsError(f"no usable cipher in {settings.ciphers!r}: {error}") from error
    return context


def explain_handshake(error: OSError) -> str:
    """Why no connection came about, in words; empty where the other side just went."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return WORDS.get(error.reason or "", (error.reason or "").lower().replace("_", " "))
    return "it did not end the handshake in time" if isinstance(error, TimeoutError | ConnectionAbortedError) else ""


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
    certificate = Certificate(
        common_name=next((value for key, value in subject if key == "commonName"), ""),
        subject=subject,
        names=names,
        sha1=hashlib.sha1(binary, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(binary).hexdigest(),
        expires_at=ssl.cert_time_to_seconds(values["notAfter"]) if "notAfter" in values else 0.0,
        der=binary,
    )
    context = connection.context
    if isinstance(context, _Context) and context.shown is not None:
        context.shown.add(certificate)
    return certificate


def _trust_of(settings: TlsSettings) -> "Trust | None":
    """None where certificates of clients are not asked for."""
    if settings.client_certificate == "no":
        return None
    from myna.net.trust import Trust  # noqa: PLC0415  only who asks for certificates pays for it

    return Trust(settings.client_ca, settings.crl)


def _load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    for path in (certificate, key):
        _require_readable(path)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(
            f"the certificate {certificate} cannot be used with the key {key}: {error}."
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


def _load_revoked(context: ssl.SSLContext, path: str) -> None:
    _require_readable(path)
    before = context.cert_store_stats()["crl"]
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise TlsError(f"the revocation list {path} cannot be used: {error}. It must be PEM") from error
    if context.cert_store_stats()["crl"] == before:
        raise TlsError(f"the revocation list {path} holds none; it must begin with -----BEGIN X509 CRL-----")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _stamp(settings: TlsSettings) -> Stamp:
    """What tells a file from the one that took its place."""
    return tuple(_stamp_of(file) for file in settings.files())


def _stamp_of(file: str) -> tuple[int, int, int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None  # being replaced, or gone: reading it says why
    # With the change of permissions that makes a file readable at last.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _require_readable(path: str) -> None:
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from error
