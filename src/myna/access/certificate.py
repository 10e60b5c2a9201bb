"""Client certificates: whoever signed them is trusted by the listener's TLS, and their bearer is named by a field.

What a newcomer gets wrong: only verified certificates get here, so an expired or foreign one has ended in the TLS
handshake already. A connection also ends when its certificate does. One that is trusted by nobody but itself is let
in by putting it into the listener's `client_ca` and its fingerprint into `fingerprints`.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from myna.access.authenticator import AccessContext, Authenticator
from myna.access.open import EVERY_TENANT, TENANT
from myna.access.revocation import let_in
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.formats.certificates import Certificate, all_names, has_fingerprint, normal_fingerprint, subject_value
from myna.wire import reasons

NAME: Final = "certificate"

Field = Literal["cn", "dns", "uri", "email", "ip"]


class ClientSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of one name, over what is said of all."""

    tenant: str = ""
    user: str = ""
    attributes: dict[str, str] = {}
    disabled: bool = False


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    name_fields: Annotated[tuple[Field, ...], Meta(min_length=1)] = ("cn",)  # the first that is there is the name
    tenant: str = TENANT
    tenant_field: str = ""  # a field of the subject that names the tenant, such as organizationName
    attribute_fields: dict[str, str] = {}  # attribute -> field of the subject
    client_ids_per_user: bool = True
    fingerprints: tuple[str, ...] = ()  # only these certificates, by SHA-256 or SHA-1
    allowed: tuple[str, ...] = ()  # only these names
    disabled: tuple[str, ...] = ()  # neither these names nor these fingerprints
    clients: dict[str, ClientSettings] = {}  # by name


class ByCertificate(Authenticator):
    SETTINGS = Settings

    def __init__(self, settings: Struct, context: AccessContext) -> None:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        self._settings = replace(settings, fingerprints=tuple(map(normal_fingerprint, settings.fingerprints)))
        self._disabled = frozenset(settings.disabled)
        self._disabled_fingerprints = tuple(map(normal_fingerprint, settings.disabled))

    @classmethod
    def describe(cls, settings: Struct) -> str:
        assert isinstance(settings, Settings)  # that is what it is decoded to
        tenant = f"named by {settings.tenant_field}" if settings.tenant_field else settings.tenant
        some = " of certain names or fingerprints" if settings.allowed or settings.fingerprints else ""
        fields = ", then ".join(settings.name_fields)
        return f"client certificates{some} that the listener's TLS trusts, named by {fields}; tenant {tenant}"

    def judge(self, ticket: Ticket, now: float) -> Identity | Refusal | None:
        certificate = ticket.peer.certificate
        if ticket.method is not None or not isinstance(certificate, Certificate):
            return None
        ticket.counts = False  # whatever user name it gives is not what gets it in
        return self._admit(certificate)

    def again(self, shown: object) -> Identity | Refusal | None:
        """Of other settings than those it was let in by."""
        assert isinstance(shown, Certificate)  # that is what it lets in by
        return self._admit(shown)

    def _admit(self, certificate: Certificate) -> Identity | Refusal:
        settings = self._settings
        name = next(all_names(certificate, settings.name_fields), "")
        client = settings.clients.get(name, ClientSettings())
        cause = self._objection(certificate, name)
        if cause:
            return Refusal(reasons.NOT_AUTHORIZED, cause)
        if client.disabled or name in self._disabled or has_fingerprint(certificate, self._disabled_fingerprints):
            return Refusal(reasons.BANNED, "this client is disabled")
        tenant = client.tenant
        if not tenant and settings.tenant_field:
            tenant = subject_value(certificate, settings.tenant_field)
            if tenant in ("", EVERY_TENANT):
                return Refusal(reasons.NOT_AUTHORIZED, f"the certificate's subject has no {settings.tenant_field}")
        identity = Identity(
            tenant or settings.tenant,
            client.user or name,
            client_ids_per_user=settings.client_ids_per_user,
            attributes={**self._attributes(certificate), **client.attributes},
            expires_at=certificate.expires_at,
        )
        return let_in(identity, NAME, certificate)

    def _objection(self, certificate: Certificate, name: str) -> str:
        settings = self._settings
        if settings.fingerprints and not has_fingerprint(certificate, settings.fingerprints):
            return "the certificate's fingerprint is not among those that are allowed"
        if not name:
            return f"the certificate has no name in {', '.join(settings.name_fields)}"
        if settings.allowed and name not in settings.allowed:
            return "the certificate's name is not among those that are allowed"
        return ""

    def _attributes(self, certificate: Certificate) -> dict[str, str]:
        found = {key: subject_value(certificate, field) for key, field in self._settings.attribute_fields.items()}
        return {key: value for key, value in found.items() if value}
