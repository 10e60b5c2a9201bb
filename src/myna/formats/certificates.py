"""What a verified client certificate says of its bearer: names in its subject and its alternative names, fingerprints.

Knows no TLS: whoever speaks that verifies the certificate and hands it on as a value of this shape. What a newcomer
gets wrong: a certificate has several names of a kind, and their spelling has no meaning where it is compared.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, runtime_checkable

# Where a name may stand -> the kind of subject alternative name; None is the subject's common name.
FIELDS: Final[dict[str, str | None]] = {"cn": None, "dns": "DNS", "uri": "URI", "email": "email", "ip": "IP Address"}


@runtime_checkable
class Certificate(Protocol):
    """The part of a verified certificate that is looked at."""

    @property
    def common_name(self) -> str: ...
    @property
    def subject(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def names(self) -> dict[str, tuple[str, ...]]: ...
    @property
    def sha1(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def expires_at(self) -> float: ...


def is_trusted(certificate: object) -> bool:
    """Does TLS still stand by one that it has verified? A connection without any has nothing to be taken back."""
    return certificate is None or bool(getattr(certificate, "trusted", True))


def names_in(certificate: Certificate, field: str) -> tuple[str, ...]:
    kind = FIELDS[field]
    if kind is None:
        return (certificate.common_name,) if certificate.common_name else ()
    return certificate.names.get(kind, ())


def all_names(certificate: Certificate, fields: Sequence[str]) -> Iterator[str]:
    """In the order of the fields."""
    for field in fields:
        yield from names_in(certificate, field)


def subject_value(certificate: Certificate, field: str) -> str:
    """The first one of a field of the subject such as organizationName, or ""."""
    return next((value for key, value in certificate.subject if key == field), "")


def normal_fingerprint(text: str) -> str:
    """As it is compared: without colons, in upper case."""
    return text.replace(":", "").replace(" ", "").upper()


def has_fingerprint(certificate: Certificate, allowed: Iterable[str]) -> bool:
    """Is its SHA-1 or SHA-256 one of these, in their normal form?"""
    shown = [normal_fingerprint(one) for one in (certificate.sha1, certificate.sha256)]
    return any([hmac.compare_digest(one, other) for other in allowed for one in shown])
