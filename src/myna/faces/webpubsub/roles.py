"""Roles of a token, and what they and later grants allow a client.

    webpubsub.sendToGroup               any group            webpubsub.sendToGroup.a.b/c    the group a.b/c
    webpubsub.sendToGroups.chat-*       groups by pattern    and the same with joinLeaveGroup,
                                                             setGroupState, getGroupState

In a pattern `?` is one character but a dot, `*` any run without dots, `**` any run at all, `\\` takes the next one
literally. What a newcomer gets wrong: what was granted or revoked at run time stands above the roles, even a single
"no" above "all".
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from myna.core.grants import Grants
from myna.core.identity import Identity, Rules
from myna.faces.webpubsub.events.line import Line
from myna.faces.webpubsub.naming import ALL_PERMISSIONS, DIALECT, EVENTS, JOIN_LEAVE, SEND, is_reserved
from myna.wire import reasons

STARS_AT_MOST: Final = 5

# Pattern tokens that are no literal character.
ONE: Final = -1
RUN: Final = -2
ANY_RUN: Final = -3


class Pattern:
    """A wildcard pattern. Matched by following all possibilities at once, so that no pattern is slow."""

    __slots__ = ("_tokens", "prefix")

    def __init__(self, text: str) -> None:
        self._tokens = _tokens_of(text)
        # The text in front of a final `**`, if that is its only wildcard: then it covers whole trees of topics.
        literal = self._tokens[:-1]
        is_prefix = self._tokens[-1:] == [ANY_RUN] and all(token >= 0 for token in literal)
        self.prefix: str | None = "".join(map(chr, literal)) if is_prefix else None

    def matches(self, name: str) -> bool:
        states = self._closed({0})
        for character in name:
            states = self._closed(self._step(states, ord(character)))
            if not states:
                return False
        return len(self._tokens) in states

    def _step(self, states: set[int], code: int) -> set[int]:
        after: set[int] = set()
        for at in states:
            token = self._tokens[at] if at < len(self._tokens) else None
            if token is None:
                continue
            if token == code or (token == ONE and code != DOT):
                after.add(at + 1)
            elif token == ANY_RUN or (token == RUN and code != DOT):
                after.add(at)
        return after

    def _closed(self, states: set[int]) -> set[int]:
        """With what is reached by a run of nothing."""
        for at in list(states):
            reached = at
            while reached < len(self._tokens) and self._tokens[reached] in (RUN, ANY_RUN):
                reached += 1
                states.add(reached)
        return states


DOT: Final = ord(".")


def _tokens_of(text: str) -> list[int]:
    """Raises ValueError for one with more than five stars, which grants nothing."""
    tokens: list[int] = []
    stars = 0
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "\\" and at < len(text):
            tokens.append(ord(text[at]))
            at += 1
        elif character == "?":
            tokens.append(ONE)
        elif character == "*":
            double = text[at : at + 1] == "*"
            at += double
            stars += 1 + double
            tokens.append(ANY_RUN if double else RUN)
        else:
            tokens.append(ord(character))
    if stars > STARS_AT_MOST:
        raise ValueError("too many stars")
    return tokens


class Allowed:
    """What the roles say of one permission."""

    __slots__ = ("everything", "groups", "patterns")

    def __init__(self) -> None:
        self.everything = False
        self.groups: set[str] = set()
        self.patterns: list[Pattern] = []

    def covers(self, group: str | None) -> bool:
        if self.everything:
            return True
        if group is None:
            return False
        return group in self.groups or any(pattern.matches(group) for pattern in self.patterns)

    def covers_filter(self, filter: str) -> bool:
        """Every topic a filter with wildcards can match: named as it is, or all of it below a pattern's `**`."""
        if self.everything or filter in self.groups:
            return True
        wildcard = min(at for at in (filter.find("+"), filter.find("#")) if at >= 0)
        fixed = filter[:wildcard]
        if filter[wildcard] == "#":
            fixed = fixed.removesuffix("/")  # a/# matches a itself
        return any(pattern.prefix is not None and fixed.startswith(pattern.prefix) for pattern in self.patterns)


