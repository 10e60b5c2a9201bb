"""Whether certificates that were verified before would still be: by the authorities and revocation lists of now.

    issuer among the authorities      trusted, unless a list names it
    itself among them                 the same
    issuer elsewhere                  not known here: only its chain could tell, and that was the client's to show

What a newcomer gets wrong: who is not known is sent away all the same when an authority has gone. Coming back, a
client shows its chain again, and TLS verifies that.
"""

from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

_BEGIN: Final = b"-----BEGIN X509 CRL-----"


class Trust:
    """Of a listener's files, as they are when it is made; those that cannot be read trust nobody and revoke nothing."""

    def __init__(self, client_ca: str, crl: str) -> None:
        self._ca = _read(client_ca)
        self._authorities = _certificates_in(self._ca)
        lists = [found for part in _read(crl).split(_BEGIN)[1:] for found in _lists_in(_BEGIN + part)]
        # A list is gone through once, not once for each client.
        self._revoked = {(one.issuer, entry.serial_number) for one in lists for entry in one}

    def has_same_authorities(self, other: "Trust") -> bool:
        return self._ca == other._ca

    def covers(self, der: bytes) -> bool:
        certificate = x509.load_der_x509_certificate(der)
        return any(certificate == one or _has_issued(one, certificate) for one in self._authorities)

    def has_revoked(self, der: bytes) -> bool:
        certificate = x509.load_der_x509_certificate(der)
        return (certificate.issuer, certificate.serial_number) in self._revoked


def _has_issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificates_in(text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        return []


def _lists_in(text: bytes) -> list[x509.CertificateRevocationList]:
    try:
        return [x509.load_pem_x509_crl(text)]
    except ValueError:
        return []


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""
