"""Tokens for clients, made with the keys that a configuration knows: for the command line.

What a newcomer gets wrong: nothing here asks a running broker. Whoever can read its configuration and data folder can
make tokens, and nobody else.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from myna.access.claims import ANYTHING, JwtIssuer
from myna.access.jwt import Settings as JwtSettings
from myna.access.open import TENANT
from myna.config import Config, ConfigError, Table, decode_table
from myna.faces.eventgrid.development import CLIENT as DEVELOPMENT_CLIENT
from myna.faces.eventgrid.development import development_token
from myna.faces.eventgrid.settings import Settings as EventGridSettings
from myna.faces.webpubsub.naming import is_group, is_hub
from myna.faces.webpubsub.settings import DEVELOPMENT_KEY
from myna.faces.webpubsub.tokens import CLIENT, MQTT, Tokens
from myna.formats.issuers import ANY
from myna.formats.jwt import sign
from myna.formats.keys import CURVES

KINDS: Final = {"websocket": CLIENT, "mqtt": MQTT}


class CannotSign(Exception):
    """There is no key, or it cannot be used; says why and what to do."""


class ClientToken(msgspec.Struct):
    """A Web PubSub client's token, and the address to open with it."""

    token: str
    url: str


# Web PubSub


def access_key(config: Config) -> str:
    """The key that this broker's tokens are signed with."""
    table = config.faces.get("webpubsub")
    said = "" if table is None else str(table.values.get("access_key", ""))
    if said:
        return said
    if config.development:
        return DEVELOPMENT_KEY
    file = Path(config.server.data) / "webpubsub-access-key.key"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CannotSign(
            f"there is no access key in {file} ({error.strerror}): set access_key in [faces.webpubsub],"
            " or start the broker once, which makes one"
        ) from None


def http_address(config: Config) -> str:
    """Where the broker answers HTTP: what is open now, else what the configuration says."""
    try:
        written = json.loads((Path(config.server.data) / "listeners.json").read_text(encoding="utf-8"))
        found = [str(one["url"]) for one in written["listeners"] if one["name"] == "http"]
    except (OSError, ValueError, KeyError, TypeError):
        found = []
    if found:
        return found[0].rstrip("/")
    if not config.http:
        raise CannotSign("nothing listens for HTTP in this configuration: name the address by --endpoint")
    listener = config.http[0]
    scheme = "https" if listener.tls else "http"
    return f"{scheme}://{listener.listen.host or 'localhost'}:{listener.listen.port}"


def client_token(
    key: str, endpoint: str, hub: str, kind: str, claims: Mapping[str, object], lifetime: float, now: float
) -> ClientToken:
    """`kind` is websocket or mqtt."""
    if not is_hub(hub):
        raise CannotSign(f"no hub can be named {hub!r}")
    groups = claims.get("webpubsub.group")
    for group in groups if isinstance(groups, list) else ():
        if not is_group(group):
            raise CannotSign(f"no group can be named {group!r}")
    token = Tokens((key,)).issue(KINDS[kind], hub, endpoint, claims, lifetime, now)
    url = f"ws{endpoint.removeprefix('http')}/{KINDS[kind]}/{hub}?access_token={token}"
    return ClientToken(token, url)


# The authenticator jwt


def jwt_issuer(config: Config, name: str) -> JwtIssuer:
    """The issuer of [access.jwt] with a secret; of this name, if one is given."""
    table = config.access.tables.get("jwt", Table(("access", "jwt"), {}))
    issuers = decode_table(table, JwtSettings).issuers
    for issuer in issuers:
        if issuer.secret and name in ("", issuer.issuer):
            return issuer
    which = f" of the name {name}" if name else ""
    raise CannotSign(f"[access.jwt] has no issuer{which} with a `secret`: sign with --key FILE or --secret-file FILE")