class Roles:
    """Shared by all clients that bring the same ones."""

    __slots__ = ("_allowed",)

    def __init__(self, roles: tuple[str, ...]) -> None:
        self._allowed = {permission: Allowed() for permission in ALL_PERMISSIONS}
        for role in roles:
            self._add(role)

    def allowed(self, permission: str) -> Allowed:
        return self._allowed[permission]

    def _add(self, role: str) -> None:
        for permission, allowed in self._allowed.items():
            name = f"webpubsub.{permission}"
            if role == name:
                allowed.everything = True
            elif role.startswith(name + "."):
                allowed.groups.add(role[len(name) + 1 :])
            elif role.startswith(name + "s."):
                try:
                    pattern = Pattern(role[len(name) + 2 :])
                except ValueError:
                    continue
                allowed.everything = allowed.everything or pattern.prefix == ""
                allowed.patterns.append(pattern)


@lru_cache(4096)
def roles_of(roles: tuple[str, ...]) -> Roles:
    return Roles(roles)


class Permissions(Rules):
    """One client's: its roles, and over them what back ends have granted and revoked."""

    def __init__(self, roles: tuple[str, ...]) -> None:
        super().__init__()
        self.roles = roles_of(roles)
        self.grants: Grants | None = None

    def allows(self, permission: str, group: str | None) -> bool:
        """May it, in this group, or (None) in all?"""
        granted = None if self.grants is None else self.grants.check(permission, group)
        return self.roles.allowed(permission).covers(group) if granted is None else granted

    def say(self, permission: str, group: str | None, *, allowed: bool) -> Grants:
        """All that has been said by now."""
        if self.grants is None:
            self.grants = Grants()
        self.grants.say(permission, group, allowed)
        return self.grants

    # As rules of an MQTT session

    def may_publish(self, identity: Identity, topic: str, qos: int, retain: bool) -> int:
        if is_reserved(topic):  # events are allowed to everybody; what is one, the guard says
            return reasons.SUCCESS if topic.startswith(EVENTS) else reasons.NOT_AUTHORIZED
        return reasons.SUCCESS if self.allows(SEND, topic) else reasons.NOT_AUTHORIZED

    def may_subscribe(self, identity: Identity, filter: str, qos: int) -> int:
        if is_reserved(filter):  # what arrives there is sent to one client, and nothing else ever does
            return reasons.SUCCESS
        if "+" not in filter and "#" not in filter:
            return reasons.SUCCESS if self.allows(JOIN_LEAVE, filter) else reasons.NOT_AUTHORIZED
        granted = None if self.grants is None else self.grants.check(JOIN_LEAVE, filter)
        if granted is None:
            granted = self.roles.allowed(JOIN_LEAVE).covers_filter(filter)
        return reasons.SUCCESS if granted else reasons.NOT_AUTHORIZED

    def may_unsubscribe(self, identity: Identity, filter: str) -> int:
        return self.may_subscribe(identity, filter, 0)


class WebPubSubIdentity(Identity):
    """A client of a hub. What was granted to its session at run time outlives the connection.

    So do the roles that its connect handler has `lent` to a new session; those of a token are always the latest one's.
    `line` is the connection as its back end sees it, where there is one.
    """

    def __init__(
        self, tenant: str, user: str, roles: tuple[str, ...], groups: list[str], lent: tuple[str, ...] = ()
    ) -> None:
        self.permissions = Permissions((*roles, *lent))
        self.line: Line | None = None
        self.kept: Grants | None = None  # what its session had been granted before a restart
        self.when_turned_away: Callable[[], None] | None = None
        self._roles = roles
        self._lent = lent
        super().__init__(
            tenant, user, attributes={"dialect": DIALECT}, rules=self.permissions, dialect=DIALECT, groups=groups
        )

    def turned_away(self, now: float) -> None:
        if self.when_turned_away is not None:
            self.when_turned_away()

    def takes_over(self, before: Identity) -> None:
        line = self.line
        if not isinstance(before, WebPubSubIdentity):  # the session has outlived a restart
            self.permissions.grants = self.kept or self.permissions.grants
            if line is not None:
                line.is_known = True
            return
        self.permissions.grants = before.permissions.grants
        self.permissions.roles = roles_of((*self._roles, *before._lent))
        self._lent = before._lent
        if before.line is not None:
            if line is not None:
                before.line.resumed(line)
            self.line = before.line
        elif line is not None:
            line.is_known = True
