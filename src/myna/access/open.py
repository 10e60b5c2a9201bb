"""Lets everybody in and believes the user name: for development, and behind something that has checked already.

    acme/alice      tenant acme, user alice
    alice           tenant DevOnly, user alice
    nothing         tenant DevOnly, user DevUser

This is BifroMQ's development rule, whose client ids are per user. What a newcomer gets wrong: only exactly two parts
name a tenant, and empty ones at the end do not count. So `acme/` is a user of DevOnly, and `/alice` belongs to the
tenant of no name.
"""

from typing import Final

from msgspec import Struct

from myna.access.authenticator import Authenticator
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.wire import reasons

TENANT: Final = "DevOnly"
USER: Final = "DevUser"
EVERY_TENANT: Final = "*"  # faces take it for: may speak for all of them; only files of the operator's may say so


class Open(Authenticator):
    @classmethod
    def describe(cls, settings: Struct) -> str:
        return "everybody, by any name and password"

    def judge(self, ticket: Ticket, now: float) -> Identity | Refusal | None:
        if ticket.method is not None:
            return None  # whoever names a method of authentication wants to be asked [MQTT-4.12.0-1]
        ticket.counts = False  # nobody has looked at the password, so the name is not known here by it
        tenant, user = read_user_name(ticket.user_name)
        if tenant == EVERY_TENANT and not ticket.level:
            return Refusal(reasons.NOT_AUTHORIZED, "no tenant is called that")
        return Identity(tenant, user, client_ids_per_user=True)


def read_user_name(user_name: str | None) -> tuple[str, str]:
    """Tenant and user."""
    if not user_name:
        return TENANT, USER
    parts = user_name.rstrip("/").split("/")
    if len(parts) == 2:
        return parts[0], parts[1]
    return TENANT, user_name
