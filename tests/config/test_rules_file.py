"""A file of rules."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.config import ConfigError
from myna.config.rules_file import read_rules


def test_each_rule_knows_its_line() -> None:
    rules = read_rules(
        b'# first\n[[rule]]\nallow = "publish"\ntopics = "a"\n\n[[rule]]\ndeny = "publish"\ntopics = "b"\n', "r"
    )
    assert [rule.place for rule in rules] == ["r:2: rule[1]", "r:6: rule[2]"]
    assert read_rules(b"", "r") == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'[[rule]]\ntopics = "\xff"', "r:2: not UTF-8; save the file as UTF-8"),
        (b"[[rule]]\ntopics", "r: "),
        (b"[rules]\nfile = 'x'", "r:1: rules: unknown key; did you mean rule?"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(content: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules(content, "r")
    assert caught.value.problems[0].startswith(problem)


PIECES = [*rb"""[[rule]] allow deny topics = "publish" "a/#" [ ] , # 3""".split(), b"\n", b" ", b"\xff"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=20).map(b"".join))
def test_whatever_a_file_holds_it_is_rules_or_a_complaint(content: bytes) -> None:
    problems = ["r"]
    try:
        read_rules(content, "r")
    except ConfigError as error:
        problems = error.problems
    assert all(problem.startswith("r") for problem in problems)
