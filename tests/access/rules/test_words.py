"""What rules mean, for people."""

import pytest

from myna.access.rules.authority import Ready
from myna.access.rules.words import explain, judge
from myna.config.rules import CheckSettings, RulesSettings
from tests.access.rules.people import book, person

TEXT = """
[[rule]]
deny = "subscribe"
topics = ["secret/#", "hidden"]

[[rule]]
allow = ["subscribe", "publish"]
topics = "#"
tenant = "acme"
attributes = { role = ["nurse", "doctor"] }
qos = 1
"""


HERE = RulesSettings()


def ready(settings: RulesSettings | None = HERE) -> Ready:
    return Ready(settings, [], book(TEXT if settings is not None else ""), None)


def test_each_rule_is_a_line_with_its_place() -> None:
    assert list(explain(ready())) == [
        "1. deny subscribe: secret/#, hidden, for everybody  (rules.toml:2: rule[1])",
        "2. allow publish, subscribe up to QoS 1: #, for tenant acme and attribute role nurse or doctor"
        "  (rules.toml:6: rule[2])",
        "where none of them fits it is forbidden; unsubscribing is allowed",
    ]
    *_, asked, cut = explain(ready(RulesSettings(check=CheckSettings("http://me:secret@x/y"), revoked="disconnect")))
    assert asked == "where none of them fits, http://x is asked"
    assert cut == "clients are disconnected when a subscription of theirs is no longer allowed"
    (none,) = explain(ready(None))
    assert none.startswith("none: whoever is let in may do everything")


@pytest.mark.parametrize(
    ("action", "topic", "qos", "role", "yes", "words"),
    [
        ("publish", "a", 0, "nurse", True, "rule 2 (rules.toml:6: rule[2]): allow publish"),
        ("publish", "a", 2, "nurse", False, "rule 2 (rules.toml:6: rule[2]) allows it up to QoS 1 only"),
        ("retain", "a", 1, "nurse", True, "rule 2"),
        ("publish", "a", 0, "cook", False, "no rule allows it"),
        ("subscribe", "#", 0, "nurse", False, "rule 1 (rules.toml:2: rule[1]) denies a part of it"),
        ("subscribe", "a/#", 2, "nurse", True, "at QoS 1, by rule 2"),
        ("subscribe", "$share/g/hidden", 0, "nurse", False, "rule 1"),
        ("unsubscribe", "a", 0, "cook", True, "no rule says anything, and unsubscribing is allowed then"),
    ],
)
def test_an_answer_names_the_rule_that_gives_it(
    action: str, topic: str, qos: int, role: str, yes: bool, words: str
) -> None:
    opinion = judge(ready(), person(role=role), action, topic, qos)
    assert (opinion.yes, opinion.words[: len(words)]) == (yes, words)


def test_where_somebody_else_is_asked_the_answer_is_theirs() -> None:
    opinion = judge(ready(RulesSettings(check=CheckSettings("http://x"))), person(), "publish", "a", 0)
    assert (opinion.yes, opinion.words) == (None, "no rule says anything; http://x would be asked")


def test_without_rules_everything_is_allowed() -> None:
    assert judge(ready(None), person(), "subscribe", "#", 2).yes


@pytest.mark.parametrize(("action", "topic"), [("publish", "a/#"), ("subscribe", "a/#/b"), ("publish", "")])
def test_what_can_be_no_topic_is_said_to_be_none(action: str, topic: str) -> None:
    with pytest.raises(ValueError, match="is no topic"):
        judge(ready(), person(), action, topic, 0)
