"""Rules in their order: a plain model says what they mean, and the indexed ones must say the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.access.rules.book import Rulebook
from myna.access.rules.house import HouseRules
from myna.config import ConfigError
from myna.config.rules import RuleSettings
from myna.config.rules_file import PlacedRule
from myna.core.identity import Identity
from myna.wire import reasons
from myna.wire.topics import check_filter, covers, matches, overlaps
from tests.access.rules.people import book, person

# The model: everything is gone through, nothing is remembered, and names are filled in by hand.

LEVELS = ("a", "b", "alice", "phone", "")
TOPICS = st.lists(st.sampled_from(LEVELS), min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.lists(st.sampled_from((*LEVELS, "+", "#")), min_size=1, max_size=4).map("/".join).filter(check_filter)
TEMPLATES = (
    st.lists(st.sampled_from((*LEVELS, "+", "#", "${user}", "${client}", "${attributes.x}")), min_size=1, max_size=4)
    .map("/".join)
    .filter(check_filter)
)
ACTIONS = st.lists(st.sampled_from(("publish", "retain", "subscribe", "unsubscribe")), min_size=1, max_size=3)
NAMES = st.sampled_from(((), "alice", "bob", ("alice", "bob"), "a*", ("bob", "al*"), "*"))
IDENTITIES = st.builds(
    lambda tenant, user, client, x: person(user, tenant, client, **({} if x is None else {"x": x})),
    st.sampled_from(("acme", "alice")),
    st.sampled_from(("alice", "bob", "a/b", "")),
    st.sampled_from(("phone", "alice", "+")),
    st.sampled_from((None, "a", "b", "#")),
)


def make_rule(allow: bool, actions: list[str], topics: list[str], qos: int, **who: object) -> RuleSettings:
    bounds = {"allow": tuple(actions), "qos": qos} if allow else {"deny": tuple(actions)}
    return RuleSettings(topics=tuple(topics), **bounds, **who)  # type: ignore[arg-type]  # as strategies make them


RULES = st.lists(
    st.builds(
        make_rule,
        st.booleans(),
        ACTIONS,
        st.lists(TEMPLATES, min_size=1, max_size=2),
        st.integers(0, 2),
        tenant=NAMES,
        user=NAMES,
        client=NAMES,
        attributes=st.sampled_from(({}, {"x": "a"}, {"x": ("a", "b")}, {"y": "a"})),
    ),
    max_size=6,
)


def fits(wanted: object, name: str) -> bool:
    if wanted == ():
        return True
    listed = (wanted,) if isinstance(wanted, str) else wanted
    assert isinstance(listed, tuple)
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in listed)


def is_for(rule: RuleSettings, who: Identity) -> bool:
    names = ((rule.tenant, who.tenant), (rule.user, who.user), (rule.client, who.client_id))
    return all(fits(wanted, name) for wanted, name in names) and all(
        name in who.attributes and fits(wanted, who.attributes[name]) for name, wanted in rule.attributes.items()
    )


def filters_of(rule: RuleSettings, who: Identity) -> list[str]:
    found = []
    for text in rule.topics:
        whole = text
        for variable, value in (
            ("${user}", who.user),
            ("${client}", who.client_id),
            ("${attributes.x}", who.attributes.get("x", "")),
        ):
            if variable in text and (not value or (rule.allow and set(value) & set("/+#\0"))):
                break
            fitting = "+" if set(value) & set("/+#\0") else value  # each variable is a whole level here
            whole = whole.replace(variable, fitting)
        else:
            found.append(whole)
    return found


def model_publish(rules: list[RuleSettings], who: Identity, topic: str, qos: int, retain: bool) -> bool:
    words = {"publish", "retain"} if retain else {"publish"}
    for rule in rules:
        if is_for(rule, who) and words & {*rule.allow, *rule.deny}:
            for filter in filters_of(rule, who):
                if matches(filter, topic):
                    return bool(rule.allow) and qos <= rule.qos
    return False


def model_subscribe(rules: list[RuleSettings], who: Identity, wanted: str, word: str = "subscribe") -> bool | None:
    for rule in rules:
        if is_for(rule, who) and word in {*rule.allow, *rule.deny}:
            for filter in filters_of(rule, who):
                if rule.allow and covers(filter, wanted):
                    return True
                if rule.deny and overlaps(filter, wanted):
                    return False
    return None


def house(rules: list[RuleSettings]) -> HouseRules:
    return HouseRules(Rulebook([PlacedRule(rule, "") for rule in rules]))


@settings(max_examples=300, deadline=None)
@given(RULES, IDENTITIES, st.lists(TOPICS, min_size=1, max_size=5), st.integers(0, 2), st.booleans())
def test_publishes_are_allowed_exactly_as_the_model_says(
    rules: list[RuleSettings], who: Identity, topics: list[str], qos: int, retain: bool
) -> None:
    judge = house(rules)
    for topic in [*topics, *topics]:
        allowed = judge.may_publish(who, topic, qos, retain) == reasons.SUCCESS
        assert allowed == model_publish(rules, who, topic, qos, retain)


@settings(max_examples=300, deadline=None)
@given(RULES, IDENTITIES, st.lists(FILTERS, min_size=1, max_size=5))
def test_filters_are_granted_exactly_as_the_model_says(
    rules: list[RuleSettings], who: Identity, filters: list[str]
) -> None:
    judge = house(rules)
    for filter in [*filters, *filters]:
        assert (judge.may_subscribe(who, filter, 0) == reasons.SUCCESS) == bool(model_subscribe(rules, who, filter))
        unsubscribed = model_subscribe(rules, who, filter, "unsubscribe")
        assert (judge.may_unsubscribe(who, filter) == reasons.SUCCESS) == (unsubscribed is not False)


@settings(max_examples=300, deadline=None)
@given(RULES, IDENTITIES, FILTERS, st.lists(TOPICS, min_size=1, max_size=20))
def test_nobody_gets_by_a_filter_what_topic_by_topic_is_not_allowed(
    rules: list[RuleSettings], who: Identity, filter: str, topics: list[str]
) -> None:
    judge = house(rules)
    if judge.may_subscribe(who, filter, 0) != reasons.SUCCESS:
        return
    for topic in topics:
        if matches(filter, topic):
            first = next(
                rule
                for rule in rules
                if is_for(rule, who)
                and "subscribe" in {*rule.allow, *rule.deny}
                and any(matches(one, topic) for one in filters_of(rule, who))
            )
            assert first.allow


# By example.

RULES_OF_A_HOUSE = """
[[rule]]
deny = ["publish", "subscribe"]
topics = "vault/#"
user = ["bob", "guest*"]

