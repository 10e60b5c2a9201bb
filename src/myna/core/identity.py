"""Who somebody is, once a gate has said so, and what they may do.

Knows nothing of passwords or tokens: those stay with the gate. What a newcomer gets wrong: client ids are unique per
tenant for some identities and per user for others; `scope` carries the difference, and every session key holds it. And
most identities bring no rules of their own: those the broker's (`Broker.rules`) decide about.
"""

from abc import ABC, abstractmethod
from typing import Final

from mypy_extensions import mypyc_attr

from myna.wire import reasons

# What rules say besides SUCCESS and the reason code of a refusal. To whoever does not know them both are refusals.
LATER: Final = 0x100  # the answer is on its way: ask again when `await_answer` says so
UNSAID: Final = 0x101  # not for the identity's own rules to say: the broker's decide

# Attributes that a store keeps with a session, and that are none: how its identity was found, and who judges it.
_OWN_RULES: Final = "$own-rules"
_AUTHENTICATOR: Final = "$authenticator"
_LISTENER: Final = "$listener"


@mypyc_attr(allow_interpreted_subclasses=True)
class Waiting(ABC):
    """Whoever has been told LATER."""

    @abstractmethod
    def decided(self, now: float) -> None:
        """There may be an answer now: ask again."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Rules:
    """What an identity may do. Judged once per topic and remembered; this one allows everything.

    Every answer is SUCCESS or the reason code of a refusal; an identity's own rules may say UNSAID, the broker's LATER.
    UNSPECIFIED_ERROR is the refusal of those who could not find out.
    `judges_qos`: a yes to one QoS is no yes to the others.
    """

    def __init__(self) -> None:
        self.judges_qos = False

    def may_connect(self, identity: "Identity") -> int:
        """Asked once its gate has said who it is."""
        return reasons.SUCCESS

    def may_publish(self, identity: "Identity", topic: str, qos: int, retain: bool) -> int:
        """A yes without RETAIN is remembered for the topic: at every QoS, or with `judges_qos` at this one."""
        return reasons.SUCCESS

    def may_subscribe(self, identity: "Identity", filter: str, qos: int) -> int:
        """`filter` comes without its share prefix."""
        return reasons.SUCCESS

    def granted_qos(self, identity: "Identity", filter: str, qos: int) -> int:
        """What the QoS of an allowed subscription is lowered to; the broker's rules are asked."""
        return qos

    def may_unsubscribe(self, identity: "Identity", filter: str) -> int:
        """`filter` comes without its share prefix."""
        return reasons.SUCCESS

    def await_answer(self, identity: "Identity", waiting: Waiting) -> None:
        """LATER has just been said of this identity: tell `waiting`, once, when there is an answer to that question.

        There will be one, even if nobody can be reached; and it is kept long enough to be asked for again.
        """
        raise AssertionError("rules that never say LATER have nobody waiting")


@mypyc_attr(allow_interpreted_subclasses=True)
class Unruled(Rules):
    """Of an identity that brings no rules: everything is left to the broker's."""

    def may_connect(self, identity: "Identity") -> int:
        return UNSAID

    def may_publish(self, identity: "Identity", topic: str, qos: int, retain: bool) -> int:
        return UNSAID

    def may_subscribe(self, identity: "Identity", filter: str, qos: int) -> int:
        return UNSAID

    def may_unsubscribe(self, identity: "Identity", filter: str) -> int:
        return UNSAID


ALLOW_ALL = Rules()
UNRULED = Unruled()


@mypyc_attr(allow_interpreted_subclasses=True)
class Identity:
    """A caller with a name. `attributes` feed the rules; `claims` are a dialect's own and opaque to the core.

    `client_id`, `listener` and `authenticator` say which connection it is for and how it was found, as far as that is
    known: they belong to one client, where an identity without them may be many clients'. `standing` is what the
    broker's rules remember of it. `warrant` and `entrance` are the gates': what it was let in by, and where, so that
    it can be judged again.
    """

    def __init__(
        self,
        tenant: str,
        user: str,
        *,
        client_ids_per_user: bool = False,
        attributes: dict[str, str] | None = None,
        rules: Rules | None = None,
        expires_at: float = 0.0,
        dialect: str = "mqtt",
        groups: list[str] | None = None,
        claims: object = None,
    ) -> None:
        self.tenant = tenant
        self.user = user
        self.scope = user if client_ids_per_user else ""
        self.attributes: dict[str, str] = {} if attributes is None else attributes
        self.rules: Rules = UNRULED if rules is None else rules
        self.expires_at = expires_at
        self.dialect = dialect
        self.groups: list[str] = [] if groups is None else groups
        self.group_qos = 1  # with which a new session is subscribed to them
        self.claims = claims
        self.client_id = ""
        self.listener = ""
        self.authenticator = ""
        self.standing: object = None
        self.warrant: object = None
        self.entrance: object = None

    def takes_over(self, before: "Identity") -> None:
        """A session is resumed as this identity; what was said of `before` at run time may go with it."""
        return

    def turned_away(self, now: float) -> None:
        """A gate has admitted it, and it has not come in after all: it had gone, or a limit stood against it."""
        return

    def of_client(self, client_id: str, listener: str) -> "Identity":
        """This identity, for one client: gates may admit many clients, and HTTP callers besides, as one object.

        One of a dialect, with rules of its own or of a class of its own, stays as it is: those are made for one client.
        """
        if type(self) is not Identity or not isinstance(self.rules, Unruled):
            if not self.client_id:
                self.client_id = client_id
                self.listener = listener
            return self
        own = Identity(
            self.tenant,
            self.user,
            client_ids_per_user=self.scope != "",
            attributes=self.attributes,
            rules=self.rules,
            expires_at=self.expires_at,
            dialect=self.dialect,
            groups=self.groups,
            claims=self.claims,
        )
        own.client_id = client_id
        own.listener = listener
        own.authenticator = self.authenticator
        own.warrant = self.warrant
        own.entrance = self.entrance
        return own

    def remembrance(self) -> dict[str, str]:
        """Attributes for a store to keep; `remembered` makes of them the identity of a session without its client."""
        kept = _without_marks(self.attributes)
        if not isinstance(self.rules, Unruled):
            kept[_OWN_RULES] = "yes"
        if self.authenticator:
            kept[_AUTHENTICATOR] = self.authenticator
        if self.listener:
            kept[_LISTENER] = self.listener
        return kept


def remembered(tenant: str, user: str, scope: str, client_id: str, kept: dict[str, str]) -> Identity:
    """Whose session it was, until its client is back. What its own rules allowed when they were asked, is allowed."""
    attributes = _without_marks(kept)
    rules = ALLOW_ALL if _OWN_RULES in kept else None
    identity = Identity(tenant, user, client_ids_per_user=scope != "", attributes=attributes, rules=rules)
    identity.client_id = client_id
    identity.listener = kept.get(_LISTENER, "")
    identity.authenticator = kept.get(_AUTHENTICATOR, "")
    return identity


def _without_marks(attributes: dict[str, str]) -> dict[str, str]:
    """Also of what a gate has found: a token must not be able to say who judges it."""
    return {name: value for name, value in attributes.items() if name not in (_OWN_RULES, _AUTHENTICATOR, _LISTENER)}
