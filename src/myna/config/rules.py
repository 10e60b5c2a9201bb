"""Who may do what, as a file says it: `[rules]`, and the rules file it may name.

    [[rule]]
    allow = ["publish", "subscribe"]
    topics = ["meters/${client}/#"]
    attributes = { role = "meter" }

What a newcomer gets wrong: the order counts. Rules are looked at from the first to the last, those of the
configuration before those of the file, and the first that fits decides.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from myna.config.quantities import Duration

Action = Literal["publish", "retain", "subscribe", "unsubscribe"]
Actions = Action | tuple[Action, ...]
Names = str | tuple[str, ...]


class RuleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. Who it is for: all that is given must fit; nothing given, everybody."""

    topics: Names  # filters, with ${tenant}, ${user}, ${client} and ${attributes.NAME} in them
    allow: Actions = ()  # one of these two
    deny: Actions = ()
    qos: Annotated[int, Meta(ge=0, le=2)] = 2  # the highest it allows
    tenant: Names = ()
    user: Names = ()
    client: Names = ()
    authenticator: Names = ()
    listener: Names = ()
    attributes: dict[str, Names] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.allow) == bool(self.deny):
            raise ValueError("a rule either allows or denies: give one of `allow` and `deny`")
        if self.deny and self.qos != 2:
            raise ValueError("`qos` bounds what is allowed; a rule that denies has none")
        if not self.topics:
            raise ValueError('no topics; ["#"] is all of them')


class CheckSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody else is asked about what no rule decides."""

    url: str  # `/check` is put behind it
    timeout: Duration = Duration(5)  # for an answer
    remember: Duration = Duration(60)  # an answer, by user and question; at least a second
    recheck: Duration = Duration(0)  # how often subscriptions are asked about again; 0 for never
    remembered: Annotated[int, Meta(ge=1000)] = 100_000  # answers


class RulesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[rules]`: with this section nothing is allowed that it does not allow."""

    file: str = ""  # a file of rules, looked at for changes all the time
    rule: tuple[RuleSettings, ...] = ()
    revoked: Literal["stop", "disconnect"] = "stop"  # what happens to clients whose subscriptions have to end
    check: CheckSettings | None = None
