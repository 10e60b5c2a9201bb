"""Limits of a configuration in the core's types."""

from myna.app.limits import changed_limits, core_limits, largest_packet, tenant_limits
from myna.config import Config, load_text
from myna.config.limits import PROFILES
from myna.core.limits import NEVER, Limits, vars_of


def config_of(text: str) -> Config:
    return load_text(text.encode(), "myna.toml", {}).config


def test_what_is_not_said_is_the_core_s_own() -> None:
    assert vars_of(core_limits(config_of("").limits_of())) == vars_of(Limits())
    assert changed_limits(config_of("")) == {}


def test_every_profile_is_understood_by_the_core() -> None:
    for profile in PROFILES.values():
        core_limits(profile)


def test_spelled_values_become_plain_ones() -> None:
    limits = core_limits(
        config_of(
            """
            [limits]
            levels = ["3.1.1", "5"]
            packet_size = "2 MiB"
            keep_alive_maximum = "20 min"
            session_expiry_maximum = "never"
            publishes_per_second = 5
            queue_policy = "drop_oldest"
            force_transient = true
            """
        ).limits_of()
    )
    assert limits.levels == (4, 5)
    assert limits.packet_size == 2 * 1024 * 1024
    assert limits.keep_alive_maximum == 1200
    assert limits.session_expiry_maximum == NEVER
    assert limits.publishes_per_second == 5.0
    assert limits.queue_policy == "drop_oldest"
    assert limits.force_transient is True


def test_a_tenant_is_compared_with_everybody_unless_it_has_a_profile_of_its_own() -> None:
    config = config_of(
        """
        limits = { profile = "eventgrid" }
        [tenant.big.limits]
        packet_size = "4 MiB"
        [tenant.acme]
        profile = "bifromq"
        """
    )
    assert list(changed_limits(config, "big")) == ["packet_size"]
    assert "topic_levels" in changed_limits(config, "acme")
    assert tenant_limits(config)["big"].maximum_qos == 1
    assert tenant_limits(config)["acme"].maximum_qos == 2


def test_before_a_client_is_known_the_largest_packet_of_any_tenant_is_read() -> None:
    assert largest_packet(config_of('[tenant.big.limits]\npacket_size = "4 MiB"')) == 4 * 1024 * 1024
    assert largest_packet(config_of("[tenant.big.limits]\npacket_size = 10")) == 1024 * 1024
    assert largest_packet(config_of("[tenant.big.limits]\npacket_size = 0")) == 0