def claims_for(
    issuer: JwtIssuer, *, user: str, tenant: str, client_id: str, user_name: str, also: Collection[str] = ()
) -> dict[str, Any]:
    """What the issuer's tokens must say so that its mapping finds this; `also` names claims that are added later.

    Raises ConfigError where the mapping has no place for something, or would let nobody in by such a token.
    """
    if tenant and not issuer.tenant_claim:
        whose = f"all its users are of the tenant {issuer.tenant or TENANT}"
        raise ConfigError([f"{_called(issuer)} has no tenant_claim: {whose}; set one, or leave --tenant out"])
    needed = (
        (issuer.tenant_claim, tenant, "takes the tenant from", "--tenant"),
        (issuer.client_id_claim, client_id, "binds tokens to a client id by", "--client-id"),
        (issuer.user_name_claim, user_name, "binds tokens to a user name by", "--user-name"),
    )
    for claim, value, does, option in needed:
        if claim and not value and claim.partition(".")[0] not in also and claim not in also:
            raise ConfigError([f"{_called(issuer)} {does} the claim {claim}: give it with {option}"])
    claims: dict[str, Any] = {"iss": issuer.issuer, issuer.user_claims[0]: user}
    audience = next((one for one in issuer.audiences if one != ANY), "")
    more = (
        ("aud", audience),
        (issuer.tenant_claim, tenant),
        (issuer.client_id_claim, client_id),
        (issuer.user_name_claim, user_name),
    )
    for claim, value in more:
        if claim and value:
            put_claim(claims, claim, value)
    for claim, accepted in issuer.required_claims.items():
        value = accepted if isinstance(accepted, str) else accepted[0]
        if value != ANYTHING:
            put_claim(claims, claim, value)
    return {claim: value for claim, value in claims.items() if value}


def _called(issuer: JwtIssuer) -> str:
    return f"the issuer {issuer.issuer!r} of [access.jwt]" if issuer.issuer else "the issuer of [access.jwt]"


def put_claim(claims: dict[str, Any], name: str, value: object) -> None:
    """By the way to it, unless the name is an address."""
    target = claims
    steps = [name] if "/" in name else name.split(".")
    for step in steps[:-1]:
        target = target.setdefault(step, {})
    target[steps[-1]] = value


def sign_file(claims: dict[str, Any], key: bytes, algorithm: str, kid: str) -> str:
    """With a private key in PEM, by its usual algorithm unless another is asked for."""
    try:
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CannotSign(f"no private key that can be used, PEM and not encrypted: {error}") from None
    return _sign(claims, private, algorithm or _usual(private), kid)


def sign_secret(claims: dict[str, Any], secret: bytes, algorithm: str, kid: str) -> str:
    return _sign(claims, secret, algorithm or "HS256", kid)


def _sign(claims: dict[str, Any], key: Any, algorithm: str, kid: str) -> str:
    try:
        return sign(claims, key, algorithm, kid)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise CannotSign(f"this key cannot sign by {algorithm}: {error}") from None


def _usual(private: object) -> str:
    if isinstance(private, rsa.RSAPrivateKey):
        return "RS256"
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in CURVES:
        return CURVES[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return "EdDSA"
    raise CannotSign("keys for tokens are RSA, P-256, P-384, P-521 or Ed25519")


# Event Grid


def event_grid_token(
    config: Config, client: str, audiences: Sequence[str], claims: Mapping[str, Any], lifetime: float, now: float
) -> str:
    """A bearer token: development's, or of the first issuer of the configuration that has a secret."""
    table = config.faces.get("eventgrid", Table(("faces", "eventgrid"), {}))
    settings = decode_table(table, EventGridSettings)
    client = client or DEVELOPMENT_CLIENT
    audience = (*audiences, *settings.accepted_audiences())[0]
    if config.development:
        return development_token(audience, now, client=client, lifetime=lifetime, claims=claims)
    issuer = next((one for one in settings.issuers if one.secret), None)
    if issuer is None:
        raise CannotSign(
            "[faces.eventgrid] has no issuer with a `secret`, and development's key holds only without a configuration"
        )
    made = {"iss": issuer.issuer, "nbf": int(now) - 60, "exp": int(now + lifetime)}
    accepted = (*audiences, *issuer.audiences, audience)[0]
    named = dict.fromkeys(("sub", issuer.client_id_claims[0], issuer.naming_claims()[0]), client)
    return sign_secret({**made, "aud": accepted, **named, **claims}, issuer.secret.encode(), "", "")
