"""What the face claims, what its page says of it, and what it does when settings are wrong or change."""

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from myna.config import ConfigError
from myna.faces.eventgrid.answers import STATUS, Fault, error_headers, outcome_of, refusal
from myna.faces.eventgrid.endpoint import NotAllowed, NotFound
from myna.faces.eventgrid.openapi import make_document
from myna.faces.eventgrid.settings import IssuerSettings, Settings
from myna.wire import reasons
from tests.faces.eventgrid.harness import KEY, Desk, token
from tests.faces.eventgrid.test_tokens import SENSORS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "faces" / "eventgrid.md").read_text(encoding="utf-8")


def claimed() -> set[tuple[str, str]]:
    claims = Desk().face.claims()
    errors = (NotAllowed, NotFound)
    routes = {(route.methods[0], route.pattern) for route in claims.routes if not isinstance(route.app, errors)}
    return routes | set(claims.hot)


def test_the_page_lists_every_operation_and_no_other() -> None:
    assert set(re.findall(r"^\| `([A-Z]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)) == claimed()


def test_the_description_lists_every_operation_and_no_other() -> None:
    paths = make_document()["paths"]
    assert {(method.upper(), path) for path, operations in paths.items() for method in operations} == claimed()


@pytest.mark.parametrize("table", [Settings, IssuerSettings])
def test_the_page_names_every_setting(table: type) -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert {field.name for field in fields(table)} - named == set()


async def test_an_unknown_path_is_404_in_this_api_s_words() -> None:
    for path in ("/mqtt/messages/", "/mqtt/retainedMessages/other?topic=a"):
        answer = await Desk().call("GET", path)
        assert (answer.status, answer.code) == (404, "NotFound")
        assert answer.headers["x-ms-error-code"] == "NotFound"
        assert answer.headers["x-ms-request-id"]


def test_a_namespace_that_changes_is_read_again_and_a_broken_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "namespace.json"
    file.write_bytes(b"{}")
    desk = Desk(Settings(namespace=str(file)), development=False)
    version = desk.face._directory.version
    desk.face.look_again()
    assert desk.face._directory.version == version
    file.write_bytes(SENSORS)
    desk.face.look_again()
    assert desk.face._directory.version == version + 1
    file.write_bytes(b"{")
    desk.face.look_again()
    assert desk.face._directory.version == version + 1
    assert "left as it was" in caplog.text
    assert desk.face.reload(Settings(namespace=str(file)))
    assert not desk.face.reload(Settings(name="other"))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(namespace="/nowhere/at/all.json"),
        Settings(issuers=(IssuerSettings(),)),
        Settings(issuers=(IssuerSettings(keys=("/nowhere/key.pem",)),)),
        Settings(name_sources=("Subject",)),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(ConfigError):
        Desk(settings)


async def test_the_token_that_development_prints_opens_the_door() -> None:
    desk = Desk(Settings())
    printed = next(line for line in desk.face.banner() if "TOKEN=" in line).strip().removeprefix("TOKEN=")
    assert (await desk.publish("topic=a", token=printed.encode())).status == 204


async def test_without_development_there_is_no_such_token() -> None:
    printed = Desk(Settings()).face.development_token()
    desk = Desk(Settings(), development=False)
    assert desk.face.banner() == ()
    assert (await desk.publish("topic=a", token=printed.encode())).status == 401
    assert (await desk.publish("topic=a", token=KEY.encode())).status == 401
    assert (await desk.publish("topic=a", token=token(desk.world).encode())).status == 401


async def test_the_description_is_for_everybody() -> None:
    answer = await Desk().call("GET", "/mqtt/openapi.json", token=None)
    assert (answer.status, answer.json()["openapi"]) == (200, "3.1.0")


def test_every_code_has_a_status_and_an_outcome() -> None:
    for code, status in STATUS.items():
        fault = Fault(code, "x", retry_after=1.5)
        headers = dict(error_headers(fault, b"x", ("GET",)))
        assert fault.status == status
        assert outcome_of(status)
        assert (b"retry-after" in headers) == (status in (429, 503))
    assert dict(error_headers(Fault("QuotaExceeded", "x", retry_after=1.5), b""))[b"retry-after"] == b"2"


def test_what_the_core_refuses_has_an_answer() -> None:
    assert refusal(reasons.NOT_AUTHORIZED, "x").status == 403
    assert refusal(reasons.QUOTA_EXCEEDED, "x").status == 429
    assert refusal(reasons.UNSPECIFIED_ERROR, "x").status == 500
