"""Rules in words, and the answer to "may this one do that?" with the rule that gives it: for people.

What a newcomer gets wrong: the answer is of the rules alone. Whether the tenant offers it at all (wildcards, retained
messages), whether a dialect guards the topic, and what somebody else says who is asked, is not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from myna.access.rules.authority import Ready
from myna.access.rules.book import Rule, topics_of
from myna.access.rules.standing import Clause
from myna.config.rules import Names
from myna.core.identity import Identity
from myna.wire.topics import check_topic, parse_filter

ACTIONS: Final = ("publish", "retain", "subscribe", "unsubscribe")


@dataclass(frozen=True, slots=True)
class Opinion:
    """`yes` is None where it is for somebody else to say."""

    yes: bool | None
    words: str


def explain(ready: Ready) -> Iterator[str]:
    """A line for each rule, and what holds where there is none."""
    settings = ready.settings
    if settings is None:
        yield "none: whoever is let in may do everything, except where a dialect has rules of its own"
        return
    for rule in ready.book.rules:
        yield f"{rule.number}. {_rule(rule)}  ({rule.place})"
    if settings.check is not None:
        yield f"where none of them fits, {_place(settings.check.url)} is asked"
    else:
        yield "where none of them fits it is forbidden; unsubscribing is allowed"
    if settings.revoked == "disconnect":
        yield "clients are disconnected when a subscription of theirs is no longer allowed"


def judge(ready: Ready, identity: Identity, action: str, topic: str, qos: int) -> Opinion:
    """Raises ValueError for what can be no topic."""
    filter = _readable(action, topic)
    if ready.settings is None:
        return Opinion(True, "there is no [rules] section, so whoever is let in may do everything")
    standing = ready.book.standing(identity)
    if action == "subscribe":
        clause = standing.subscribing(filter)
    elif action == "unsubscribe":
        clause = standing.unsubscribing(filter)
    else:
        clause = standing.publishing(filter, action == "retain")
    if clause is not None:
        return _said(ready, clause, action, qos)
    if ready.settings.check is not None:
        return Opinion(None, f"no rule says anything; {_place(ready.settings.check.url)} would be asked")
    if action == "unsubscribe":
        return Opinion(True, "no rule says anything, and unsubscribing is allowed then")
    return Opinion(False, "no rule allows it")


def _said(ready: Ready, clause: Clause, action: str, qos: int) -> Opinion:
    rule = ready.book.rules[clause.number - 1]
    where = f"rule {rule.number} ({rule.place})"
    if not clause.allow:
        part = " a part of it" if action == "subscribe" else " it"
        return Opinion(False, f"{where} denies{part}: {_rule(rule)}")
    if qos <= clause.qos or action == "unsubscribe":
        return Opinion(True, f"{where}: {_rule(rule)}")
    if action == "subscribe":
        return Opinion(True, f"at QoS {clause.qos}, by {where}: {_rule(rule)}")
    return Opinion(False, f"{where} allows it up to QoS {clause.qos} only: {_rule(rule)}")


def _readable(action: str, topic: str) -> str:
    if action in ("publish", "retain"):
        if not check_topic(topic):
            raise ValueError(f"{topic!r} is no topic that can be published to")
        return topic
    parsed = parse_filter(topic)
    if parsed is None:
        raise ValueError(f"{topic!r} is no topic filter")
    return parsed.filter


def _rule(rule: Rule) -> str:
    settings = rule.settings
    text = "allow" if rule.allow else "deny"
    text += f" {', '.join(action for action in ACTIONS if action in rule.actions)}"
    if rule.allow and settings.qos < 2:
        text += f" up to QoS {settings.qos}"
    text += f": {', '.join(topics_of(settings))}"
    whom = [
        f"{name} {_names(given)}"
        for name, given in (
            ("tenant", settings.tenant),
            ("user", settings.user),
            ("client", settings.client),
            ("authenticator", settings.authenticator),
            ("listener", settings.listener),
            *((f"attribute {name}", given) for name, given in settings.attributes.items()),
        )
        if given != ()
    ]
    return f"{text}, for {' and '.join(whom) if whom else 'everybody'}"


def _place(url: str) -> str:
    """Whom it is asked of. The rest of the address may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _names(given: Names) -> str:
    return given if isinstance(given, str) else " or ".join(given)
