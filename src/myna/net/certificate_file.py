"""What a PEM file says of itself: the names its certificate holds, and when it is out of date.

What a newcomer gets wrong: the file of a chain is out of date with the first of its certificates. And a broker without
TLS must not pay for the library, so this module is imported where it is used.
"""

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID


def names_in(path: str) -> list[str]:
    """The DNS names that the first certificate stands for; nothing where it cannot be read, which others report."""
    found = _read(path)
    if not found:
        return []
    try:
        names = found[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return [str(one.value) for one in found[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:
        return []


def expires_at(path: str) -> float | None:
    """When the first of its certificates expires, or its revocation list is out of date; None for neither."""
    moments = [one.not_valid_after_utc for one in _read(path)]
    moments += [moment for moment in (_next_update(path),) if moment is not None]
    return min(moments).timestamp() if moments else None


def _read(path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError):
        return []


def _next_update(path: str) -> datetime | None:
    try:
        return x509.load_pem_x509_crl(Path(path).read_bytes()).next_update_utc
    except (OSError, ValueError):
        return None
