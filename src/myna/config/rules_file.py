"""A file of rules, and where in it each of them stands."""

import tomllib
from collections.abc import Sequence

from msgspec import Struct

from myna.config.decode import ConfigError, Source, decode
from myna.config.lines import locate
from myna.config.rules import RuleSettings
from myna.config.syntax import explain_syntax


class PlacedRule(Struct, frozen=True):
    """`place` names the spot, for messages."""

    settings: RuleSettings
    place: str


class RulesFile(Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[RuleSettings, ...] = ()


def read_rules(content: bytes, name: str) -> list[PlacedRule]:
    """What a rules file says. Raises ConfigError."""
    try:
        text = content.decode()
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{name}:{line}: not UTF-8; save the file as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([explain_syntax(name, str(error))]) from None
    source = Source(name, locate(text), {})
    return place_rules(decode(values, RulesFile, (), source).rule, ("rule",), source)


def place_rules(rules: Sequence[RuleSettings], path: tuple[str, ...], source: Source) -> list[PlacedRule]:
    return [PlacedRule(rule, source.place((*path, index))) for index, rule in enumerate(rules)]
