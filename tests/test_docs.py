"""The manual names everything there is: each setting of the configuration, each limit."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from myna.config import sections
from myna.config.limits import LimitSettings

MANUAL = (Path(__file__).resolve().parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
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