[[rule]]
allow = ["publish", "subscribe"]
topics = ["home/${user}/#", "vault/+/door"]

[[rule]]
allow = "retain"
topics = "status/${client}"

[[rule]]
allow = "subscribe"
topics = "news/#"
qos = 1

[[rule]]
deny = "unsubscribe"
topics = "news/alarm"
"""


@pytest.mark.parametrize(
    ("user", "topic", "retain", "allowed"),
    [
        ("alice", "home/alice", False, True),
        ("alice", "home/alice/lamp", False, True),
        ("alice", "home/bob/lamp", False, False),
        ("alice", "vault/1/door", False, True),
        ("bob", "vault/1/door", False, False),
        ("guest7", "vault/1/door", False, False),
        ("alice", "status/phone", False, False),
        ("alice", "status/phone", True, True),
        ("alice", "home/alice/lamp", True, True),
        ("alice", "status/tablet", True, False),
        ("alice", "elsewhere", False, False),
        ("alice", "$SYS/x", False, False),
    ],
)
def test_a_publish(user: str, topic: str, retain: bool, allowed: bool) -> None:
    judge = HouseRules(book(RULES_OF_A_HOUSE))
    assert (judge.may_publish(person(user), topic, 0, retain) == reasons.SUCCESS) == allowed


@pytest.mark.parametrize(
    ("user", "filter", "qos"),
    [
        ("alice", "home/alice/#", 2),
        ("alice", "home/alice/+/x", 2),
        ("alice", "home/+/lamp", None),
        ("alice", "#", None),
        ("alice", "vault/+/door", 2),
        ("alice", "vault/#", None),
        ("bob", "vault/1/door", None),
        ("alice", "news/#", 1),
        ("alice", "news/sport", 1),
        ("alice", "+/sport", None),
    ],
)
def test_a_filter(user: str, filter: str, qos: int | None) -> None:
    judge, who = HouseRules(book(RULES_OF_A_HOUSE)), person(user)
    granted = judge.may_subscribe(who, filter, 2) == reasons.SUCCESS
    assert (judge.granted_qos(who, filter, 2) if granted else None) == qos


def test_everybody_may_unsubscribe_unless_a_rule_forbids_it() -> None:
    judge = HouseRules(book(RULES_OF_A_HOUSE))
    assert judge.may_unsubscribe(person(), "anything") == reasons.SUCCESS
    assert judge.may_unsubscribe(person(), "news/alarm") == reasons.NOT_AUTHORIZED


def test_everything_said_of_people_must_fit() -> None:
    rules = book(
        """
        [[rule]]
        allow = "publish"
        topics = "#"
        tenant = "acme"
        user = ["alice", "bob"]
        client = "pho*"
        listener = "mqtt"
        authenticator = "passwords"
        attributes = { role = "nurse" }
        """
    )
    judge = HouseRules(rules)

    def may(who: Identity) -> bool:
        who.authenticator = "passwords"
        return judge.may_publish(who, "a", 0, False) == reasons.SUCCESS

    assert may(person(role="nurse"))
    assert may(person("bob", role="nurse"))
    assert not may(person("carol", role="nurse"))
    assert not may(person(tenant="other", role="nurse"))
    assert not may(person(client="tablet", role="nurse"))
    assert not may(person(role="doctor"))
    assert not may(person())
    assert not may(Identity("acme", "alice", attributes={"role": "nurse"}).of_client("phone", "mqtt-2"))
    assert judge.may_publish(person(role="nurse"), "a", 0, False) == reasons.NOT_AUTHORIZED


def test_what_is_wrong_with_several_rules_is_said_together() -> None:
    with pytest.raises(ConfigError) as caught:
        book('[[rule]]\nallow = "publish"\ntopics = "a/#/b"\n\n[[rule]]\ndeny = "publish"\ntopics = ["a", "${x}"]\n')
    assert caught.value.problems == [
        'rules.toml:1: rule[1]: "a/#/b" is no topic filter: + stands for a whole level, # for the last one',
        'rules.toml:5: rule[2]: "${x}": there is no variable ${x}; there are ${tenant}, ${user}, ${client} and'
        " ${attributes.NAME}",
    ]


def test_qos_levels_are_told_apart_only_where_a_rule_does() -> None:
    assert HouseRules(book(RULES_OF_A_HOUSE)).judges_qos
    assert not HouseRules(book('[[rule]]\nallow = "publish"\ntopics = "a"\n')).judges_qos


def test_an_answer_is_kept_with_the_identity_until_the_rules_change() -> None:
    who = person()
    before = HouseRules(book('[[rule]]\nallow = "publish"\ntopics = "a"\n'))
    assert before.standing(who) is before.standing(who)
    after = HouseRules(book(""))
    assert before.may_publish(who, "a", 0, False) == reasons.SUCCESS
    assert after.may_publish(who, "a", 0, False) == reasons.NOT_AUTHORIZED


def test_what_is_remembered_of_one_identity_is_bounded() -> None:
    judge, who = HouseRules(book('[[rule]]\nallow = ["publish", "subscribe"]\ntopics = "a/#"\n')), person()
    for number in range(3000):
        assert judge.may_publish(who, f"a/{number}", 0, False) == reasons.SUCCESS
        assert judge.may_subscribe(who, f"a/{number}", 0) == reasons.SUCCESS
    standing = judge.standing(who)
    assert standing._publish is not None
    assert standing._subscribe is not None
    assert len(standing._publish._remembered) <= 1024
    assert len(standing._subscribe._remembered) <= 1024
