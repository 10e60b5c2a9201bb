"""Settings of hubs: what holds for which, what may be said, and what is remembered."""

from pathlib import Path

import msgspec
import pytest

from myna.config import ConfigError
from myna.config.decode import NOWHERE, decode
from myna.core.kept import KeptValues
from myna.faces.webpubsub import hubs
from myna.faces.webpubsub.hub_settings import Handler, HubSettings, mask_url, read_hub_settings, show_hub_settings
from myna.faces.webpubsub.hubs import Hubs
from myna.faces.webpubsub.settings import Settings
from myna.testing import World

ONE, TWO, THREE = (HubSettings(calls=number) for number in (1, 2, 3))


def kept() -> KeptValues:
    return World().broker.kept


def test_own_settings_come_first_then_the_default_hubs_then_none() -> None:
    found = Hubs(kept(), {"Chat": ONE, "_default": TWO}, ())
    assert (found.of("chat"), found.of("other")) == (ONE, TWO)
    assert Hubs(kept(), {}, ()).of("chat") == HubSettings()


def test_what_is_set_at_run_time_comes_before_the_file() -> None:
    held = kept()
    found = Hubs(held, {"chat": ONE, "_default": ONE}, ())
    assert found.of("chat") == ONE
    found.put("chat", TWO)
    found.put("_default", THREE)
    assert (found.of("chat"), found.of("other")) == (TWO, THREE)
    again = Hubs(held, {"chat": ONE}, ())  # after a restart
    assert (again.of("chat"), again.of("other")) == (TWO, THREE)
    assert again.listed() == {"_default": (THREE, "administration"), "chat": (TWO, "administration")}
    assert again.remove("chat") is not None
    assert again.remove("chat") is None
    assert again.of("chat") == ONE
    assert again.listed()["chat"] == (ONE, "configuration")


def test_another_file_counts_from_then_on() -> None:
    found = Hubs(kept(), {"chat": ONE}, ["Lobby"])
    assert found.of("chat") == ONE
    assert (found.is_anonymous("lobby"), found.is_anonymous("chat")) == (True, False)
    found.use({"chat": HubSettings(anonymous=True)}, [])
    assert (found.is_anonymous("lobby"), found.is_anonymous("chat")) == (False, True)
    found.use({}, ["*"])
    assert found.is_anonymous("whatever")


def test_what_is_kept_and_means_nothing_is_reported_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    held = kept()
    held.keep(hubs.SPACE, "chat", b"{")
    held.keep(hubs.SPACE, "other", b'{"colour":1}')
    found = Hubs(held, {"chat": ONE}, ())
    assert found.of("chat") == HubSettings()
    assert found.of("other") == HubSettings()
    assert list(found.listed()) == ["chat"]
    assert "the settings kept for the hub other cannot be read" in caplog.text


def test_hubs_without_number_are_not_all_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "REMEMBERED", 10)
    found = Hubs(kept(), {"_default": ONE}, ())
    for number in range(25):
        assert found.of(f"hub{number}") == ONE
    assert len(found._found) <= 10


def test_settings_can_be_shown_and_read_again() -> None:
    handler = Handler("https://user:pass@app/{event}?code=secret&empty=", "a,b", ("connect", "left"))
    settings = HubSettings(handlers=(handler,), anonymous=True, calls=7, client_ids_of_users=False)
    shown = show_hub_settings(settings, secrets=True)
    assert read_hub_settings(msgspec.json.decode(msgspec.json.encode(shown)), "chat") == settings
    masked = show_hub_settings(settings, secrets=False)
    assert masked["handlers"][0]["url_template"] == "https://***@app/{event}?code=***&empty=***"
    with pytest.raises(ConfigError, match="mask"):
        read_hub_settings(masked, "chat")
    odd = decode({"waiting": 1000001, "timeout": "1500 ms"}, HubSettings, (), NOWHERE)
    assert read_hub_settings(show_hub_settings(odd, secrets=True), "x") == odd


def test_a_url_without_secrets_is_shown_as_it_is() -> None:
    assert mask_url("http://app:7071/runtime/{hub}") == "http://app:7071/runtime/{hub}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "expected an object"),
        ({"colour": 1}, "unknown key"),
        ({"handlers": [{}]}, "url_template is missing"),
        ({"handlers": [{"url_template": "ftp://x"}]}, "expected an http or https URL"),
        ({"handlers": [{"url_template": "http:///x"}]}, "expected an http or https URL"),
        ({"handlers": [{"url_template": "http://x:99999/"}]}, "url_template"),
        ({"handlers": [{"url_template": "http://{hub}.example/"}]}, "behind the host"),
        ({"handlers": [{"url_template": "http://x/{user}"}]}, "no other placeholders"),
        ({"handlers": [{"url_template": "http://x/a b"}]}, "printable"),
        ({"handlers": [{"url_template": "http://x/#a"}]}, "fragment"),
        ({"handlers": [{"url_template": "http://x/" + "a" * 5000}]}, "4096"),
        ({"handlers": [{"url_template": "http://x", "system_events": ["message"]}]}, "system_events"),
        ({"timeout": "1 h"}, "timeout must be between"),
        ({"timeout": 0}, "timeout must be between"),
        ({"calls": 0}, "calls must be at least 1"),
        ({"waiting": "much"}, "a size such as"),
    ],
)
def test_what_makes_no_sense_is_said(values: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_hub_settings(values, "chat")


@pytest.mark.parametrize(("names", "words"), [(("1",), "no hub can be named"), (("a", "A"), "only in the case")])
def test_names_of_hubs_are_checked(names: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(hubs={name: HubSettings() for name in names})


def test_the_manual_names_every_setting() -> None:
    manual = (Path(__file__).resolve().parents[3] / "docs/faces/webpubsub.md").read_text(encoding="utf-8")
    for kind in (Settings, HubSettings, Handler):
        missing = [one.name for one in msgspec.structs.fields(kind) if one.name not in manual]
        assert missing == []
