"""[rules] in a configuration."""

import pytest

from myna.config import Config, ConfigError, load_text
from myna.config.rules import RuleSettings


def config_of(text: str) -> Config:
    return load_text(text.encode(), "myna.toml", {}).config


def test_without_the_section_there_are_none() -> None:
    assert config_of("").rules is None


def test_a_section_says_where_they_are() -> None:
    rules = config_of(
        """
        [rules]
        file = "/etc/myna/rules.toml"
        revoked = "disconnect"
        [[rules.rule]]
        allow = "publish"
        topics = "a/#"
        [rules.check]
        url = "http://localhost:9000"
        """
    ).rules
    assert rules is not None
    assert (rules.file, rules.revoked) == ("/etc/myna/rules.toml", "disconnect")
    assert rules.rule == (RuleSettings(allow="publish", topics="a/#"),)
    assert rules.check is not None
    assert (float(rules.check.timeout), float(rules.check.remember)) == (5.0, 60.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[rules]\nfil = 'x'", "myna.toml:2: rules.fil: unknown key; did you mean file?"),
        ("[rules.check]\ntimeout = '1 s'", "myna.toml:1: rules.check: the key url is missing"),
        ("[[rules.rule]]\ntopics = 'a'", "myna.toml:1: rules.rule[1]: a rule either allows or denies"),
        ("[[rules.rule]]\nallow = 'publish'\ndeny = 'publish'\ntopics = 'a'", "myna.toml:1: rules.rule[1]: a rule"),
        ("[[rules.rule]]\nallow = 'publish'\ntopics = []", "myna.toml:1: rules.rule[1]: no topics"),
        ("[[rules.rule]]\ndeny = 'publish'\ntopics = 'a'\nqos = 1", "myna.toml:1: rules.rule[1]: `qos` bounds"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(text)
    assert caught.value.problems[0].startswith(problem)
