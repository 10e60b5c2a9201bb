"""Who connects: a DeviceHive user by login and password, or an anonymous device that will authenticate later.

    name and password, both right          that user, as if it had sent `token` and `authenticate`
    a known login, something wrong         refused: 0x86, or 0x87 where the account is locked or disabled
    an unknown login                       refused, or left to the next authenticator
    one of the two missing or empty        anonymous where that is allowed, else left to the next

What a newcomer gets wrong: a refused CONNECT counts as a failed log-in, and can lock the account.
"""

from collections.abc import Awaitable

from myna.core.identity import UNSAID, Identity, Rules
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.faces.devicehive.callers import ATTRIBUTE, Callers
from myna.faces.devicehive.tokens import claims_of, principal_of
from myna.formats.inventory import ADMITTED, NOT_ACTIVE, UNKNOWN_LOGIN, Unavailable
from myna.formats.inventory_port import Inventory
from myna.wire import reasons

Verdict = Identity | Refusal | None

ANONYMOUS = "anonymous"
WRONG = Refusal(reasons.BAD_USER_NAME_OR_PASSWORD, "wrong login or password")  # in the same words, whichever it is


class DeviceHiveRules(Rules):
    """Under dh/ the guard decides; about ordinary topics the broker's rules."""

    def may_connect(self, identity: Identity) -> int:
        return UNSAID

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        return reasons.SUCCESS if is_ours(topic) else UNSAID

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        return reasons.SUCCESS if is_ours(filter) else UNSAID

    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        return reasons.SUCCESS if is_ours(filter) else UNSAID


class OnlyDeviceHive(Rules):
    """For anonymous connections where ordinary topics are not for them. Under dh/ the guard decides."""

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        return reasons.SUCCESS if is_ours(topic) else reasons.NOT_AUTHORIZED

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        return reasons.SUCCESS if is_ours(filter) else reasons.NOT_AUTHORIZED


def is_ours(filter: str) -> bool:
    """A topic or filter that reaches nothing but what the guard watches over."""
    return filter.startswith("dh/")


class DeviceHiveAuthenticator:
    def __init__(
        self,
        inventory: Inventory,
        callers: Callers,
        tenant: str,
        *,
        anonymous: bool,
        ordinary_topics: bool,
        refuse_unknown: bool,
    ) -> None:
        self._inventory = inventory
        self._callers = callers
        self._tenant = tenant
        self._anonymous = anonymous
        self._anonymous_rules = DeviceHiveRules() if ordinary_topics else OnlyDeviceHive()
        self._refuse_unknown = refuse_unknown

    def judge(self, ticket: Ticket, now: float) -> Verdict | Awaitable[Verdict]:
        if ticket.method is not None:
            return None
        if not ticket.user_name or not ticket.password:
            if not self._anonymous:
                return None
            ticket.counts = False  # nothing has been proved: whoever comes like this has not got in by a name
            return Identity(self._tenant, ANONYMOUS, rules=self._anonymous_rules)
        login = ticket.user_name.strip()
        if self._inventory.directory.person_of_login(login) is None:
            return self._unknown() if not self._refuse_unknown else self._log_in(login, ticket.password)
        return self._log_in(login, ticket.password)

    async def _log_in(self, login: str, password: bytes) -> Verdict:
        try:
            result = await self._inventory.login(login, password.decode("utf-8", "surrogateescape"))
        except Unavailable:
            return Refusal(reasons.SERVER_UNAVAILABLE, "the registry cannot be reached")
        person = self._inventory.directory.people.get(result.user_id)
        if result.outcome == UNKNOWN_LOGIN:
            return self._unknown()
        if result.outcome == NOT_ACTIVE:
            return Refusal(reasons.NOT_AUTHORIZED, "the user is locked or disabled")
        if result.outcome != ADMITTED or person is None:
            return WRONG
        self._inventory.note_login(person.id)
        claims = claims_of(person)
        return Identity(
            self._tenant,
            person.login,
            rules=DeviceHiveRules(),
            attributes={ATTRIBUTE: self._callers.remembrance(claims)},
            claims=principal_of(claims, self._inventory.directory),
        )

    def _unknown(self) -> Refusal | None:
        return WRONG if self._refuse_unknown else None
