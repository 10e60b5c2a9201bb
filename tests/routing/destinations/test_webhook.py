"""Events by HTTP: what is sent, and what an answer means."""

import json
from typing import Any

import msgspec
import pytest

from myna.config import Duration
from myna.formats.outgoing import Answer, CallFailed, Cause
from myna.routing.destination import NotReady
from myna.routing.destinations.webhook import Webhook, WebhookSettings, retry_after
from myna.routing.verdict import DELIVERED, Fate, Verdict
from myna.testing.outgoing import ScriptedHttp
from tests.routing.harness import Depot

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "näme space",
    "type": "t",
    "subject": 'a/"b"%',
    "n": 5,
    "datacontenttype": "application/json",
    "data": {"x": 1},
}


def settings(**given: Any) -> WebhookSettings:
    raw = {"kind": "webhook", "url": "https://example.com/hook?code=1", **given}
    return msgspec.convert(
        raw, WebhookSettings, dec_hook=lambda kind, value: Duration.parse(value) if kind is Duration else kind(value)
    )


def ok(status: int = 200, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


class Post:
    """A webhook with what it sends to."""

    def __init__(self, *answers: Answer | CallFailed, **given: Any) -> None:
        self.depot = Depot()
        self.http = ScriptedHttp(*answers)
        self.webhook = Webhook(self.depot.context(self.http), settings(**given))

    async def send(self, *events: dict[str, Any]) -> Verdict:
        for event in events or (EVENT,):
            self.depot.put(json.dumps(event).encode())
        return await self.webhook.deliver(self.depot.line.take(100, 1 << 20))


async def test_one_event_is_a_structured_post() -> None:
    post = Post(ok(), headers={"X-Own": "5"})
    assert await post.send() is DELIVERED
    (asked,) = post.http.asked
    assert (asked.method, asked.url) == ("POST", "https://example.com/hook?code=1")
    assert asked.headers == {"content-type": "application/cloudevents+json; charset=utf-8", "x-own": "5"}
    assert json.loads(asked.body) == EVENT


async def test_with_batches_even_one_event_is_an_array() -> None:
    post = Post(ok(), ok(), max_events_per_batch=10)
    await post.send()
    await post.send(EVENT, EVENT | {"id": "2"})
    assert [json.loads(asked.body) for asked in post.http.asked] == [[EVENT], [EVENT, EVENT | {"id": "2"}]]
    assert post.http.asked[0].headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"


async def test_the_binary_form_has_attributes_in_headers_and_the_data_as_it_is() -> None:
    post = Post(ok(), ok(), mode="binary")
    await post.send()
    (asked,) = post.http.asked
    assert asked.body == b'{"x":1}'
    assert asked.headers == {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "n%C3%A4me%20space",
        "ce-type": "t",
        "ce-subject": "a/%22b%22%25",
        "ce-n": "5",
        "content-type": "application/json",
    }
    bare = {name: value for name, value in EVENT.items() if not name.startswith("data")}
    await post.send(bare | {"data_base64": "AP8=", "datacontenttype": "x/y"})
    assert (post.http.asked[1].body, post.http.asked[1].headers["content-type"]) == (b"\0\xff", "x/y")


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_yes(status: int) -> None:
    assert (await Post(ok(status)).send()).fate is Fate.DELIVERED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 414])
async def test_never(status: int) -> None:
    verdict = await Post(ok(status)).send()
    assert (verdict.fate, verdict.cause) == (Fate.NEVER, f"the endpoint answered {status}")


@pytest.mark.parametrize(
    ("status", "after"), [(205, 10), (301, 10), (408, 120), (409, 10), (429, 10), (500, 10), (503, 30), (504, 10)]
)
async def test_again_after_a_while(status: int, after: float) -> None:
    verdict = await Post(ok(status)).send()
    assert (verdict.fate, verdict.after) == (Fate.AGAIN, after)


async def test_an_endpoint_that_has_moved_is_not_followed_and_says_where_it_is() -> None:
    for location, place in (
        ("http://me:pw@other.example/new?code=secret", "http://other.example/new"),
        ("/new?code=secret", "https://example.com/new"),
        ("http://[", "an address that is none"),
    ):
        post = Post(ok(308, location=location))
        verdict = await post.send()
        assert (verdict.fate, len(post.http.asked)) == (Fate.AGAIN, 1)
        assert f"308 and sends to {place}; redirects are not followed" in verdict.cause


