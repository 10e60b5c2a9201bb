"""Asking handlers whether they want our calls."""

import asyncio

import pytest

from myna.faces.webpubsub.events.protection import INVALID_FOR, VALID_FOR, Protection
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.testing.outgoing import ScriptedHttp
from tests.faces.webpubsub.events.handled import in_a_loop, settle

URL = "http://app/validate"
ORIGIN = "Hub.example:8080"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowing(origins: str, status: int = 200) -> Answer:
    return Answer(status, {"webhook-allowed-origin": origins}, b"")


def protection(http: ScriptedHttp, clock: Clock | None = None) -> Protection:
    return Protection(http, lambda: ORIGIN, clock or Clock())


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ([allowing("*")], ""),
        ([allowing("other, HUB.EXAMPLE:8080")], ""),
        ([allowing("*", 204)], ""),
        ([Answer(404, {}, b""), allowing("*")], ""),
        ([allowing("other")], "it does not allow calls from Hub.example:8080 (WebHook-Allowed-Origin)"),
        ([Answer(200, {}, b"")], "it does not allow calls from Hub.example:8080 (WebHook-Allowed-Origin)"),
        ([allowing("*", 500)], "asked whether it may be called, it answered 500"),
        ([Answer(404, {}, b""), Answer(404, {}, b"")], "asked whether it may be called, it answered 404"),
        ([CallFailed(Cause.CONNECTION, "http://app: refused")], "http://app: refused"),
    ],
)
def test_a_handler_says_whether_it_may_be_called(answers: list[Answer | CallFailed], wrong: str) -> None:
    http = ScriptedHttp(*answers)
    assert asyncio.run(protection(http).objection(URL)) == wrong
    assert [asked.method for asked in http.asked] == ["OPTIONS", "GET"][: len(answers)]
    for asked in http.asked:
        assert asked.url == URL
        assert asked.headers == {"webhook-request-origin": ORIGIN, "ce-awpsversion": "1.0"}


@in_a_loop
async def test_a_yes_holds_for_a_minute_and_is_renewed_without_waiting() -> None:
    http, clock = ScriptedHttp(allowing("*"), allowing("nobody")), Clock()
    asked = protection(http, clock)
    for _ in range(3):
        assert await asked.objection(URL) == ""
    assert len(http.asked) == 1
    clock.now += VALID_FOR
    assert await asked.objection(URL) == ""  # as it was, while it is asked again
    await settle()
    assert "does not allow" in await asked.objection(URL)
    assert len(http.asked) == 2


@in_a_loop
async def test_a_no_is_asked_again_soon() -> None:
    http, clock = ScriptedHttp(allowing("nobody"), allowing("*")), Clock()
    asked = protection(http, clock)
    assert await asked.objection(URL) != ""
    assert await asked.objection(URL) != ""
    clock.now += INVALID_FOR
    assert await asked.objection(URL) == ""
    assert len(http.asked) == 2


@in_a_loop
async def test_many_who_want_to_know_ask_once() -> None:
    http = ScriptedHttp(allowing("*"))
    asked = protection(http)
    assert await asyncio.gather(*(asked.objection(URL) for _ in range(10))) == [""] * 10
    assert len(http.asked) == 1


@in_a_loop
async def test_what_is_forgotten_is_asked_anew() -> None:
    http = ScriptedHttp(allowing("*"), allowing("nobody"))
    asked = protection(http)
    assert await asked.objection(URL) == ""
    asked.forget()
    assert await asked.objection(URL) != ""
