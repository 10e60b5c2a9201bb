"""Hubs for administrators: settings and keys at run time."""

import asyncio
import json
from typing import Any

import pytest

from myna.core.records import Kept
from myna.faces.webpubsub.hub_settings import Handler, HubSettings
from myna.faces.webpubsub.settings import Settings
from myna.testing import CommitsOnCommand
from tests.faces.webpubsub.hub import JSON, Hub, Reply

HANDLER = {"url_template": "http://app/{event}?code=secret", "user_event_pattern": "*", "system_events": ["connected"]}
SHOWN = {
    "handlers": [{**HANDLER, "url_template": "http://app/{event}?code=***"}],
    "routed_user_events": "",
    "routed_system_events": [],
    "anonymous": True,
    "client_ids_of_users": True,
    "timeout": "30 s",
    "calls": 32,
    "waiting": "64 MiB",
}


def ask(hub: Hub, method: str, path: str, body: object = b"") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(hub.exchange(method, f"/api/admin/hubs{path}", "", data, []))


def test_settings_are_put_shown_listed_and_taken_back() -> None:
    hub = Hub(Settings(hubs={"news": HubSettings(calls=2)}))
    put = ask(hub, "PUT", "/Chat", {"handlers": [HANDLER], "anonymous": True})
    assert (put.status, put.json()) == (200, {"hub": "chat", "source": "administration", "settings": SHOWN})
    assert ask(hub, "GET", "/chat").json() == put.json()
    listed = ask(hub, "GET", "").json()["hubs"]
    assert [(one["hub"], one["source"]) for one in listed] == [("chat", "administration"), ("news", "configuration")]
    assert "secret" not in json.dumps(listed)
    secrets = ask(hub, "GET", "/chat/:secrets")
    assert secrets.json()["settings"]["handlers"] == [HANDLER]
    assert secrets.headers[b"cache-control"] == b"no-store"
    assert ask(hub, "DELETE", "/chat").status == 204
    assert ask(hub, "DELETE", "/chat").status == 404
    assert ask(hub, "GET", "/chat").json()["source"] == "default"


def test_what_is_put_counts_at_once() -> None:
    hub = Hub()
    path = "/client/hubs/chat"
    assert hub.upgrade(path, "", [JSON]).socket.answer == ("rejected", 401)
    ask(hub, "PUT", "/chat", {"anonymous": True})
    assert hub.upgrade(path, "", [JSON]).socket.answer == ("accepted", JSON)
    ask(hub, "DELETE", "/chat")
    assert hub.upgrade(path, "", [JSON]).socket.answer == ("rejected", 401)


def test_the_default_hub_has_settings_too() -> None:
    hub = Hub()
    assert ask(hub, "PUT", "/_default", {"calls": 3}).status == 200
    assert ask(hub, "GET", "/any").json()["source"] == "_default"
    assert ask(hub, "GET", "/any").json()["settings"]["calls"] == 3


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/chat", b"{", 400),
        ("/chat", b"null", 400),
        ("/chat", b"\xff", 400),
        ("/chat", {"colour": 1}, 400),
        ("/chat", {"handlers": [{"url_template": "http://app/?code=***"}]}, 400),
        ("/chat", b"x" * 300_000, 413),
        ("/5", {}, 400),
        ("/:keys", {}, 405),
    ],
)
def test_what_makes_no_sense_changes_nothing(path: str, body: object, status: int) -> None:
    hub = Hub()
    assert ask(hub, "PUT", path, body).status == status
    assert ask(hub, "GET", "").json() == {"hubs": []}


def test_keys_are_made_anew_one_at_a_time() -> None:
    hub = Hub()
    old = hub.token("/api/hubs/chat/:send")
    made = ask(hub, "POST", "/:regenerateKey", {"key": "secondary"}).json()["secondary"]
    assert hub.call("POST", ":send", {}, content_type="application/json", token=old).status == 202
    primary = ask(hub, "POST", "/:regenerateKey", {"key": "primary"})
    assert primary.headers[b"cache-control"] == b"no-store"
    assert hub.call("POST", ":send", {}, content_type="application/json", token=old).status == 401
    new = hub.token("/api/hubs/chat/:send", key=made.encode())
    assert hub.call("POST", ":send", {}, content_type="application/json", token=new).status == 202
    keys: dict[str, Any] = ask(hub, "GET", "/:keys").json()
    assert keys == {
        "primary": {"key": primary.json()["primary"], "made_at_run_time": True},
        "secondary": {"key": made, "made_at_run_time": True},
    }
    assert ask(hub, "POST", "/:regenerateKey", {"key": "third"}).status == 400
    assert ask(hub, "POST", "/:regenerateKey", b"[]").status == 400
    assert ask(hub, "POST", "/:regenerateKey", {"key": "primary", "hub": "chat"}).status == 400  # keys are of all hubs


def test_settings_and_keys_are_there_after_a_restart() -> None:
    store = CommitsOnCommand()
    hub = Hub(Settings(hubs={"chat": HubSettings(handlers=(Handler("http://app/"),))}), store=store)
    store.committed = 1_000_000
    made = ask(hub, "POST", "/:regenerateKey", {"key": "primary"}).json()["primary"]
    ask(hub, "PUT", "/chat", {"calls": 5})
    kept = [(one.space, one.name, one.value) for one in store.records if isinstance(one, Kept) and one.value]
    again = Hub(Settings(), kept=kept)
    assert ask(again, "GET", "/chat").json()["settings"]["calls"] == 5
    token = again.token("/api/hubs/chat/:send", key=made.encode())
    assert again.call("POST", ":send", {}, content_type="application/json", token=token).status == 202
