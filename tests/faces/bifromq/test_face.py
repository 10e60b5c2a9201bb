"""What is claimed, and that its page says the same."""

import re
from pathlib import Path

import pytest

from myna.app.limits import core_limits
from myna.config.limits import PROFILES
from myna.core.limits import LIMIT_NAMES, Limits
from myna.faces.bifromq.face import Settings
from myna.testing import World
from tests.faces.bifromq.test_subscription_rules import face_on

PAGE = (Path(__file__).resolve().parents[3] / "docs/faces/bifromq.md").read_text(encoding="utf-8")

# Its per-tenant settings, as the vendor publishes them.
BIFROMQ_SETTINGS: str = """
MQTT3Enabled MQTT4Enabled MQTT5Enabled NoLWTWhenServerShuttingDown DebugModeEnabled ForceTransient ByPassPermCheckError
PayloadFormatValidationEnabled RetainEnabled WildcardSubscriptionEnabled SubscriptionIdentifierEnabled
SharedSubscriptionEnabled MaximumQoS MaxTopicLevelLength MaxTopicLevels MaxTopicLength MaxTopicAlias
MaxSharedGroupMembers MaxTopicFiltersPerInbox MsgPubPerSec ReceivingMaximum InBoundBandWidth OutBoundBandWidth
MaxLastWillBytes MaxUserPayloadBytes MinSendPerSec MaxResendTimes ResendTimeoutSeconds MaxTopicFiltersPerSub
MaxGroupFanout MaxPersistentFanout MaxPersistentFanoutBytes MaxSessionExpirySeconds MinSessionExpirySeconds
MinKeepAliveSeconds SessionInboxSize QoS0DropOldest RetainMessageMatchLimit
"""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below this first cell."""
    lines = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_lists_exactly_the_calls_there_are() -> None:
    listed = [tuple(row[0].strip("`").split(" ")) for row in rows("Call")]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(face_on(World()).claims().hot)


def test_the_page_lists_the_settings_there_are() -> None:
    listed = {row[0].strip("`") for row in rows("Key of `[faces.bifromq]`")}
    assert listed == set(Settings.__struct_fields__)


def test_every_setting_of_a_tenant_has_its_row() -> None:
    named = [name for row in rows("BifroMQ's setting") for name in re.findall(r"`(\w+)`", row[0])]
    assert named == BIFROMQ_SETTINGS.split()


@pytest.mark.parametrize("row", rows("BifroMQ's setting"), ids=lambda row: str(row[0]))
def test_a_setting_s_row_says_what_the_profile_holds(row: list[str]) -> None:
    _, key, value = row
    if value == "-":
        assert key.startswith("none: ")
        return
    name = key.split("`")[1]
    assert name in LIMIT_NAMES
    held = getattr(core_limits(PROFILES["bifromq"]), name)
    if value == "all":
        assert held == Limits().levels
    else:
        assert str(held).lower().removesuffix(".0") == value.strip("`")


def test_it_has_a_listener_of_its_own_and_answers_everything_there() -> None:
    claims = face_on(World()).claims()
    assert claims.own_listener == "bifromq"
    assert claims.fallback is not None
    assert not claims.routes


def test_nothing_else_of_the_source_knows_it() -> None:
    """Deleting its folder and its line removes it; what is left are the listener's name and the vendor's limits."""
    source = Path(__file__).resolve().parents[3] / "src/myna"
    importing = [
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if "faces.bifromq" in path.read_text(encoding="utf-8") and "faces/bifromq" not in str(path)
    ]
    assert importing == ["faces/__init__.py"]
