"""Whatever comes in by HTTP gets a clean answer: never a 500, never an exception, never a header that breaks it."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from myna.faces.eventgrid.naming import HEADERS
from tests.faces.eventgrid.harness import Desk

CLEAN = {200, 202, 204, 400, 401, 403, 404, 405, 406, 413, 415, 503}
QUERY = st.lists(
    st.tuples(
        st.sampled_from(
            ["topic", "qos", "retain", "api-version", "topicFilter", "maxResults", "continuationToken", "x"]
        ),
        st.one_of(st.sampled_from(["a", "0", "1", "%23", "a%2F%2B"]), st.text(alphabet="%20aF/+#$=", max_size=12)),
    ),
    max_size=4,
).map(lambda pairs: "&".join("=".join(pair) for pair in pairs))
GIVEN = sorted(HEADERS - {b"content-length", b"mqtt-reply-wait-ms", b"authorization"})
PAIRS = st.lists(
    st.tuples(
        st.sampled_from([*GIVEN, b"host", b"accept", b"last-event-id", b"origin"]),
        st.one_of(st.binary(max_size=20), st.sampled_from([b"1", b"W10=", b"[]", b"text/plain"])),
    ),
    max_size=5,
)
TARGETS = st.sampled_from(
    [
        ("POST", "/mqtt/messages"),
        ("POST", "/mqtt/messages:batch"),
        ("GET", "/mqtt/retainedMessages"),
        ("GET", "/mqtt/retainedMessages/message"),
        ("DELETE", "/mqtt/retainedMessages/message"),
        ("PATCH", "/mqtt/messages"),
    ]
)
BODIES = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"[]", b'[{"topic":"a"}]', b'[{"topic":[]}]', b"[[[[", b'[{"a":'])
)


@settings(max_examples=300, deadline=None)
@given(TARGETS, QUERY, PAIRS, BODIES, st.booleans())
def test_any_request_gets_a_clean_answer(
    target: tuple[str, str], query: str, headers: list[tuple[bytes, bytes]], body: bytes, known: bool
) -> None:
    desk = Desk()
    more = {} if known else {"token": None}
    answer = asyncio.run(desk.call(target[0], f"{target[1]}?{query}", *headers, body=body, **more))  # type: ignore[arg-type]
    assert answer.status in CLEAN
    for value in answer.headers.values():
        assert value.isascii()
        assert value.isprintable()


@given(st.binary(max_size=40))
def test_any_bytes_as_authorization_are_401(value: bytes) -> None:
    answer = asyncio.run(Desk().call("POST", "/mqtt/messages?topic=a", (b"authorization", value), token=None))
    assert answer.status == 401
