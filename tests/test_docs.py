"""The manual names everything there is: each setting of the configuration, each limit. Its example can be used."""

import asyncio
import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from myna.app import examine
from myna.commands.check import warn
from myna.config import load, sections
from myna.config.limits import LimitSettings
from myna.core.limits import Limits, vars_of
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
        sections.Tls,
        sections.MqttListener,
        sections.Access,
        sections.Log,
        LimitSettings,
    ],
)
def test_every_setting_is_in_the_manual(section: type) -> None:
    settings = {field.name for field in fields(section)} - NOT_SETTINGS
    assert settings - NAMED == set()


def test_the_example_of_a_deployment_is_accepted(tmp_path: Path) -> None:
    text = (DOCS / "configuration.example.toml").read_text(encoding="utf-8")
    for place, here in (("/var/lib/myna", tmp_path / "data"), ("/etc/myna", certificates.folder())):
        assert place in text
        text = text.replace(place, str(here))
    file = tmp_path / "myna.toml"
    file.write_text(text, encoding="utf-8")
    loaded = load(str(file), {})
    assert asyncio.run(examine(loaded)) == []
    assert list(warn(loaded.config)) == []
    assert list(tmp_path.iterdir()) == [file]


def test_every_default_of_the_limits_is_as_the_manual_says() -> None:
    table = dict(re.findall(r"^\| `([a-z_0-9]+)` \| (\d+) \|", MANUAL, re.MULTILINE))
    limits = vars_of(Limits())
    checked = {name: str(limits[name]) for name in table if name in limits}
    assert {"topic_alias_maximum", "maximum_qos", "receive_maximum"} <= set(checked)
    assert {name: text.removesuffix(".0") for name, text in checked.items()} == {name: table[name] for name in checked}
