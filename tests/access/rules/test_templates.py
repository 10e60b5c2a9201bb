"""Topics with a client's names in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.access.rules.templates import BadTemplate, Template
from myna.wire.topics import check_filter
from tests.access.rules.people import person


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("a/+/#", "a/+/#"),
        ("${tenant}/${user}/${client}/#", "acme/alice/phone/#"),
        ("sites/${attributes.site}/+", "sites/north/+"),
        ("x-${user}.log", "x-alice.log"),
        ("${user}/${user}", "alice/alice"),
        ("$SYS/${user}", "$SYS/alice"),
        ("sites/${attributes.unknown}", None),
        ("sites/${attributes.empty}", None),
    ],
)
def test_variables_stand_for_a_clients_names(text: str, filter: str | None) -> None:
    assert Template(text).fill(person(site="north", empty="")) == filter


@pytest.mark.parametrize("value", ["a/b", "+", "#", "a#", "a+b", "/", "a\0b", "", "\ud800"])
@pytest.mark.parametrize("text", ["home/${user}/#", "home/${attributes.x}", "${client}", "x${tenant}x"])
def test_a_value_that_is_more_than_a_part_of_a_level_makes_the_whole_match_nothing(text: str, value: str) -> None:
    assert Template(text).fill(person(value, value, value, x=value)) is None


@pytest.mark.parametrize("value", ["a/b", "+", "#", "a#", "a+b", "/", "a\0b", "\ud800", "x" * 70_000])
def test_such_a_value_does_not_help_to_escape_from_what_is_denied(value: str) -> None:
    """Somebody may have chosen it for that."""
    assert Template("home/x${user}x/#").cover(person(value)) == "home/+/#"
    assert Template("home/${user}/${client}").cover(person("alice", client=value)) in ("home/alice/+", "home/+/+")
    assert Template("sites/${attributes.x}").cover(person()) is None


def test_what_is_denied_may_begin_with_a_dollar_sign() -> None:
    assert Template("${user}/#").cover(person("$SYS")) == "$SYS/#"


def test_a_value_cannot_lead_to_the_brokers_own_topics() -> None:
    assert Template("${user}/#").fill(person("$SYS")) is None
    assert Template("home/${user}").fill(person("$SYS")) == "home/$SYS"


def test_a_value_is_not_looked_through_for_variables() -> None:
    assert Template("a/${user}").fill(person("${client}")) == "a/${client}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a/#/b", "no topic filter"),
        ("a/${user}+", "no topic filter"),
        ("${user}#", "no topic filter"),
        ("", "no topic filter"),
        ("a/${usr}", "no variable ${usr}; there are ${tenant}, ${user}, ${client} and ${attributes.NAME}"),
        ("a/${attributes.}", "no variable"),
        ("a/${user", "without its }"),
        ("$share/g/a", "leave out the first two levels"),
    ],
)
def test_a_template_that_means_nothing_says_why(text: str, problem: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        Template(text)
    assert problem in str(caught.value)


@given(
    st.lists(st.one_of(st.sampled_from(("${user}", "${client}", "/", "x")), st.text(max_size=3))), st.text(), st.text()
)
def test_what_is_denied_reaches_at_least_as_far_as_what_would_be_allowed(
    pieces: list[str], user: str, client: str
) -> None:
    try:
        template = Template("".join(pieces))
    except BadTemplate:
        return
    who = person(user, client=client)
    allowed, denied = template.fill(who), template.cover(who)
    assert denied is None or check_filter(denied)
    if allowed is not None:
        assert denied == allowed
    elif not template.is_fixed and user and client:
        assert denied is not None


@given(
    st.lists(st.one_of(st.sampled_from(("${user}", "${client}", "${", "}", "/", "+", "#", "$")), st.text(max_size=3))),
    st.text(),
    st.text(),
)
def test_a_name_never_widens_what_a_template_reaches(pieces: list[str], user: str, client: str) -> None:
    try:
        template = Template("".join(pieces))
    except BadTemplate:
        return
    filter = template.fill(person(user, client=client))
    if filter is None:
        return
    assert check_filter(filter)
    assert filter.count("/") == template.text.count("/")
    assert filter.count("+") == template.text.count("+")
    assert filter.count("#") == template.text.count("#")
    assert filter.startswith("$") == (template.text.startswith("$") and not template.text.startswith("${"))
