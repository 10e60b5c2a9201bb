"""A certificate authority in a folder: its own certificate and key, and those it has signed.

    ca.pem ca.key    server.pem server.key    client-NAME.pem client-NAME.key    crl.pem

Everything is for its owner's eyes only. What a newcomer gets wrong: this is for development. Whoever has ca.key can be
any server and any client, so it belongs to nobody but the machine it was made on.
"""

import ipaddress
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS: Final = 3650
_HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
EARLIER: Final = timedelta(minutes=5)  # clocks differ


class CannotMake(Exception):
    """Says what is in the way, and what to do."""


class Authority:
    """Made on first use, and kept in the folder from then on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_new = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._certificate, self._key = self._open()
        except OSError as error:
            raise CannotMake(f"cannot use {folder}: {error.strerror}") from None

    def server(self, names: Sequence[str], days: int) -> tuple[Path, Path]:
        extension = x509.SubjectAlternativeName([_general_name(name) for name in names])
        return self._sign("server", names[0], ExtendedKeyUsageOID.SERVER_AUTH, days, extension)

    def client(self, name: str, days: int) -> tuple[Path, Path]:
        return self._sign(f"client-{name}", name, ExtendedKeyUsageOID.CLIENT_AUTH, days, None)

    def revoke(self, name: str, days: int) -> Path:
        """Put a client on the list of those who are not believed any more."""
        target = self.folder / "crl.pem"
        revoked = self._load(self.folder / f"client-{name}.pem")
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._certificate.subject)
        builder = builder.last_update(now - EARLIER).next_update(now + timedelta(days=days))
        entry = x509.RevokedCertificateBuilder().serial_number(revoked.serial_number).revocation_date(now).build()
        if target.exists():
            for before in x509.load_pem_x509_crl(target.read_bytes()):
                if before.serial_number != revoked.serial_number:
                    builder = builder.add_revoked_certificate(before)
        signed = builder.add_revoked_certificate(entry).sign(self._key, hashes.SHA256())
        _write(target, signed.public_bytes(serialization.Encoding.PEM))
        return target

    def _open(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        certificate, key = self.folder / "ca.pem", self.folder / "ca.key"
        if certificate.exists() and key.exists():
            held = _load_key(key)
            return self._load(certificate), held
        self.is_new = True
        made = ec.generate_private_key(ec.SECP256R1())
        name = _name("Myna development CA")
        builder = _builder(name, name, made.public_key(), AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_others=True), critical=True)
        signed = builder.sign(made, hashes.SHA256())
        _write(key, _key_bytes(made))
        _write(certificate, signed.public_bytes(serialization.Encoding.PEM))
        return signed, made

    def _sign(
        self,
        file: str,
        name: str,
        usage: x509.ObjectIdentifier,
        days: int,
        names: x509.SubjectAlternativeName | None,
    ) -> tuple[Path, Path]:
        made = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._certificate.subject, made.public_key(), days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_others=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        certificate, key = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        try:
            _write(key, _key_bytes(made))
            _write(certificate, signed.public_bytes(serialization.Encoding.PEM))
        except OSError as error:
            raise CannotMake(f"cannot write {certificate}: {error.strerror}") from None
        return certificate, key

    def _load(self, path: Path) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except FileNotFoundError:
            raise CannotMake(f"there is no {path}") from None
        except ValueError:
            raise CannotMake(f"{path} is no certificate; move it away and try again") from None


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CannotMake(f"{path} is no key that was made here; use another folder")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - EARLIER).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    except ValueError:
        raise CannotMake(f"{common!r} cannot be a common name: it has 1 to 64 characters") from None


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        host = name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):
        raise CannotMake(f"{name!r} is neither a host name nor an address")
    return x509.DNSName(host)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """In place whole, and for its owner only from the first byte."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
