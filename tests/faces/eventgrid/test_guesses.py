"""Wrong tokens make their address wait; who has been right there, or has nothing to guess by, does not wait for it."""

from collections.abc import MutableMapping
from typing import Any

from myna.config.outgoing import WebhookSettings
from myna.faces.eventgrid.settings import Settings
from tests.faces.eventgrid.harness import Desk, scope_of


async def test_holders_of_a_good_key_do_not_wait_for_what_others_try() -> None:
    desk = Desk()
    desk.world.broker.logins.failures = 3
    assert (await desk.publish("topic=a")).status == 204
    desk.face.look_again(force=True)  # nobody is remembered any more
    answers = [(await desk.publish("topic=a", token=b"guess %d" % number)).status for number in range(5)]
    assert answers[-1] == 429
    assert (await desk.publish("topic=a")).status == 204


async def test_who_shows_no_more_than_a_certificate_does_not_wait() -> None:
    desk = Desk(Settings(webhook=WebhookSettings(url="https://hook.example/x")), development=False)
    logins = desk.world.broker.logins
    logins.failures = 3
    for number in range(3):
        logins.failed("192.0.2.7", f"guess {number}", desk.world.now)
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await desk.app(scope_of("POST", "/mqtt/messages?topic=a", []), receive, send)
    assert sent[0]["status"] == 401
