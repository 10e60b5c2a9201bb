"""The manual names everything there is: each setting of the configuration, each limit. Its example can be used."""

import asyncio
import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from myna.access import AUTHENTICATORS
from myna.access.claims import JwtIssuer
from myna.access.gates import load_authenticator
from myna.access.rules.authority import Ready
from myna.access.rules.book import Rulebook
from myna.access.rules.words import judge
from myna.app import examine
from myna.commands.check import warn
from myna.config import load, rules, sections
from myna.config.limits import LimitSettings
from myna.config.outgoing import CredentialSettings
from myna.config.rules_file import read_rules
from myna.core.identity import Identity
from myna.core.limits import Limits, vars_of
from myna.routing.destinations import KINDS
from myna.routing.rules import RuleSettings
from tests.net import certificates

DOCS = Path(__file__).resolve().parents[1] / "docs"
MANUAL = (DOCS / "configuration.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([a-z_0-9]+)`", MANUAL))
NOT_SETTINGS = {"tables"}  # how [access.NAME] is held


@pytest.mark.parametrize(
    "section",
    [
        sections.Server,
        sections.Network,
        sections.Protection,
        sections.Tls,
        sections.TlsName,
        sections.Administration,
        sections.MqttListener,
        sections.Access,
        sections.Log,
        sections.Routing,
        rules.RulesSettings,
        rules.RuleSettings,
        rules.CheckSettings,
        LimitSettings,
        *(load_authenticator(name).SETTINGS for name in AUTHENTICATORS),
    ],
)
def test_every_setting_is_in_the_manual(section: type) -> None:
    settings = {field.encode_name for field in fields(section)} - NOT_SETTINGS
    assert settings - NAMED == set()


@pytest.mark.parametrize("table", [JwtIssuer, CredentialSettings])
def test_every_setting_of_a_table_within_is_on_its_page(table: type) -> None:
    page = (DOCS / "access-tokens.md").read_text(encoding="utf-8")
    assert {field.encode_name for field in fields(table)} - set(re.findall(r"`([a-z_0-9]+)\b", page)) == set()


@pytest.mark.parametrize("section", [RuleSettings, *(kind.SETTINGS for kind in KINDS.values())])
def test_every_setting_of_routing_is_on_its_pages(section: type) -> None:
    pages = [(DOCS / name).read_text(encoding="utf-8") for name in ("routing.md", "destinations.md")]
    named = {word for page in pages for word in re.findall(r"`([a-z_0-9]+)`", page)}
    assert {field.name for field in fields(section)} - named == set()


def test_the_example_of_a_deployment_is_accepted(tmp_path: Path) -> None:
    text = (DOCS / "configuration.example.toml").read_text(encoding="utf-8")
    for place, here in (("/var/lib/myna", tmp_path / "data"), ("/etc/myna", certificates.folder())):
        assert place in text
        text = text.replace(place, str(here))
    file = tmp_path / "myna.toml"
    file.write_text(text, encoding="utf-8")
    loaded = load(str(file), {})
    assert asyncio.run(examine(loaded)).problems == []
    assert list(warn(loaded.config)) == []
    assert list(tmp_path.iterdir()) == [file]


def test_every_default_of_the_limits_is_as_the_manual_says() -> None:
    table = dict(re.findall(r"^\| `([a-z_0-9]+)` \| (\d+) \|", MANUAL, re.MULTILINE))
    limits = vars_of(Limits())
    checked = {name: str(limits[name]) for name in table if name in limits}
    assert {"topic_alias_maximum", "maximum_qos", "receive_maximum"} <= set(checked)
    assert {name: text.removesuffix(".0") for name, text in checked.items()} == {name: table[name] for name in checked}


PAGES = [path for folder in (DOCS, DOCS.parent, DOCS.parent / "bench") for path in sorted(folder.glob("*.md"))]
PAGES += sorted((DOCS / "faces").glob("*.md")) + sorted((DOCS / "decisions").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_index_names_every_decision() -> None:
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (DOCS / "decisions").glob("[0-9]*.md")}
    assert pages - set(re.findall(r"\]\(([^)]+)\)", index)) == set()


def test_the_example_of_rules_means_what_its_page_says() -> None:
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    (text,) = [block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[[rule]]" in block]
    ready = Ready(rules.RulesSettings(), [], Rulebook(read_rules(text.encode(), "rules.toml")), None)
    resident = Identity("acme", "alice", attributes={"role": "resident"}).of_client("phone", "mqtt")
    answers = [
        judge(ready, resident, "subscribe", filter, 0).yes for filter in ("home/alice/#", "home/alice/lamp", "#")
    ]
    assert answers == [False, True, False]
    assert judge(ready, resident, "publish", "home/alice/lamp", 0).words.startswith("rule 2 ")
