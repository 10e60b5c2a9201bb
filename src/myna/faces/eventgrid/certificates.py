"""A verified client certificate -> the registered client it belongs to.

The name comes from the CONNECT's user name or else from the certificate's fields, in the order configured; the
client's registration then says which field must hold that name, or which thumbprints are allowed. What a newcomer
gets wrong: a certificate that somebody trusted has signed is not enough, the client must be registered.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.clients import SOURCES, Client
from myna.faces.eventgrid.rules import Directory
from myna.formats.certificates import Certificate, has_fingerprint, names_in

SCHEMES: Final[dict[str, str]] = {
    "SubjectMatchesAuthenticationName": "ClientCertificateSubject",
    "DnsMatchesAuthenticationName": "ClientCertificateDns",
    "UriMatchesAuthenticationName": "ClientCertificateUri",
    "IpMatchesAuthenticationName": "ClientCertificateIp",
    "EmailMatchesAuthenticationName": "ClientCertificateEmail",
}


class Certificates:
    def __init__(self, tenant: str, directory: Directory, sources: Sequence[str]) -> None:
        self._tenant = tenant
        self._directory = directory
        self._sources = sources

    def identify(self, certificate: object, user_name: str | None) -> Caller | None:
        """None where there is no certificate, or none of a registered client."""
        if not isinstance(certificate, Certificate):
            return None
        named = [("UserName", user_name)] if user_name else self._names(certificate)
        for source, name in named:
            client = self._directory.namespace.find_client(name)
            if client is not None and is_proved(client, certificate):
                return Caller(
                    self._tenant,
                    self._directory,
                    client,
                    client.authentication_name,
                    authentication="CACertificate" if client.scheme in SCHEMES else "CertificateThumbprintMatch",
                    source=source,
                    expires_at=certificate.expires_at,
                )
        return None

    def _names(self, certificate: Certificate) -> Iterator[tuple[str, str]]:
        """Where each stands, and it."""
        imported = self._directory.namespace.configuration.name_sources
        for source in self._sources or imported or ("ClientCertificateSubject",):
            for name in names_in(certificate, SOURCES[source]):
                yield source, name


def is_proved(client: Client, certificate: Certificate) -> bool:
    """Does the certificate show that its bearer is this client?"""
    if client.scheme == "ThumbprintMatch":
        return has_fingerprint(certificate, client.thumbprints)
    source = SCHEMES.get(client.scheme)
    wanted = client.authentication_name.casefold()
    return source is not None and any(one.casefold() == wanted for one in names_in(certificate, SOURCES[source]))
