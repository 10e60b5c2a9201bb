"""Limits by their names, and the profiles."""

import pytest

from myna.config import load_text
from myna.config.limits import PROFILES, LimitSettings
from myna.core.limits import LIMIT_NAMES


def test_the_names_are_those_of_the_core() -> None:
    assert LimitSettings.__struct_fields__ == LIMIT_NAMES


def test_layers_lie_over_each_other() -> None:
    config = load_text(
        b"""
        [limits]
        profile = "eventgrid"
        queue_messages = 7
        [tenant.acme.limits]
        maximum_qos = 2
        [tenant.shop]
        profile = "bifromq"
        limits = { topic_levels = 3 }
        """,
        "",
        {},
    ).config
    assert config.limits_of().said() == {**PROFILES["eventgrid"].said(), "queue_messages": 7}
    assert config.limits_of("acme").maximum_qos == 2
    assert config.limits_of("acme").queue_messages == 7
    assert config.limits_of("shop").said() == {**PROFILES["bifromq"].said(), "topic_levels": 3}
    assert config.limits_of("other") == config.limits_of()


@pytest.mark.parametrize(
    ("profile", "limit", "value"),
    [
        ("bifromq", "topic_levels", 16),
        ("bifromq", "publishes_per_second", 200.0),
        ("bifromq", "queue_qos_0", True),
        ("eventgrid", "maximum_qos", 1),
        ("eventgrid", "deliveries_per_second", 100.0),
        ("eventgrid", "refused_publish_disconnects_3", True),
        ("eventgrid", "packet_size", 524_288),
        ("eventgrid", "queue_policy", "drop_session"),
        ("webpubsub", "retain_available", False),
        ("webpubsub", "session_expiry_maximum", 30),
        ("webpubsub", "topic_alias_maximum", 0),
    ],
)
def test_profiles_hold_what_the_vendors_publish(profile: str, limit: str, value: object) -> None:
    assert getattr(PROFILES[profile], limit) == value
