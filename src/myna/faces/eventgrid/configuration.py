"""The vendor's `topicSpacesConfiguration`: what a namespace says of tokens, certificates and sessions.

Only what has a meaning here is read; routing belongs elsewhere. What a newcomer gets wrong: a certificate stands there
as the base64 of its PEM text, and `kid` tells which one a token means. And of a webhook only the address is there: how
the vendor's broker proves itself to it means nothing outside of the vendor's cloud.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from myna.faces.eventgrid.clients import SOURCES
from myna.formats.jwt import Key
from myna.formats.keys import BadKey, read_pem


@dataclass(frozen=True, slots=True)
class Configuration:
    """`keys` verify tokens of `token_issuer`. `webhook` is the address of who is asked about clients."""

    token_issuer: str = ""
    keys: tuple[Key, ...] = ()
    name_sources: tuple[str, ...] = ()
    sessions_per_name: int = 0
    webhook: str = ""


def read_configuration(value: Mapping[str, Any]) -> Configuration:
    """Raises ValueError."""
    authentication = _table(value, "clientAuthentication")
    custom = _table(authentication, "customJwtAuthentication")
    issuer = custom.get("tokenIssuer") or ""
    sources = tuple(authentication.get("alternativeAuthenticationNameSources") or ())
    sessions = value.get("maximumClientSessionsPerAuthenticationName") or 0
    if not isinstance(issuer, str) or not isinstance(sessions, int) or isinstance(sessions, bool) or sessions < 0:
        raise ValueError("tokenIssuer is a string, maximumClientSessionsPerAuthenticationName a number")
    for source in sources:
        if source not in SOURCES:
            raise ValueError(f"alternativeAuthenticationNameSources: {source!r} is none of {', '.join(SOURCES)}")
    webhook = _table(authentication, "webhookAuthentication").get("endpointUrl") or ""
    if not isinstance(webhook, str) or not (webhook == "" or webhook.startswith(("https://", "http://"))):
        raise ValueError("webhookAuthentication: endpointUrl is an https URL")
    keys = tuple(_read_certificate(one) for one in custom.get("encodedIssuerCertificates") or ())
    if issuer and not keys and custom.get("issuerCertificates"):
        raise ValueError("issuerCertificates point into the vendor's key vault: give encodedIssuerCertificates instead")
    return Configuration(issuer, keys, sources, sessions, webhook)


def _read_certificate(value: object) -> Key:
    if not isinstance(value, dict) or not isinstance(value.get("encodedCertificate"), str):
        raise ValueError("encodedIssuerCertificates are objects with kid and encodedCertificate")
    text = value["encodedCertificate"].strip().encode()
    if not text.startswith(b"-----BEGIN"):
        try:
            text = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("encodedCertificate is neither PEM nor its base64") from None
    try:
        return read_pem(text, str(value.get("kid") or ""))
    except BadKey as error:
        raise ValueError(f"encodedCertificate: {error}") from None


def _table(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name) or {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} must be an object")
    return found
