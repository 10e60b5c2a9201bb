import logging
from urllib.parse import quote

import pytest

from myna.testing import TENANT
from tests.faces.admin.desk import Desk

UNBAN = "/bans?kind=client_id&what=alice"


def test_a_ban_ends_the_connection_keeps_the_client_out_and_is_lifted() -> None:
    desk = Desk()
    client = desk.world.connected("alice")
    ban = {"kind": "client_id", "what": "alice", "reason": "noise", "seconds": 60}
    made = desk.call("POST", "/bans", ban)
    assert made.status == 201
    shown = {"tenant": None, "kind": "client_id", "what": "alice", "reason": "noise"}
    assert made.json() == {**shown, "made": "1970-01-01T00:16:40Z", "until": "1970-01-01T00:17:40Z"}
    assert client.is_closed()
    assert desk.get("/bans")["bans"] == [made.json()]
    assert desk.call("DELETE", UNBAN).status == 204
    assert desk.problem("DELETE", UNBAN) == (404, "")
    assert desk.get("/bans")["bans"] == []
    desk.world.connected("alice")


def test_a_ban_of_one_tenant_is_named_with_it() -> None:
    desk = Desk()
    desk.call("POST", "/bans", {"kind": "user", "what": "ann", "tenant": TENANT})
    assert desk.problem("DELETE", "/bans?kind=user&what=ann") == (404, "")
    assert desk.call("DELETE", f"/bans?kind=user&what=ann&tenant={TENANT}").status == 204


def test_the_log_says_whom_an_administrator_bans(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    with caplog.at_level(logging.INFO):
        desk.call("POST", "/bans", {"kind": "user", "what": "ann", "seconds": 60, "reason": "noise"})
        desk.call("POST", "/bans", {"kind": "address", "what": "192.0.2.7", "tenant": TENANT})
    assert "ban of user 'ann' in all tenants, until 1970-01-01T00:17:40Z, reason 'noise'" in caplog.text
    assert f"ban of address '192.0.2.7' in tenant '{TENANT}', until it is lifted" in caplog.text


def test_a_client_of_one_user_is_banned_by_both_names() -> None:
    desk = Desk()
    ban = {"kind": "client_of_user", "what": '["ann","phone"]'}
    assert desk.call("POST", "/bans", ban).json()["what"] == '["ann", "phone"]'
    spelled_otherwise = quote('[ "ann","phone" ]')
    assert desk.call("DELETE", f"/bans?kind=client_of_user&what={spelled_otherwise}").status == 204
    for wrong in ("ann", '["ann"]', '["ann", 1]', "{}", "[" * 100_000):
        assert desk.problem("POST", "/bans", {**ban, "what": wrong[:60_000]}) == (400, "what")


def test_networks_have_one_spelling() -> None:
    desk = Desk()
    assert desk.call("POST", "/bans", {"kind": "address", "what": "192.0.2.77/24"}).json()["what"] == "192.0.2.0/24"
    assert desk.call("DELETE", "/bans?kind=address&what=192.0.2.0%2F24").status == 204


def test_bans_come_in_pages() -> None:
    desk = Desk()
    for number in range(5):
        desk.call("POST", "/bans", {"kind": "user", "what": f"u{number}"})
    page = desk.get("/bans?limit=3")
    rest = desk.get(f"/bans?limit=3&cursor={page['next']}")
    assert [ban["what"] for ban in [*page["bans"], *rest["bans"]]] == [f"u{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"kind": "colour", "what": "x"}, "kind"),
        ({"kind": "user"}, "what"),
        ({"kind": "user", "what": ""}, "what"),
        ({"kind": "user", "what": "\ud800"}, ""),
        ({"kind": "user", "what": "x", "seconds": 0}, "seconds"),
        ({"kind": "user", "what": "x", "seconds": 10**12}, "seconds"),
        ({"kind": "address", "what": "nowhere"}, "what"),
        ({"kind": "user", "what": "x", "why": "y"}, "why"),
        ([], ""),
        (b"", ""),
        (b"{", ""),
        (b"\xff\xfe", ""),
        (b'{"kind":"user","what":"\xff"}', ""),
    ],
)
def test_what_is_no_ban_is_refused(body: object, parameter: str) -> None:
    assert Desk().problem("POST", "/bans", body) == (400, parameter)