async def test_an_endpoint_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() -> None:
    assert (await Post(ok(503, retry_after="100")).send()).after == 100
    assert (await Post(ok(503, retry_after="1")).send()).after == 30
    assert retry_after("Thu, 01 Jan 1970 00:02:00 GMT", 60.0) == 60.0
    assert [retry_after(text, 0.0) for text in ("", "soon", "-5", "9" * 400, "Thu, 99 Jan")] == [0, 0, 0, 21600, 0]


@pytest.mark.parametrize(
    ("cause", "hold", "untried"),
    [
        (Cause.TIMEOUT, 10, False),
        (Cause.CONNECTION, 30, False),
        (Cause.NAME, 300, False),
        (Cause.TLS, 300, False),
        (Cause.TOO_LARGE, 0, False),
        (Cause.HELD_BACK, 1, True),
        (Cause.CLOSED, 1, True),
    ],
)
async def test_no_answer(cause: Cause, hold: float, untried: bool) -> None:
    verdict = await Post(CallFailed(cause, "words")).send()
    assert (verdict.fate, verdict.hold, verdict.untried, verdict.cause) == (Fate.AGAIN, hold, untried, "words")


async def test_classes_of_failures_are_the_contract_s() -> None:
    found = [(await Post(ok(status)).send()).error for status in (401, 404, 429, 500)]
    assert found == ["AuthenticationError", "TopicNotFoundError", "TooManyRequests", "ServiceError"]


async def test_credentials_are_shown() -> None:
    post = Post(ok(), credentials={"bearer": "secret"})
    await post.send()
    assert post.http.asked[0].headers["authorization"] == "Bearer secret"


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    token = Answer(200, {}, b'{"access_token":"t1","expires_in":3600}')
    renewed = Answer(200, {}, b'{"access_token":"t2","expires_in":3600}')
    grant = {"token_url": "https://id.example/token", "client_id": "c", "client_secret": "s"}
    post = Post(token, ok(401), renewed, ok(), credentials=grant)
    assert await post.send() is DELIVERED
    assert [asked.headers.get("authorization") for asked in post.http.asked[1::2]] == ["Bearer t1", "Bearer t2"]
    post = Post(token, ok(401), renewed, ok(401), credentials=grant)
    assert (await post.send()).fate is Fate.NEVER


async def test_without_a_token_it_is_tried_again() -> None:
    grant = {"token_url": "https://id.example/token", "client_id": "c", "client_secret": "s"}
    assert (await Post(ok(500), credentials=grant).send()).fate is Fate.AGAIN


async def test_a_handshake_must_be_agreed_to() -> None:
    for allowed in ("*", "broker.example", "other.example, Broker.Example", "x, *"):
        post = Post(ok(200, webhook_allowed_origin=allowed), ok(), handshake=True)
        await post.webhook.start()
        await post.send()
        assert post.http.asked[0].method == "OPTIONS"
        assert post.http.asked[0].headers["webhook-request-origin"] == "broker.example"
        assert post.http.asked[1].headers["origin"] == "broker.example"
    for answer in (ok(200), ok(200, webhook_allowed_origin="other.example")):
        with pytest.raises(NotReady, match="does not agree"):
            await Post(answer, handshake=True).webhook.start()
    with pytest.raises(NotReady, match="nobody listens"):
        await Post(handshake=True).webhook.start()
    await Post().webhook.start()


async def test_what_cannot_be_decoded_is_dead_in_binary_form() -> None:
    post = Post(mode="binary")
    post.depot.put(b"[1e999]")
    assert (await post.webhook.deliver(post.depot.line.take(1, 1))).fate is Fate.NEVER


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"url": "ftp://x"}, "begins with"),
        ({"url": "https://"}, "begins with"),
        ({"headers": {f"x{number}": "" for number in range(11)}}, "at most 10"),
        ({"headers": {"a b": "x"}}, "cannot be sent"),
        ({"headers": {"a": "x\ny"}}, "cannot be sent"),
        ({"headers": {"Content-Type": "x"}}, "cannot be sent"),
        ({"mode": "binary", "max_events_per_batch": 2}, "cannot be binary"),
        ({"credentials": {"bearer": "x", "user": "y"}}, "choose one"),
        ({"dead_letter": "folder"}, "dead_letter must be"),
        ({"max_delivery_count": -1}, ">= 0"),
        ({"event_time_to_live": 0.5}, "a second at least"),
        ({"preferred_batch_size": 2_000_000}, 'to "1 MiB"'),
        ({"max_events_per_batch": 5001}, "<= 5000"),
    ],
)
def test_settings_that_cannot_be_meant(given: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        settings(**given)
