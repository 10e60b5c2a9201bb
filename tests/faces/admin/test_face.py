"""The description is of what is there, and a bug is answered as one."""

import logging
import re
from pathlib import Path

import pytest

from myna.faces.admin.description import describe
from myna.faces.admin.endpoint import Call, Endpoint, Operation, Reply
from myna.faces.admin.face import all_operations
from myna.faces.routes import HttpRoutes
from myna.testing import TENANT
from tests.faces.admin.desk import Desk


def test_every_operation_is_claimed_and_described() -> None:
    desk = Desk()
    described = {
        (method.upper(), path)
        for path, item in describe(all_operations(desk.context))["paths"].items()
        for method in item
    }
    claimed = {(route.methods[0], route.pattern) for route in desk.claims.administration}
    assert claimed == described
    assert not desk.claims.routes
    assert not desk.claims.hot


def test_the_manual_names_every_operation_and_no_other() -> None:
    manual = (Path(__file__).resolve().parents[3] / "docs" / "administration.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[a-z_/{}.]+)", manual)) - {("GET", "/openapi.json")}
    claimed = {(one.method, one.pattern.removeprefix("/api/admin")) for one in all_operations(Desk().context)}
    assert named == claimed


def test_operations_have_names_of_their_own() -> None:
    names = [one.name for one in all_operations(Desk().context)]
    assert len(names) == len(set(names))


def test_other_methods_are_told_which_there_are() -> None:
    answer = Desk().call("PATCH", "/sessions")
    assert answer.status == 405
    assert answer.headers[b"allow"] == b"GET"


def test_a_bug_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(call: Call) -> Reply:
        raise RuntimeError("a bug for the test")

    desk = Desk()
    operation = Operation("GET", "/api/admin/x", "x", "", broken)
    claimed = [type(desk.claims.administration[0])("/api/admin/x", Endpoint(operation, lambda _: 1), ("GET",))]
    desk._app = HttpRoutes({}, claimed)
    with caplog.at_level(logging.ERROR):
        assert desk.problem("GET", "/x") == (500, "")
    assert "a bug for the test" in caplog.text


def test_what_an_administrator_changes_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.world.connected("alice")
    with caplog.at_level(logging.INFO):
        desk.call("GET", "/sessions")
        assert caplog.text == ""
        desk.call("POST", f"/sessions/{TENANT}/nobody/disconnect")
        assert caplog.text == ""
        desk.call("POST", f"/sessions/{TENANT}/alice/disconnect")
    assert f"disconnectSession of tenant '{TENANT}', client_id 'alice'" in caplog.text
