"""Access keys that an administrator has had made."""

import pytest

from myna.faces.webpubsub import keys
from myna.faces.webpubsub.keys import AccessKeys
from myna.testing import World


def test_the_settings_keys_hold_until_others_are_made() -> None:
    kept = World().broker.kept
    held = AccessKeys(kept, "one", "")
    assert held.both() == ("one", "")
    held.make("secondary")
    held.make("primary")
    primary, secondary = held.both()
    assert len({"one", "", primary, secondary}) == 4
    assert min(len(primary), len(secondary)) >= 32
    assert AccessKeys(kept, "one", "").both() == (primary, secondary)  # after a restart
    held.make("primary")
    assert held.primary != primary
    assert held.is_made("primary")


def test_another_key_in_the_settings_has_the_last_word() -> None:
    kept = World().broker.kept
    held = AccessKeys(kept, "one", "")
    held.make("primary")
    held.use("two", "")
    assert held.both() == ("two", "")
    assert not held.is_made("primary")


def test_a_kept_key_that_cannot_be_read_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    kept = World().broker.kept
    kept.keep(keys.SPACE, "primary", b"{")
    assert AccessKeys(kept, "one", "").primary == "one"
    assert "primary access key made at run time cannot be read" in caplog.text
