"""All rules in their order, ready to be asked what they mean for somebody.

Most rules of a long list are for one user each, so those are found by their user. What a newcomer gets wrong: that must
not change the order in which the rules of one person are looked at.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from myna.access.rules.people import People
from myna.access.rules.standing import Clause, Standing
from myna.access.rules.templates import BadTemplate, Template
from myna.config import ConfigError
from myna.config.rules import RuleSettings
from myna.config.rules_file import PlacedRule
from myna.core.identity import Identity

HIGHEST_QOS: Final = 2


class Rule:
    """`number` counts from 1, over inline rules and the file's."""

    __slots__ = ("actions", "allow", "clauses", "number", "people", "place", "qos", "settings")

    def __init__(self, placed: PlacedRule, number: int) -> None:
        """Raises BadTemplate."""
        settings = placed.settings
        self.number = number
        self.place = placed.place
        self.settings = settings
        self.allow = bool(settings.allow)
        self.actions = actions_of(settings)
        self.qos = settings.qos
        self.people = People(settings)
        # What is the same for everybody is made once.
        templates = [Template(text) for text in topics_of(settings)]
        self.clauses = [self.clause(one.text) if one.is_fixed else one for one in templates]

    def clause(self, filter: str) -> Clause:
        return Clause(self.number, self.allow, self.actions, self.qos, filter)

    def clauses_of(self, identity: Identity) -> Iterator[Clause]:
        for one in self.clauses:
            if isinstance(one, Clause):
                yield one
            elif (filter := one.fill(identity) if self.allow else one.cover(identity)) is not None:
                yield self.clause(filter)


class Rulebook:
    def __init__(self, placed: Sequence[PlacedRule]) -> None:
        """Raises ConfigError, with everything that is wrong."""
        problems: list[str] = []
        self.rules: list[Rule] = []
        self._of_users: dict[str, list[Rule]] = {}
        self._others: list[Rule] = []
        for number, one in enumerate(placed, 1):
            try:
                self._add(Rule(one, number))
            except BadTemplate as error:
                problems.append(f"{one.place}: {error}")
        if problems:
            raise ConfigError(problems)
        self.judges_qos = any(rule.allow and rule.qos < HIGHEST_QOS for rule in self.rules)

    def standing(self, identity: Identity) -> Standing:
        """What the rules say of somebody."""
        rules = self._others
        own = self._of_users.get(identity.user)
        if own is not None:
            rules = sorted([*rules, *own], key=_number_of)
        clauses: list[Clause] = []
        for rule in rules:
            if rule.people.include(identity):
                clauses += rule.clauses_of(identity)
        return Standing(clauses)

    def _add(self, rule: Rule) -> None:
        self.rules.append(rule)
        users = rule.people.users
        if users is None:
            self._others.append(rule)
            return
        for user in users:
            self._of_users.setdefault(user, []).append(rule)


def actions_of(settings: RuleSettings) -> frozenset[str]:
    given = settings.allow or settings.deny
    return frozenset((given,) if isinstance(given, str) else given)


def topics_of(settings: RuleSettings) -> tuple[str, ...]:
    return (settings.topics,) if isinstance(settings.topics, str) else settings.topics


def _number_of(rule: Rule) -> int:
    return rule.number
