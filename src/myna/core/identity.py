"""Who somebody is, once a gate has said so, and what they may do.

Knows nothing of passwords or tokens: those stay with the gate. What a newcomer gets wrong: client ids are unique per
tenant for some identities and per user for others; `scope` carries the difference, and every session key holds it.
"""

from mypy_extensions import mypyc_attr

from myna.wire import reasons


@mypyc_attr(allow_interpreted_subclasses=True)
class Rules:
    """What an identity may do. Judged once per topic and remembered; this one allows everything."""

    def __init__(self) -> None:
        self.version = 0

    def may_publish(self, identity: "Identity", topic: str, qos: int, retain: bool) -> int:
        """SUCCESS, or the reason code of the refusal. A yes without RETAIN is remembered for the topic at every QoS."""
        return reasons.SUCCESS

    def may_subscribe(self, identity: "Identity", filter: str, qos: int) -> int:
        """SUCCESS, or the reason code of the refusal. `filter` comes without its share prefix."""
        return reasons.SUCCESS

    def may_unsubscribe(self, identity: "Identity", filter: str) -> int:
        """SUCCESS, or the reason code of the refusal. `filter` comes without its share prefix."""
        return reasons.SUCCESS


ALLOW_ALL = Rules()


@mypyc_attr(allow_interpreted_subclasses=True)
class Identity:
    """A caller with a name. `attributes` feed the rules; `claims` are a dialect's own and opaque to the core."""

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
        self.rules: Rules = ALLOW_ALL if rules is None else rules
        self.expires_at = expires_at
        self.dialect = dialect
        self.groups: list[str] = [] if groups is None else groups
        self.claims = claims

    def takes_over(self, before: "Identity") -> None:
        """A session is resumed as this identity; what was said of `before` at run time may go with it."""
        return
