"""Who somebody is: authenticators, and the chain of them that guards an endpoint. Knows no socket and no dialect."""

from typing import Final

# By the name a configuration gives them. Faces bring more, under names of their own.
AUTHENTICATORS: Final[dict[str, str]] = {
    "api-keys": "myna.access.api_keys:ApiKeys",
    "certificate": "myna.access.certificate:ByCertificate",
    "jwt": "myna.access.jwt:Jwt",
    "open": "myna.access.open:Open",
    "passwords": "myna.access.passwords:Passwords",
    "webhook": "myna.access.webhook:Webhook",
}
